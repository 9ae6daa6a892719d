"""Generated rows for the baseline tables: the same for the same number.

The tables are described here and not taken from the models, so that rows can
be written at the baseline as well as at any later revision: of the columns
described, those are written that the database has.
"""

from __future__ import annotations

import operator
import typing as t

import sqlalchemy as sa

from . import causes
from . import rows
from .tables import NAMES
from .tables import TABLES
from .tables import bugs
from .tables import orders
from .tables import users
from .writers import write

__all__ = ["NAMES", "TABLES", "fill", "missing_tables"]

_GENERATORS: t.Mapping[str, t.Callable[..., t.Iterator[rows.Row]]] = {
    users.name: rows.users,
    bugs.name: rows.bugs,
    orders.name: rows.orders,
}


def missing_tables(engine: sa.Engine) -> list[str]:
    """Return the names of the baseline tables that are not there."""
    there = sa.inspect(engine).get_table_names()
    return [name for name in NAMES if name not in there]


def fill(engine: sa.Engine, table: sa.Table, count: int, seed: int) -> t.Iterator[int]:
    """Add generated rows to one of :data:`TABLES`, after those it has.

    Bugs and orders belong to the last *count* users, so the users come first.
    However many the rows, memory stays the same.

    :param count: how many rows to add.
    :param seed: the number that decides what the rows are.
    :return: an iterator that writes as it is read, and gives the number of rows
        written since it was last read.
    """
    first = _last_id(engine, table) + 1
    first_user = max(1, _last_id(engine, users) - count + 1)
    generated = _GENERATORS[table.name](seed, first, count, first_user)
    there = {column["name"] for column in sa.inspect(engine).get_columns(table.name)}
    if table is bugs and bugs.c.root_cause.name not in there:
        generated = causes.linked(engine, generated)
    elif "root_cause_id" in there:
        # Triggers set it.
        there.remove("root_cause_id")
    places = [i for i, name in enumerate(table.columns.keys()) if name in there]
    columns = [column for column in table.columns if column.name in there]
    present = sa.Table(
        table.name, sa.MetaData(), *(sa.Column(c.name, c.type) for c in columns)
    )
    yield from write(engine, present, map(operator.itemgetter(*places), generated))


def _last_id(engine: sa.Engine, table: sa.Table) -> int:
    with engine.connect() as connection:
        return connection.scalar(sa.select(sa.func.max(table.c.id))) or 0
