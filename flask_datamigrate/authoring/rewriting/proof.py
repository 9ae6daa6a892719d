"""The proof of a rewrite: both scripts send the same SQL."""

from __future__ import annotations

import contextlib
import dataclasses
import datetime as dt
import decimal
import re
import types
import typing as t
import uuid

import sqlalchemy as sa
from alembic.operations import Operations
from alembic.runtime.migration import MigrationContext
from flask import current_app

from ... import scripts
from ...errors import AuthoringError
from ...frozen import history
from ...frozen.models import Query
from .rewrite import Rewritten
from .uses import converts

_ROWS = 3
"""How many rows each table gets, so that loops over them run."""

_SELECTED = re.compile(r"\ASELECT\b.*?\bFROM\b", re.DOTALL)


@dataclasses.dataclass(frozen=True, slots=True)
class Proof:
    """What both scripts sent to a database of a few rows.

    :param statements: how many statements.
    :param narrower: how many of them are SELECTs that ask for fewer columns now.
    """

    statements: int
    narrower: int


def prove(rewritten: Rewritten, bind: str | None = None) -> Proof:
    """Run both scripts, each on its own empty database, and compare their SQL.

    The database is as the revisions before have made it, with a few rows, and with
    the columns that the app's models have got since. A frozen model has fewer columns
    than the app's, so a SELECT of whole rows may ask for fewer; all else has to be the
    same, parameters included.

    :param bind: the bind key of the database of its tables.
    :raises AuthoringError: when they differ, and when one of them does not run.
    """
    before = _sent(rewritten, rewritten.before, bind, "as it is")
    after = _sent(rewritten, rewritten.after, bind, "rewritten")
    narrower = 0
    for old, new in zip(before, after, strict=False):
        if old != new:
            if _without_columns(old) != _without_columns(new):
                raise _refused(rewritten, f"{old[0]} has become {new[0]}")
            narrower += 1
    if len(before) != len(after):
        raise _refused(rewritten, f"{len(before)} statements have become {len(after)}")
    return Proof(len(after), narrower)


_Statement = tuple[str, str]


def _sent(
    rewritten: Rewritten, text: str, bind: str | None, which: str
) -> list[_Statement]:
    """Run one of the scripts, and return what it sent."""
    sent: list[_Statement] = []
    tree = scripts.directory(current_app.extensions["migrate"].migrate.get_config())
    script = tree.get_revision(rewritten.revision)
    parents = script._all_down_revisions
    with history.replayed(parents, bind) as replay:
        connection = replay.connection
        for class_ in rewritten.models.values():
            _bring_up(connection, class_.__table__)
            _fill(connection, class_.__table__)
        connection.commit()

        def note(*event: t.Any) -> None:
            sent.append((" ".join(event[2].split()), repr(event[3])))

        context = MigrationContext.configure(connection, opts={"script": tree})
        module = types.ModuleType(f"{script.module.__name__}_{which[:2]}")
        sa.event.listen(connection, "before_cursor_execute", note)
        try:
            with Operations.context(context), _on_the_migration(rewritten):
                exec(compile(text, str(rewritten.path), "exec"), vars(module))
                module.upgrade()
        except Exception as error:
            explained = scripts.explain(error, str(rewritten.path.parent))
            raise _refused(
                rewritten,
                f"{which}, it does not run on the tables as of its revision: "
                f"{explained.what}",
            ) from error
    return sent


@contextlib.contextmanager
def _on_the_migration(rewritten: Rewritten) -> t.Iterator[None]:
    """Let ``Model.query`` of the app ask the migration's connection for a while."""
    changed = [cls for cls in rewritten.models.values() if hasattr(cls, "query")]
    for cls in changed:
        cls.query = Query()
    try:
        yield
    finally:
        for cls in changed:
            del cls.query


def _bring_up(connection: sa.Connection, model: sa.Table) -> None:
    """Add the columns that a table got later: the app's model asks for them."""
    operations = Operations(MigrationContext.configure(connection))
    known = sa.inspect(connection).get_columns(model.name, schema=model.schema)
    names = {column["name"] for column in known}
    for column in model.columns:
        if column.name not in names:
            later = sa.Column(column.name, column.type)
            operations.add_column(model.name, later, schema=model.schema)


def _fill(connection: sa.Connection, model: sa.Table) -> None:
    """Put a few rows into a table, where its constraints let them in."""
    table = sa.Table(
        model.name,
        sa.MetaData(),
        autoload_with=connection,
        schema=model.schema,
        resolve_fks=False,
    )
    # As the model has them: the database may not tell a UUID from a text.
    for column in table.columns:
        if column.name in model.c:
            column.type = model.c[column.name].type
    for number in range(1, _ROWS + 1):
        row = {c.name: _value(c, number) for c in table.columns if not converts(c.type)}
        with contextlib.suppress(sa.exc.DBAPIError), connection.begin_nested():
            connection.execute(sa.insert(table), row)


def _value(column: sa.Column[t.Any], number: int) -> t.Any:
    made = {
        bool: number % 2 == 0,
        int: number,
        float: number / 2,
        decimal.Decimal: decimal.Decimal(number),
        str: f"value {number}"[: getattr(column.type, "length", None) or 20],
        bytes: b"value",
        dt.date: dt.date(2020, 1, number),
        dt.datetime: dt.datetime(2020, 1, number),
        dt.time: dt.time(number),
        uuid.UUID: uuid.UUID(int=number),
        dict: {"number": number},
    }
    with contextlib.suppress(NotImplementedError):
        return made.get(column.type.python_type)
    return None


def _without_columns(statement: _Statement) -> _Statement:
    return _SELECTED.sub("SELECT FROM", statement[0]), statement[1]


def _refused(rewritten: Rewritten, what: str) -> AuthoringError:
    return AuthoringError(
        what,
        where=f"revision {rewritten.revision} ({rewritten.path.name})",
        state="Nothing was written",
        next="Compare the two with --diff",
    )
