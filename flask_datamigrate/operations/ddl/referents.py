"""What a foreign key refers to: columns of the same type, and unique."""

from __future__ import annotations

import typing as t

import sqlalchemy as sa

from ...errors import SchemaError
from ...frozen.families import compatible
from .site import Site

_Columns = tuple[str, "str | None", t.Sequence[str]]

# InnoDB wants one type and sign of numbers, and one collation of texts:
# https://mariadb.com/kb/en/foreign-keys/
_MYSQL_TYPE = """
SELECT CASE WHEN collation_name IS NULL THEN
CONCAT(data_type, IF(column_type LIKE '%unsigned%', ' unsigned', ''))
ELSE CONCAT('text in ', collation_name) END
FROM information_schema.columns WHERE table_schema = coalesce(:schema, database())
AND table_name = :table AND column_name = :column
"""


def refuse(
    site: Site,
    mine: _Columns,
    theirs: _Columns,
    refused: t.Callable[[str, str], SchemaError],
) -> None:
    """Refuse a foreign key that no row could make right.

    :param mine: the table that refers, its schema and columns.
    :param theirs: the same of the table that is referred to.
    :param refused: makes the error of a message and an advice.
    :raises SchemaError: for columns of another type, or that are not unique.
    """
    for column, other in zip(mine[2], theirs[2], strict=True):
        one, two = _type(site, mine, column), _type(site, theirs, other)
        if not _is_one(site, one, two):
            raise refused(
                f"column {column} is {one}, and {theirs[0]}.{other}, to which it would "
                f"refer, is {two}",
                "Give the two columns the same type first, or name another column",
            )
    if not _is_unique(site, theirs):
        names = ", ".join(theirs[2])
        raise refused(
            f"{theirs[0]} ({names}) is neither its primary key nor unique, so that a "
            "row could refer to several",
            "Name the key of that table, or make the columns unique first: "
            f'op.create_index_online("ix_{theirs[0]}_{"_".join(theirs[2])}", '
            f'"{theirs[0]}", {list(theirs[2])}, unique=True)',
        )


def _type(site: Site, of: _Columns, column: str) -> t.Any:
    table, schema, _ = of
    if site.family == "mysql":
        return site.scalar(_MYSQL_TYPE, schema=schema, table=table, column=column)
    found = {name.lower(): c for name, c in site.columns(table, schema).items()}
    return found[column.lower()]["type"]


def _is_one(site: Site, one: t.Any, two: t.Any) -> bool:
    if site.family == "mysql":
        return bool(one == two)
    return compatible(one, two, site.family)


def _is_unique(site: Site, of: _Columns) -> bool:
    table, schema, columns = of
    inspector = sa.inspect(site.connection)
    found: list[t.Any] = [
        inspector.get_pk_constraint(table, schema)["constrained_columns"],
        *(c["column_names"] for c in inspector.get_unique_constraints(table, schema)),
        *(
            index["column_names"]
            for index in inspector.get_indexes(table, schema)
            if index["unique"]
            and not index.get("dialect_options", {}).get(f"{site.family}_where")
        ),
    ]
    wanted = {column.lower() for column in columns}
    return any({str(name).lower() for name in names} == wanted for names in found)
