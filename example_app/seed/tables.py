"""The columns that are written, on a metadata of their own.

Those of revision 0001, and those that later revisions put in their place.
"""

from __future__ import annotations

import sqlalchemy as sa

_baseline = sa.MetaData()

users = sa.Table(
    "users",
    _baseline,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("full_name", sa.String(100)),
    sa.Column("email", sa.String(254)),
    sa.Column("birth_date", sa.Date),
    sa.Column("created_at", sa.DateTime),
    sa.Column("is_active", sa.Boolean),
    # Not in the baseline, as the status that took the place of both is not.
    sa.Column("is_verified", sa.Boolean),
    sa.Column("status", sa.String(10)),
)

bugs = sa.Table(
    "bugs",
    _baseline,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("title", sa.String(200)),
    sa.Column("root_cause", sa.Text),
    sa.Column("status", sa.String(20)),
    sa.Column("created_at", sa.DateTime),
    sa.Column("reporter_id", sa.Integer),
    # Not in the baseline: it took the place of the text.
    sa.Column("root_cause_id", sa.Integer),
)

root_causes = sa.Table(
    "root_causes",
    _baseline,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("name", sa.String(200)),
)

orders = sa.Table(
    "orders",
    _baseline,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("user_id", sa.Integer),
    sa.Column("status", sa.String(20)),
    # A float with two decimals is exact here, and SQLite takes nothing else.
    sa.Column("total", sa.Numeric(10, 2, asdecimal=False)),
    sa.Column("placed_at", sa.DateTime),
    sa.Column("note", sa.Text),
)

TABLES: tuple[sa.Table, ...] = (users, bugs, orders)
"""In the order in which they can be filled: the users first."""

NAMES: tuple[str, ...] = tuple(table.name for table in TABLES)
