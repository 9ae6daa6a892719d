"""How many rows a table has: counted when it is small, estimated when it is not."""

from __future__ import annotations

import sqlalchemy as sa

from ..dialects import family
from ..quoting import full_name
from ..quoting import quoted

COUNTED = 100_000
"""Up to this many rows are counted exactly; that takes the database milliseconds."""

_STATISTICS: dict[str, tuple[str, ...]] = {
    "postgresql": (
        "SELECT CAST(reltuples AS bigint) FROM pg_class "
        "WHERE oid = CAST(concat_ws('.', quote_ident(CAST(:schema AS text)), "
        "quote_ident(CAST(:name AS text))) AS regclass)",
    ),
    "mysql": (
        "SELECT table_rows FROM information_schema.tables "
        "WHERE table_name = :name AND table_schema = COALESCE(:schema, DATABASE())",
    ),
    # SQLite keeps no statistics before ANALYZE. A hundred windows, spread evenly over
    # the rowids, show how many of those are taken; where few windows show a row, the
    # rowids lie so far apart, or so close together, that they show nothing.
    "sqlite": (
        "WITH RECURSIVE ends AS (SELECT (SELECT min(rowid) FROM {name}) AS low, "
        "(SELECT max(rowid) FROM {name}) AS high), "
        "span AS (SELECT low, 1.0 * high - low + 1 AS size FROM ends), "
        "probes(n) AS (SELECT 0 UNION ALL SELECT n + 1 FROM probes WHERE n < 99), "
        "windows AS (SELECT CAST(low + n * size / 100 AS INTEGER) AS start, size, "
        "CAST(max(1, min(1000, size / 100)) AS INTEGER) AS width FROM span, probes), "
        "seen AS (SELECT size, width, (SELECT count(*) FROM {name} "
        "WHERE rowid >= start AND rowid < start + width) AS rows FROM windows) "
        "SELECT CASE WHEN sum(rows > 0) >= 10 "
        "THEN sum(rows) * max(size) / sum(width) END FROM seen",
        # Its first number is that of the rows; an index may have but a part of them.
        "SELECT max(CAST(stat AS INTEGER)) FROM {within}sqlite_stat1 WHERE tbl = :name",
    ),
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
    for query in _STATISTICS[family(connection.dialect)]:
        estimate = _asked(connection, table, query)
        if estimate is not None:
            return max(int(estimate), COUNTED), False
    return None, False


def _asked(connection: sa.Connection, table: sa.Table, query: str) -> float | None:
    """Ask for an estimate; ``None`` when the database does not know it so."""
    dialect = connection.dialect
    names = {
        "name": full_name(dialect, table.name, table.schema),
        "within": f"{quoted(dialect, table.schema)}." if table.schema else "",
    }
    text = sa.text(
        query.format(**{key: v.replace(":", "\\:") for key, v in names.items()})
    )
    values = {"name": table.name, "schema": table.schema}
    wanted = {key: values[key] for key in text._bindparams}
    try:
        with connection.begin_nested():
            estimate: float | None = connection.execute(text, wanted).scalar()
    except sa.exc.DatabaseError:
        # A WITHOUT ROWID table of SQLite, or one that was never analysed.
        return None
    return estimate
