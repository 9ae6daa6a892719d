"""What the database has of an index, and whether it is the one that is wanted."""

from __future__ import annotations

import dataclasses
import typing as t

import sqlalchemy as sa
from sqlalchemy.sql import operators
from sqlalchemy.sql.elements import UnaryExpression

from .site import Site

PROBE = "datamigrate_probe"
"""A temporary table without rows, where the wanted index is made to be compared."""

TEMPORARY = "pg_temp"


@dataclasses.dataclass(frozen=True, slots=True)
class Found:
    """What has the name of an index.

    :param table: the table it is an index of; "" when it is no index.
    :param valid: ``False`` for what a cut-off CREATE INDEX CONCURRENTLY left.
    :param definition: for people.
    :param constraint: the constraint that needs it.
    """

    table: str
    valid: bool
    definition: str
    constraint: str | None = None


def find(site: Site, name: str, table: str, schema: str | None) -> Found | None:
    """Look an index up by its name, where that has to be unique."""
    return _FIND[site.family](site, name, table, schema)


def kind_of_table(site: Site, table: str, schema: str | None) -> str:
    """Return PostgreSQL's letter for the kind of a table."""
    return str(
        site.scalar(
            "SELECT relkind FROM pg_class WHERE oid = CAST(:name AS regclass)",
            name=site.full_name(table, schema),
        )
    )


def builder(site: Site, name: str, schema: str | None) -> str:
    """Say which session of PostgreSQL is building an index; "" when none is."""
    rows = site.rows(
        "SELECT pid, phase FROM pg_stat_progress_create_index "
        "WHERE index_relid = to_regclass(:name) AND pid <> pg_backend_pid()",
        name=site.full_name(name, schema),
    )
    return f"pid {rows[0][0]}, {rows[0][1]}" if rows else ""


def _find_on_postgresql(
    site: Site, name: str, table: str, schema: str | None
) -> Found | None:
    # An index is in the schema of its table.
    rows = site.rows(
        "SELECT t.relname, coalesce(i.indisvalid AND i.indisready, false), "
        "coalesce(pg_get_indexdef(c.oid), ''), k.conname FROM pg_class c "
        "LEFT JOIN pg_index i ON i.indexrelid = c.oid "
        "LEFT JOIN pg_class t ON t.oid = i.indrelid "
        "LEFT JOIN pg_constraint k ON k.conindid = c.oid "
        "AND k.contype IN ('p', 'u', 'x') "
        "WHERE c.relname = :name AND c.relnamespace = (SELECT relnamespace "
        "FROM pg_class WHERE oid = CAST(:table AS regclass))",
        name=name,
        table=site.full_name(table, schema),
    )
    return Found(rows[0][0] or "", *rows[0][1:]) if rows else None


def _find_on_mysql(
    site: Site, name: str, table: str, schema: str | None
) -> Found | None:
    rows = _mysql_parts(site, name, table, schema)
    if not rows:
        return None
    constraint = "PRIMARY" if name.upper() == "PRIMARY" else None
    parts = ", ".join(
        f"{part}({length})" if length else part for part, length, _ in rows
    )
    return Found(table, True, parts, constraint)


def _find_on_sqlite(
    site: Site, name: str, table: str, schema: str | None
) -> Found | None:
    rows = site.rows(
        f"SELECT type, tbl_name, sql FROM {_master(site, schema)} "
        "WHERE lower(name) = lower(:name)",
        name=name,
    )
    if not rows:
        return None
    kind, of, sql = rows[0]
    if kind != "index":
        return Found("", True, kind)
    of = table if of.lower() == table.lower() else of
    return Found(of, True, sql or "", None if sql else name)


_FIND: dict[str, t.Callable[[Site, str, str, str | None], Found | None]] = {
    "postgresql": _find_on_postgresql,
    "mysql": _find_on_mysql,
    "sqlite": _find_on_sqlite,
}

_FACTS = """
SELECT m.amname, i.indisunique, i.indnkeyatts, ARRAY(
  SELECT pg_get_indexdef(i.indexrelid, n, false) FROM generate_series(1, i.indnatts) n
), CAST(i.indoption AS text), CAST(i.indclass AS text), CAST(i.indcollation AS text),
pg_get_expr(i.indpred, i.indrelid), c.reloptions,
to_jsonb(i) ->> 'indnullsnotdistinct'
FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid JOIN pg_am m ON m.oid = c.relam
WHERE i.indexrelid = to_regclass(:name)
"""


def is_same_on_postgresql(
    site: Site, name: str, table: str, schema: str | None, create: str
) -> bool:
    """Tell whether an index is what a statement would create.

    An expression or a condition is written down in another form than it was given
    in. So the index is created on a temporary copy of the table without rows, and
    the two are compared as the server knows them.

    :param create: CREATE INDEX with the same name, on :data:`PROBE`.
    """
    probe = f"{TEMPORARY}.{PROBE}"
    here = site.full_name(table, schema)
    for sql in (
        f"DROP TABLE IF EXISTS {probe}",
        f"CREATE TEMPORARY TABLE {PROBE} (LIKE {here})",
        create,
    ):
        site.connection.exec_driver_sql(sql, execution_options={"no_parameters": True})
    wanted = site.rows(_FACTS, name=f"{TEMPORARY}.{site.quoted(name)}")
    site.connection.exec_driver_sql(f"DROP TABLE {probe}")
    space = site.scalar(
        "SELECT nspname FROM pg_namespace n JOIN pg_class c ON c.relnamespace = n.oid "
        "WHERE c.oid = CAST(:table AS regclass)",
        table=here,
    )
    return wanted == site.rows(_FACTS, name=site.full_name(name, space))


def is_same_on_mysql(
    site: Site, name: str, table: str, schema: str | None, index: sa.Index
) -> bool:
    """Tell whether an index of MySQL or MariaDB has the wanted columns."""
    options = index.dialect_options[site.dialect.name]
    lengths = options["length"] or {}
    columns = site.columns(table, schema)
    wanted = []
    for part in index.expressions:
        down = isinstance(part, UnaryExpression) and part.modifier is operators.desc_op
        bare = part.element if isinstance(part, UnaryExpression) else part
        column = getattr(bare, "name", "")
        length = lengths if isinstance(lengths, int) else lengths.get(column)
        whole = getattr(columns.get(column, {}).get("type"), "length", None)
        # A prefix as long as the column is none.
        if length is not None and whole is not None and length >= whole:
            length = None
        wanted.append((column, length, "D" if down else "A"))
    kind = (options["prefix"] or options["using"] or "BTREE").upper()
    rows = _mysql_rows(site, name, table, schema)
    there = _mysql_parts(site, name, table, schema)
    if kind in ("FULLTEXT", "SPATIAL"):
        wanted = [(column, None, "A") for column, _, _ in wanted]
        there = [(column, None, "A") for column, _, _ in there]
    return (
        there == wanted
        and rows[0]["Index_type"].upper() == kind
        and (not int(rows[0]["Non_unique"])) is bool(index.unique)
    )


def _mysql_rows(
    site: Site, name: str, table: str, schema: str | None
) -> list[sa.RowMapping]:
    where = site.quoted(table) if schema is None else site.full_name(table, schema)
    result = site.connection.exec_driver_sql(
        f"SHOW INDEX FROM {where}", execution_options={"no_parameters": True}
    )
    rows = [row for row in result.mappings() if row["Key_name"].lower() == name.lower()]
    return sorted(rows, key=lambda row: int(row["Seq_in_index"]))


def _mysql_parts(
    site: Site, name: str, table: str, schema: str | None
) -> list[tuple[str, int | None, str]]:
    return [
        (
            row["Column_name"] or str(row.get("Expression")),
            row["Sub_part"] and int(row["Sub_part"]),
            row["Collation"] or "A",
        )
        for row in _mysql_rows(site, name, table, schema)
    ]


def is_same_on_sqlite(
    site: Site, name: str, table: str, schema: str | None, index: sa.Index
) -> bool:
    """Tell whether an index of SQLite has the wanted text, in any spelling of it.

    SQLite keeps the statement as it was given.
    """
    found = _find_on_sqlite(site, name, table, schema)
    wanted = str(sa.schema.CreateIndex(index).compile(dialect=site.dialect))
    return found is not None and _plain(found.definition) == _plain(wanted)


def _plain(sql: str) -> str:
    """Return a statement's text without what its spelling adds."""
    text = sql.lower().replace(" if not exists ", " ")
    _, _, rest = text.partition(" on ")
    unique = "unique" if text.startswith("create unique") else ""
    return unique + "".join(rest.translate(str.maketrans("", "", '"`[]')).split())


def _master(site: Site, schema: str | None) -> str:
    return "sqlite_master" if schema is None else f"{site.quoted(schema)}.sqlite_master"
