"""The indexes of a table: how each is dropped and made again, and which must stay."""

from __future__ import annotations

import dataclasses
import re
import typing as t

import sqlalchemy as sa

from ...dialects import family
from ...quoting import full_name
from ...quoting import quoted
from ..undo import references


@dataclasses.dataclass(frozen=True, slots=True)
class Index:
    """An index as the database has it.

    :param columns: in order; ``None`` for an expression.
    :param drop: the statement that drops it without stopping traffic.
    :param create: the statements that make it again, likewise.
    :param needed: why it has to stay, if it has.
    :param valid: ``False`` for what a cut-off CREATE INDEX CONCURRENTLY left.
    """

    name: str
    columns: tuple[str | None, ...]
    drop: str
    create: tuple[str, ...]
    needed: str | None = None
    valid: bool = True


def find(connection: sa.Connection, table: sa.Table) -> dict[str, Index]:
    """Return the indexes of a table by their names."""
    return {
        index.name: index
        for index in _FIND[family(connection.dialect)](connection, table)
    }


def behind_foreign_key(
    connection: sa.Connection, table: sa.Table, index: Index
) -> str | None:
    """Say which foreign key would be slow, or impossible, without an index."""
    own = sa.inspect(connection).get_foreign_keys(table.name, schema=table.schema)
    keys = [("its own rows", key["constrained_columns"]) for key in own]
    for reference in references.find(connection, table):
        keys.append((reference.table, [to for _, to in reference.columns]))
    for whose, columns in keys:
        first = [str(name).lower() for name in index.columns[: len(columns)]]
        if sorted(first) == sorted(name.lower() for name in columns):
            return f"the foreign key of {whose} on {', '.join(columns)} needs it"
    return None


def is_being_built(connection: sa.Connection, table: sa.Table, name: str) -> bool:
    """Tell whether another session of PostgreSQL is building an index.

    The server goes on with it after the client was killed.
    """
    if family(connection.dialect) != "postgresql":
        return False
    found = connection.execute(sa.text(_BUILDERS), _of(table) | {"index": name})
    return found.first() is not None


_TABLE = (
    "CAST(concat_ws('.', quote_ident(CAST(:schema AS text)), "
    "quote_ident(CAST(:name AS text))) AS regclass)"
)
_BUILDERS = (
    "SELECT pid FROM pg_stat_progress_create_index p JOIN pg_class c "
    f"ON c.oid = p.index_relid WHERE p.relid = {_TABLE} AND c.relname = :index "
    "AND pid <> pg_backend_pid()"
)
_POSTGRESQL = f"""
SELECT c.relname, n.nspname, pg_get_indexdef(c.oid) AS definition,
  i.indisvalid AND i.indisready AS valid, s.spcname,
  obj_description(c.oid, 'pg_class') AS comment,
  ARRAY(SELECT a.attname FROM unnest(CAST(i.indkey AS int2[])) WITH ORDINALITY
    AS k (n, place) LEFT JOIN pg_attribute a ON a.attrelid = i.indrelid
    AND a.attnum = k.n ORDER BY place) AS columns,
  CASE WHEN i.indisprimary THEN 'it is the primary key'
    WHEN x.conname IS NOT NULL THEN 'it belongs to the constraint ' || x.conname
    WHEN i.indisunique THEN 'it is unique'
    WHEN i.indisreplident THEN 'it is the replica identity of the table'
    WHEN i.indisclustered THEN 'the table is clustered on it'
    WHEN c.relkind = 'I' OR c.relispartition THEN 'the table is partitioned'
  END AS needed
FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid
JOIN pg_namespace n ON n.oid = c.relnamespace
LEFT JOIN pg_tablespace s ON s.oid = c.reltablespace
LEFT JOIN pg_constraint x ON x.conindid = c.oid AND x.contype IN ('p', 'u', 'x')
WHERE i.indrelid = {_TABLE} ORDER BY c.relname
"""


def _on_postgresql(connection: sa.Connection, table: sa.Table) -> t.Iterator[Index]:
    for row in connection.execute(sa.text(_POSTGRESQL), _of(table)):
        full = full_name(connection.dialect, row.relname, row.nspname)
        # pg_get_indexdef() tells neither the tablespace nor the comment.
        create = [row.definition.replace(" INDEX ", " INDEX CONCURRENTLY ", 1)]
        if row.spcname is not None:
            space = quoted(connection.dialect, row.spcname)
            create.insert(0, f"SET default_tablespace = {space}")
        if row.comment is not None:
            text = row.comment.replace("'", "''")
            create.append(f"COMMENT ON INDEX {full} IS '{text}'")
        yield Index(
            row.relname,
            tuple(row.columns),
            f"DROP INDEX CONCURRENTLY IF EXISTS {full}",
            tuple(create),
            row.needed,
            row.valid,
        )


# A line of SHOW CREATE TABLE.
_KEY = re.compile(
    r"^\s+(?P<kind>UNIQUE |FULLTEXT |SPATIAL )?KEY `(?P<name>(?:[^`]|``)+)` "
    r"\((?P<parts>.*?)\)(?: USING| COMMENT| KEY_BLOCK_SIZE| IGNORED| /\*|,?$).*$",
    re.MULTILINE,
)
_PART = re.compile(r"`((?:[^`]|``)+)`(?:\(\d+\))?(?: (?:ASC|DESC))?(?:,|$)|\(")
_HOW = "ALGORITHM=INPLACE, LOCK=NONE"


def _on_mysql(connection: sa.Connection, table: sa.Table) -> t.Iterator[Index]:
    full = full_name(connection.dialect, table.name, table.schema)
    options = {"no_parameters": True}
    shown = connection.exec_driver_sql(
        f"SHOW CREATE TABLE {full}", execution_options=options
    )
    for found in _KEY.finditer(shown.one()[1]):
        kind = (found["kind"] or "").strip().lower()
        quoted = f"`{found['name']}`"
        line = found[0].strip().removesuffix(",")
        yield Index(
            found["name"].replace("``", "`"),
            tuple(
                part[1] and part[1].replace("``", "`")
                for part in _PART.finditer(found["parts"])
            ),
            f"ALTER TABLE {full} DROP INDEX {quoted}, {_HOW}",
            (f"ALTER TABLE {full} ADD {line}, {_HOW}",),
            f"it is {kind}" if kind else None,
        )


def _on_sqlite(connection: sa.Connection, table: sa.Table) -> t.Iterator[Index]:
    dialect = connection.dialect
    within = f"{quoted(dialect, table.schema)}." if table.schema else ""
    rows = connection.execute(
        sa.text(
            f"SELECT m.name, m.sql, l.[unique] FROM {within}sqlite_master m "
            "JOIN pragma_index_list(:name) l ON l.name = m.name "
            "WHERE m.type = 'index' AND lower(m.tbl_name) = lower(:name) "
            "AND m.sql IS NOT NULL ORDER BY m.name"
        ),
        {"name": table.name},
    )
    for name, sql, unique in rows.all():
        parts = connection.execute(
            sa.text("SELECT name FROM pragma_index_info(:name) ORDER BY seqno"),
            {"name": name},
        )
        needed = "it is unique" if unique else None
        if table.schema is not None:
            needed = "it is of an attached database"
        yield Index(
            name,
            tuple(part[0] for part in parts),
            f"DROP INDEX IF EXISTS {quoted(dialect, name)}",
            (sql,),
            needed,
        )


_FIND: dict[str, t.Callable[[sa.Connection, sa.Table], t.Iterator[Index]]] = {
    "postgresql": _on_postgresql,
    "mysql": _on_mysql,
    "sqlite": _on_sqlite,
}


def _of(table: sa.Table) -> dict[str, str | None]:
    return {"schema": table.schema, "name": table.name}
