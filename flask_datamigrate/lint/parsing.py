"""The SQL parser, which is an optional library and imported when SQL is met."""

from __future__ import annotations

import functools
import importlib
import logging
import re
import typing as t

if t.TYPE_CHECKING:
    from sqlglot import expressions as exp

PACKAGE = "sqlglot"
INSTALL = "pip install 'flask-datamigrate[lint]'"

DIALECTS = {"postgresql": "postgres", "mysql": "mysql", "sqlite": "sqlite"}
"""The parser's names of our dialects."""

# psycopg's and PyMySQL's marks for parameters, in a form all dialects have.
_NAMED = re.compile(r"%\((\w+)\)s")
_PLAIN = re.compile(r"(?<![\w%])%s")


@functools.cache
def available() -> bool:
    """Tell whether the parser is installed."""
    try:
        importlib.import_module(PACKAGE)
    except ImportError:
        return False
    return True


def parse(text: str, dialects: t.Sequence[str]) -> tuple[exp.Expression, ...] | None:
    """Parse statements in the first dialect that knows them.

    :param dialects: the dialects to try first, in our names.
    :return: ``None`` for what no dialect can parse.
    """
    wanted = [*dialects, *(name for name in DIALECTS if name not in dialects)]
    prepared = _PLAIN.sub("?", _NAMED.sub(r":\1", text))
    return _parsed(prepared, tuple(DIALECTS[name] for name in wanted))


@functools.lru_cache(maxsize=1024)
def _parsed(text: str, dialects: tuple[str, ...]) -> tuple[exp.Expression, ...] | None:
    import sqlglot
    from sqlglot import errors
    from sqlglot import expressions as exp

    for dialect in dialects:
        try:
            with _quiet():
                found = sqlglot.parse(text, read=dialect)
        except (errors.SqlglotError, RecursionError):
            continue
        known: tuple[t.Any, ...] = tuple(x for x in found if x is not None)
        # A command is a text that was taken as it is, for want of a grammar; words
        # that are no statement are taken for an expression.
        unknown = (exp.Alias, exp.Command, exp.Condition)
        if not any(isinstance(statement, unknown) for statement in known):
            return known
    return None


class _quiet:
    """Keep the parser from logging what it falls back to; that is said as a note."""

    def __enter__(self) -> None:
        logging.getLogger(PACKAGE).addFilter(_nothing)

    def __exit__(self, *_: object) -> None:
        logging.getLogger(PACKAGE).removeFilter(_nothing)


def _nothing(record: logging.LogRecord) -> bool:
    return False
