"""Columns of MySQL and MariaDB, which are changed by writing them down anew.

What MODIFY does not repeat is lost: the default, the comment, the character set,
AUTO_INCREMENT, ON UPDATE, a CHECK. So the column's own line of SHOW CREATE TABLE is
taken, and only its NULL changed. JSON is shown by MariaDB as the LONGTEXT with a CHECK
that it is, which it then takes for another type, and copies the table: it is written
as JSON again.
"""

from __future__ import annotations

import re
import typing as t

import sqlalchemy as sa

from ...errors import SchemaError
from .site import Site

# A string or a name in quotes, parentheses, or one other character run.
_TOKEN = re.compile(
    r"""'(?:[^'\\]|''|\\.)*' | `(?:[^`]|``)*` | "(?:[^"]|"")*" | [()] | [^\s'`"()]+""",
    re.VERBOSE,
)
_JSON = re.compile(
    r"longtext(?: CHARACTER SET utf8mb4)?(?: COLLATE utf8mb4_bin)?(?P<rest>.*)"
    r" CHECK \(json_valid\(.*\)\)"
)
_IS_JSON = """
    SELECT 1 FROM information_schema.columns c
    JOIN information_schema.check_constraints k
    ON k.constraint_schema = c.table_schema AND k.table_name = c.table_name
    AND k.constraint_name = c.column_name
    WHERE c.table_schema = coalesce(:schema, database()) AND c.table_name = :table
    AND c.column_name = :column AND c.data_type = 'longtext'
    AND c.collation_name = 'utf8mb4_bin'
    AND k.check_clause = concat('json_valid(`', replace(c.column_name, '`', '``'), '`)')
"""
_AFTER_THE_TYPE = {
    "AS",
    "AUTO_INCREMENT",
    "CHECK",
    "COMMENT",
    "DEFAULT",
    "GENERATED",
    "INVISIBLE",
    "NOT",
    "NULL",
    "ON",
    "WITHOUT",
}


def definition(site: Site, table: str, column: str, schema: str | None) -> str:
    """Return a column as it is to be written, its name first."""
    line = shown(site, table, column, schema)
    if not is_json(site, table, column, schema):
        return line
    name = t.cast("re.Match[str]", _TOKEN.match(line))[0]
    found = t.cast("re.Match[str]", _JSON.fullmatch(line[len(name) + 1 :]))
    return f"{name} json{found['rest']}"


def is_json(site: Site, table: str, column: str, schema: str | None) -> bool:
    """Tell whether a column is what MariaDB makes of JSON, its CHECK included."""
    given = {"table": table, "column": column, "schema": schema}
    return site.is_mariadb and bool(site.rows(_IS_JSON, **given))


def shown(site: Site, table: str, column: str, schema: str | None) -> str:
    """Return a column as SHOW CREATE TABLE has it, its name first."""
    found = site.rows(
        f"SHOW CREATE TABLE {site.full_name(table, schema)}".replace(":", "\\:")
    )
    for line in found[0][1].splitlines():
        line = line.strip()
        first = _TOKEN.match(line)
        if first and line[:1] in '`"' and _bare(first[0]) == column.lower():
            return str(line.rstrip(","))
    raise LookupError(column)


def with_null(definition: str, nullable: bool) -> str:
    """Return a column's definition with NULL allowed or forbidden, all else kept.

    ::

        >>> with_null("`n` int(11) DEFAULT NULL COMMENT 'NULL'", False)
        "`n` int(11) NOT NULL COMMENT 'NULL'"
    """
    parts = _parts(definition)
    upper = [text.upper() for text in parts]
    kept: list[str] = []
    place = None
    number = 0
    while number < len(parts):
        if place is None and upper[number] in _AFTER_THE_TYPE:
            place = len(kept)
        pair = upper[number : number + 2]
        if pair == ["NOT", "NULL"] or (pair == ["DEFAULT", "NULL"] and not nullable):
            number += 2
        elif upper[number] == "NULL":
            if pair and upper[number - 1] == "DEFAULT":
                kept.append(parts[number])
            number += 1
        else:
            kept.append(parts[number])
            number += 1
    kept.insert(
        len(kept) if place is None else place, "NULL" if nullable else "NOT NULL"
    )
    return " ".join(kept)


def without_default(definition: str) -> tuple[str, str | None]:
    """Return a column's definition without its default, and the default.

    ::

        >>> without_default("`n` int(11) NULL DEFAULT 5 COMMENT 'DEFAULT 6'")
        ("`n` int(11) NULL COMMENT 'DEFAULT 6'", '5')
    """
    parts = _parts(definition)
    upper = [text.upper() for text in parts]
    if "DEFAULT" not in upper:
        return definition, None
    at = upper.index("DEFAULT")
    default = None if upper[at + 1] == "NULL" else parts[at + 1]
    return " ".join([*parts[:at], *parts[at + 2 :]]), default


def _parts(definition: str) -> list[str]:
    """Split a definition at its spaces, but not inside of quotes and parentheses."""
    parts: list[str] = []
    depth = end = 0
    for found in _TOKEN.finditer(definition):
        if parts and (depth or found.start() == end):
            parts[-1] += definition[end : found.start()] + found[0]
        else:
            parts.append(found[0])
        depth += {"(": 1, ")": -1}.get(found[0], 0)
        end = found.end()
    return parts


def _bare(name: str) -> str:
    quote = name[0]
    return name[1:-1].replace(quote * 2, quote).lower()


def refuse_lax_mode(site: Site, where: str, state: str) -> None:
    """Refuse a session in which MySQL and MariaDB turn NULL into 0 or ''.

    :param state: what is then true of the database.
    :raises SchemaError: naming the setting.
    """
    if site.family != "mysql" or "STRICT_" in site.scalar("SELECT @@SESSION.sql_mode"):
        return
    raise SchemaError(
        "the session's sql_mode is not strict, in which the server turns NULL into "
        "another value, and does not change the column in place",
        where=where,
        state=state,
        next="Add STRICT_ALL_TABLES to sql_mode",
    )


_NOT_IN_PLACE = (1845, 1846)


def not_in_place(
    error: sa.exc.DBAPIError, where: str, state: str
) -> SchemaError | None:
    """Return what it means that the server cannot change a table while it is used."""
    args = getattr(error.orig, "args", ())
    if not args or args[0] not in _NOT_IN_PLACE:
        return None
    return SchemaError(
        f"the server cannot do it while the table is written to: {args[1]}",
        where=where,
        state=state,
        next="Use Alembic's own directive, which locks the table while it is copied",
    )
