"""What a definition means, as a short text that changes when the meaning does."""

from __future__ import annotations

import ast
import hashlib
import inspect
import textwrap
import typing as t

import sqlalchemy as sa

from .definition import Backfill
from .definition import Rows
from .definition import Transform


def fingerprint(backfill: Backfill, dialect: sa.Dialect) -> str:
    """Return twelve hexadecimal digits that stand for the definition.

    It covers the SQL with its values, the key, and the source of a transform
    without its comments and layout; not the options that may change in mid-run
    (batch size, throttle, check).
    """
    job = backfill.job
    parts = [job.kind, job.table.fullname, *(c.name for c in backfill.key)]
    parts.append(f"undo={backfill.undo}")
    if isinstance(job, Rows):
        parts += [*job.reads, "->", *job.writes, _source(job.transform)]
        if job.where is not None:
            parts.append(_sql(job.where, dialect))
    else:
        parts.append(_sql(job.statement, dialect))
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:12]


def _sql(element: sa.ClauseElement, dialect: sa.Dialect) -> str:
    compiled = element.compile(dialect=dialect)
    values = sorted((name, repr(value)) for name, value in compiled.params.items())
    return f"{' '.join(str(compiled).split())} {values}"


def _source(transform: Transform) -> str:
    function = inspect.unwrap(t.cast(t.Any, transform))
    try:
        return ast.unparse(ast.parse(textwrap.dedent(inspect.getsource(function))))
    except (OSError, TypeError, SyntaxError):
        # A lambda in the middle of a call, or a callable object.
        code = getattr(function, "__code__", None)
        if code is None:
            return ""
        values = [repr(c) for c in code.co_consts if not inspect.iscode(c)]
        return f"{code.co_code!r} {code.co_names} {values}"
