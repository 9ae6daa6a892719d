"""Statements that leave a line in the log for each row they change."""

from __future__ import annotations

import logging
import re
import typing as t

import sqlalchemy as sa
from sqlalchemy import exc

from ..backfill import faults
from ..errors import DatabaseError
from ..errors import DataMigrateError
from ..errors import DefinitionError
from ..errors import SourceError
from ..snippets.branching import Branch
from ..snippets.statements import Returning
from ..snippets.statements import returning as rows_of
from .log import LOGGER

if t.TYPE_CHECKING:
    from alembic.runtime.migration import MigrationContext

_logger = logging.getLogger(LOGGER)

_WHERE = "op.execute_logged"
_UNCHANGED = "Nothing was changed"
_ROLLED_BACK = "Of this statement nothing was changed"
_REDACTED = "[redacted]"
_PLACE = re.compile(r"%(?:(?P<percent>%)|\((?P<name>[^)]*)\)(?P<kind>[sr])|)")


def execute(
    context: MigrationContext,
    statement: t.Any,
    template: str,
    *,
    returning: t.Sequence[t.Any],
    limit: int,
    redact: t.Sequence[t.Any],
) -> int:
    """Run a statement, log the rows it changed, and return how many they are.

    In ``--sql`` mode the statement is written, with a comment that no rows are logged:
    which rows it is going to change, only the database will know.

    :raises DefinitionError: for what cannot work, before anything is changed.
    :raises DatabaseError: when the database refuses; with ``redact`` in words that
        hold no values.
    """
    wanted = _wanted(statement, returning, context.dialect)
    names = [str(getattr(column, "name", "")) for column in wanted.columns]
    hidden = _hidden(redact, names)
    _check(template, names, limit)
    if context.as_sql:
        context.impl.static_output(
            "-- op.execute_logged: the rows this changes are logged by flask db "
            "upgrade, not by a script."
        )
        context.impl._exec(wanted.statement)
        return 0
    connection = context.connection
    assert connection is not None
    dialect = connection.dialect
    if not wanted.is_native(dialect) and not wanted.is_lockable(dialect):
        if isinstance(wanted.statement, sa.TextClause):
            raise DefinitionError(
                f"this database returns no rows of an {wanted.kind.upper()}, and of "
                "SQL text it cannot be told which rows it is going to change",
                where=_WHERE,
                state=_UNCHANGED,
                next="Write it with sa.update() or sa.delete(), or use op.execute",
            )
        wanted.plan(dialect)
    failure: Exception | None = None
    try:
        with wanted.first(connection, limit) as (count, rows):
            for row in rows:
                values = dict(zip(names, row, strict=True))
                _logger.info("%s", _line(template, values, hidden))
            total = count()
    except exc.DBAPIError as error:
        failure = _explained(error, bool(hidden))
    except SourceError as error:
        failure = _withheld(error) if hidden else error
    except (exc.CompileError, NotImplementedError) as error:
        failure = DefinitionError(str(error), where=_WHERE, state=_UNCHANGED)
    except DataMigrateError:
        raise
    except Exception as error:
        if not hidden:
            raise
        failure = DatabaseError(
            f"{type(error).__name__} (its message may hold values of redact=, and is "
            "not shown)",
            where=_WHERE,
            state=_ROLLED_BACK,
        )
    if failure is not None:
        # Out here, so that the error with the values in it is not its context.
        raise failure
    if total > limit:
        _logger.info("… and %s more", f"{total - limit:,}")
    return total


def _wanted(
    statement: t.Any, returning: t.Sequence[t.Any], dialect: sa.Dialect
) -> Returning:
    if isinstance(returning, str | sa.ColumnElement):
        returning = [returning]
    if not returning:
        raise DefinitionError(
            "returning= is empty, so there would be nothing to log",
            where=_WHERE,
            state=_UNCHANGED,
            next="Name the columns that tell a row, or use op.execute",
        )
    if isinstance(statement, Branch):
        statement = statement.pick(dialect)
    if isinstance(statement, str):
        statement = sa.text(statement)
    if isinstance(statement, sa.TextClause):
        if re.search(r"\breturning\b", statement.text, re.I):
            raise DefinitionError(
                "the text has a RETURNING of its own",
                where=_WHERE,
                state=_UNCHANGED,
                next="Leave it out; returning= adds it",
            )
        return Returning(
            statement,
            [c if isinstance(c, sa.ColumnElement) else sa.column(c) for c in returning],
        )
    if isinstance(statement, sa.Select):
        raise DefinitionError(
            "it was given a SELECT, which changes no rows",
            where=_WHERE,
            state=_UNCHANGED,
            next="Give it an insert, an update or a delete",
        )
    table = getattr(statement, "table", None)
    columns = []
    for column in returning:
        if isinstance(column, str):
            if table is None or column not in table.c:
                has = ", ".join(table.c.keys()) if table is not None else "none"
                raise DefinitionError(
                    f"returning= names {column}, which the frozen table lacks",
                    where=_WHERE,
                    state=_UNCHANGED,
                    next=f"It has: {has}",
                )
            column = table.c[column]
        columns.append(column)
    return rows_of(statement, *columns)


def _hidden(redact: t.Sequence[t.Any], names: t.Sequence[str]) -> frozenset[str]:
    if isinstance(redact, str | sa.ColumnElement):
        redact = [redact]
    hidden = [str(getattr(column, "name", column)) for column in redact]
    unknown = [name for name in hidden if name not in names]
    if unknown:
        # A misspelt name would let the values through.
        raise DefinitionError(
            f"redact= names {', '.join(unknown)}, which returning= does not",
            where=_WHERE,
            state=_UNCHANGED,
            next=f"It names: {', '.join(names)}",
        )
    return frozenset(hidden)


def _check(template: str, names: t.Sequence[str], limit: int) -> None:
    if not isinstance(limit, int) or isinstance(limit, bool) or limit < 0:
        raise DefinitionError(
            f"limit is {limit!r}, but must be a whole number of rows, 0 or more",
            where=_WHERE,
            state=_UNCHANGED,
        )
    for place in _PLACE.finditer(template):
        if place["percent"]:
            continue
        if place["name"] is None:
            raise DefinitionError(
                f"its message has {template[place.start() : place.start() + 12]!r}, "
                "and takes only %(column)s, %(column)r and %%",
                where=_WHERE,
                state=_UNCHANGED,
            )
        if place["name"] not in names:
            raise DefinitionError(
                f"its message names {place['name']}, which returning= does not",
                where=_WHERE,
                state=_UNCHANGED,
                next=f"Add it to returning=, which names: {', '.join(names)}",
            )


def _line(
    template: str, values: t.Mapping[str, t.Any], hidden: t.Collection[str]
) -> str:
    def shown(place: re.Match[str]) -> str:
        if place["percent"]:
            return "%"
        if place["name"] in hidden:
            return _REDACTED
        value = values[place["name"]]
        return _on_one_line(str(value) if place["kind"] == "s" else repr(value))

    return _PLACE.sub(shown, template)


def _on_one_line(text: str) -> str:
    """Return a value in which nothing ends the line or moves a terminal's cursor."""
    if text.isprintable():
        return text
    return "".join(
        c if c.isprintable() else c.encode("unicode_escape").decode() for c in text
    )


def _explained(error: exc.DBAPIError, hide: bool) -> DatabaseError:
    if not hide:
        return faults.explain(error, where=_WHERE, state=_ROLLED_BACK)
    fault = faults.classify(error)
    cause = error.orig
    code = cause.args[0] if cause is not None and cause.args else None
    if not isinstance(code, int):
        code = getattr(cause, "sqlstate", None) or getattr(cause, "pgcode", None)
    shown = f"{type(cause).__name__} {code}" if code else type(cause).__name__
    return DatabaseError(
        f"{fault.meaning} ({shown}; its message may hold values of redact=, and is "
        "not shown)",
        where=_WHERE,
        state=_ROLLED_BACK,
        next=fault.advice,
    )


def _withheld(error: SourceError) -> SourceError:
    return SourceError(
        "its source has several rows for one (which one is not shown, since that may "
        "be a value of redact=)",
        where=error.where,
        state=error.state,
        next=error.next,
    )
