"""What is in the tables of the example app, in a number for each."""

from __future__ import annotations

import sqlalchemy as sa

from tests.databases.database import Database

TABLES = ("users", "bugs", "orders")

# Columns by name, since one that came back stands last.
_QUERIES = {
    "postgresql": (
        "SELECT count(*), sum(hashtextextended(row({columns})::text, 0)::numeric)",
        "{column}",
    ),
    "mysql": (
        "SELECT count(*), bit_xor(CAST(conv(left(md5(concat_ws(',', {columns})), 16), "
        "16, 10) AS UNSIGNED))",
        "quote({column})",
    ),
}


def fingerprints(database: Database, first: int, last: int) -> dict[str, list[str]]:
    """Return a fingerprint of each table, its columns included.

    :param first: the key of the first bug that counts; clients write those before.
    :param last: the key of the last one.
    """
    select, shape = _QUERIES[database.name]
    inspector = sa.inspect(database.engine())
    found = {}
    for name in TABLES:
        columns = sorted(column["name"] for column in inspector.get_columns(name))
        shaped = (shape.format(column=column) for column in columns)
        query = select.format(columns=", ".join(shaped))
        where = f" WHERE id BETWEEN {first} AND {last}" if name == "bugs" else ""
        ((count, number),) = database.rows(f"{query} FROM {name}{where}")
        found[name] = [*columns, str(count), str(number)]
    return found
