"""Names as SQL has them, for statements that reach the driver as they stand.

Most drivers read ``%s`` as the place of a parameter, so SQLAlchemy doubles each percent
sign in what it compiles, names included. A statement that is sent without parameters,
a value, a script of ``--sql`` and a message want them single. So does ``sa.text``,
which doubles them itself.
"""

from __future__ import annotations

import sqlalchemy as sa


def quoted(dialect: sa.Dialect, name: str) -> str:
    """Quote a name where the database needs it."""
    return single_percents(dialect, dialect.identifier_preparer.quote(name))


def full_name(dialect: sa.Dialect, table: str, schema: str | None) -> str:
    """Return a table's name as SQL has it, its schema in front."""
    named = sa.table(table, schema=schema)
    return single_percents(dialect, dialect.identifier_preparer.format_table(named))


def single_percents(dialect: sa.Dialect, sql: str) -> str:
    """Take back what SQLAlchemy did to compiled SQL for a driver with parameters."""
    doubled = dialect.identifier_preparer._double_percents
    return sql.replace("%%", "%") if doubled else sql
