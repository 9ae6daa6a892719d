"""How many rows a table has: counted when it is small, estimated when it is not."""

from __future__ import annotations

import sqlalchemy as sa

from ..dialects import family
from ..quoting import full_name

COUNTED = 100_000
"""Up to this many rows are counted exactly; that takes the database milliseconds."""

_STATISTICS = {
    "postgresql": (
        "SELECT CAST(reltuples AS bigint) FROM pg_class "
        "WHERE oid = CAST(concat_ws('.', quote_ident(CAST(:schema AS text)), "
        "quote_ident(CAST(:name AS text))) AS regclass)"
    ),
    "mysql": (
        "SELECT table_rows FROM information_schema.tables "
        "WHERE table_name = :name AND table_schema = COALESCE(:schema, DATABASE())"
    ),
    # SQLite keeps no statistics by default; the highest rowid is close for most.
    "sqlite": "SELECT max(rowid) FROM {name}",
}


def at_most(connection: sa.Connection, table: sa.Table, limit: int) -> int | None:
    """Count the rows of a table; ``None`` when there are more than ``limit``."""
    first = sa.select(sa.literal(1)).select_from(table).limit(limit + 1).subquery()
    count = connection.execute(
        sa.select(sa.func.count()).select_from(first)
    ).scalar_one()
    return count if count <= limit else None


def rows(connection: sa.Connection, table: sa.Table) -> tuple[int | None, bool]:
    """Return the rows of a table and whether that is exact; never a long count."""
    counted = at_most(connection, table, COUNTED)
    if counted is not None:
        return counted, True
    name = full_name(connection.dialect, table.name, table.schema)
    kind = family(connection.dialect)
    values = {"name": table.name, "schema": table.schema}
    text = sa.text(_STATISTICS[kind].format(name=name.replace(":", "\\:")))
    wanted = {key: values[key] for key in text._bindparams}
    try:
        with connection.begin_nested():
            estimate = connection.execute(text, wanted).scalar()
    except sa.exc.DatabaseError:
        # A WITHOUT ROWID table of SQLite.
        return None, False
    return (None, False) if estimate is None else (max(int(estimate), COUNTED), False)
