"""What needs a column, and would go with it, or keep it from being dropped."""

from __future__ import annotations

import re
import typing as t

import sqlalchemy as sa

from . import mysql_columns
from . import sqlite_text
from . import value_lists
from .site import Site


def of_column(site: Site, table: str, schema: str | None, column: str) -> list[str]:
    """Return the names of what needs a column, for people; the key is not among it."""
    return _FIND[site.family](site, table, schema, column)


def _on_postgresql(
    site: Site, table: str, schema: str | None, column: str
) -> list[str]:
    rows = site.rows(
        "SELECT DISTINCT pg_describe_object(d.classid, d.objid, d.objsubid) "
        "FROM pg_depend d JOIN pg_attribute a ON a.attrelid = d.refobjid "
        "AND a.attnum = d.refobjsubid "
        "WHERE d.refclassid = CAST('pg_class' AS regclass) "
        "AND d.refobjid = CAST(:table AS regclass) AND a.attname = :column "
        # Its default goes with it, and NOT NULL (a constraint since 18).
        "AND NOT (d.classid = CAST('pg_attrdef' AS regclass) AND d.objid IN "
        "(SELECT oid FROM pg_attrdef WHERE adrelid = a.attrelid "
        "AND adnum = a.attnum)) "
        "AND NOT (d.classid = CAST('pg_constraint' AS regclass) AND d.objid IN "
        "(SELECT oid FROM pg_constraint WHERE contype = 'n')) "
        "UNION ALL SELECT 'its own values, which it generates' FROM pg_attribute "
        "WHERE attrelid = CAST(:table AS regclass) AND attname = :column "
        "AND (attidentity <> '' OR attgenerated <> '') "
        # What a function uses is not written down anywhere. Of these it is known.
        "UNION ALL SELECT 'trigger ' || tgname FROM pg_trigger "
        "JOIN pg_proc ON pg_proc.oid = tgfoid "
        "WHERE tgrelid = CAST(:table AS regclass) "
        "AND starts_with(tgname, 'datamigrate_sync_') "
        "AND (position('NEW.' || :column || ' ' IN prosrc) > 0 "
        "OR position('NEW.' || quote_ident(:column) || ' ' IN prosrc) > 0) ORDER BY 1",
        table=site.full_name(table, schema),
        column=column,
    )
    return [row[0] for row in rows]


def _on_mysql(site: Site, table: str, schema: str | None, column: str) -> list[str]:
    found = _keys(site, table, schema, column)
    shown = site.connection.exec_driver_sql(
        f"SHOW CREATE TABLE {site.full_name(table, schema)}",
        execution_options={"no_parameters": True},
    )
    used_in = value_lists.expressions(shown.one()[1], column, "mysql")
    if mysql_columns.is_json(site, table, column, schema):
        # Its CHECK goes with it, and comes again with its type.
        used_in.remove(mysql_columns.shown(site, table, column, schema))
    found += used_in
    triggers = site.rows(
        "SELECT trigger_name, action_statement FROM information_schema.triggers "
        "WHERE event_object_table = :table "
        "AND event_object_schema = coalesce(:schema, database())",
        table=table,
        schema=schema,
    )
    used = re.compile(rf"\b(NEW|OLD)\s*\.\s*`?{re.escape(column)}\b", re.IGNORECASE)
    found += [
        f"trigger {name}"
        for name, statement in triggers
        if used.search(statement) and not name.startswith("datamigrate_archive_")
    ]
    return found


def _on_sqlite(site: Site, table: str, schema: str | None, column: str) -> list[str]:
    sql = sqlite_text.read(site.connection, table, schema)
    return [
        *_keys(site, table, schema, column),
        *value_lists.expressions(sql, column, "sqlite"),
    ]


def _keys(site: Site, table: str, schema: str | None, column: str) -> list[str]:
    """Return the indexes, unique constraints and foreign keys of a column."""
    inspector = sa.inspect(site.connection)
    found = [
        f"index {index['name']}"
        for index in inspector.get_indexes(table, schema)
        if column in index["column_names"]
        or column in " ".join(map(str, index.get("expressions", ())))
    ]
    found += [
        f"unique constraint {unique['name'] or '(without a name)'}"
        for unique in inspector.get_unique_constraints(table, schema)
        if column in unique["column_names"] and f"index {unique['name']}" not in found
    ]
    for other in inspector.get_table_names(schema):
        for key in inspector.get_foreign_keys(other, schema):
            own = other == table and column in key["constrained_columns"]
            referred = (
                key["referred_table"] == table and column in key["referred_columns"]
            )
            if own or referred:
                name = key["name"] or "(without a name)"
                found.append(f"foreign key {name} of {other}")
    return found


_FIND: dict[str, t.Callable[[Site, str, str | None, str], list[str]]] = {
    "postgresql": _on_postgresql,
    "mysql": _on_mysql,
    "sqlite": _on_sqlite,
}
