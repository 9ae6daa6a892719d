"""The recipes about categories, joins, tables of their own and flags."""

from __future__ import annotations

import decimal

import sqlalchemy as sa

from .recipe import Recipe

_metadata = sa.MetaData()
sa.Table(
    "orders",
    _metadata,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("total", sa.Numeric(10, 2)),
)
_TOTALS = ("0.00", "19.50", "20.00", "99.99", "100.00", "12345678.90", None, "-5.00")

CATEGORIES = Recipe(
    revisions=("categories-expand", "categories-data", "categories-contract"),
    tables=_metadata,
    rows={
        "orders": [
            {"id": n, "total": None if total is None else decimal.Decimal(total)}
            for n, total in enumerate(_TOTALS, start=1)
        ]
    },
    after=(
        (
            "SELECT size FROM orders ORDER BY id",
            [
                ("small",),
                ("small",),
                ("medium",),
                ("medium",),
                ("large",),
                ("large",),
                ("unknown",),
                ("small",),
            ],
        ),
    ),
    since=("INSERT INTO orders (id, total, size) VALUES (20, 5, 'small')",),
    back=(("SELECT total FROM orders WHERE id = 20", [(decimal.Decimal("5.00"),)]),),
)

_metadata = sa.MetaData()
sa.Table(
    "users",
    _metadata,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("full_name", sa.String(100)),
)
sa.Table(
    "orders",
    _metadata,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("user_id", sa.Integer),
)

DENORMALISE = Recipe(
    revisions=("denormalise-expand", "denormalise-data"),
    tables=_metadata,
    rows={
        "users": [
            {"id": 1, "full_name": "Ada Lovelace"},
            {"id": 2, "full_name": None},
            {"id": 3, "full_name": ""},
        ],
        "orders": [
            {"id": 1, "user_id": 1},
            {"id": 2, "user_id": 2},
            {"id": 3, "user_id": 3},
            {"id": 4, "user_id": None},
            {"id": 5, "user_id": 99},
            {"id": 6, "user_id": 1},
        ],
    },
    after=(
        (
            "SELECT customer_name FROM orders ORDER BY id",
            [("Ada Lovelace",), (None,), ("",), (None,), (None,), ("Ada Lovelace",)],
        ),
    ),
)

_metadata = sa.MetaData()
sa.Table(
    "issues",
    _metadata,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("root_cause", sa.String(200)),
)
_CAUSES = ("Network", "network", "Network ", "Größe", "", "  ", None, "Network")

NORMALISE = Recipe(
    revisions=("normalise-expand", "normalise-data", "normalise-contract"),
    tables=_metadata,
    rows={
        "issues": [
            {"id": n, "root_cause": cause} for n, cause in enumerate(_CAUSES, start=1)
        ]
    },
    after=(
        (
            "SELECT i.id, c.name FROM issues i "
            "LEFT JOIN root_causes c ON c.id = i.root_cause_id ORDER BY i.id",
            [
                (1, "Network"),
                (2, "network"),
                (3, "Network"),
                (4, "Größe"),
                (5, None),
                (6, None),
                (7, None),
                (8, "Network"),
            ],
        ),
        ("SELECT count(*) FROM root_causes", [(3,)]),
    ),
    since=(
        "INSERT INTO root_causes (name) VALUES ('Power')",
        "INSERT INTO issues (id, root_cause_id) "
        "SELECT 20, id FROM root_causes WHERE name = 'Power'",
        "INSERT INTO issues (id) VALUES (21)",
    ),
    back=(
        (
            "SELECT id, root_cause FROM issues WHERE id IN (3, 6, 20, 21) ORDER BY id",
            [(3, "Network "), (6, "  "), (20, "Power"), (21, None)],
        ),
    ),
)

_metadata = sa.MetaData()
sa.Table(
    "users",
    _metadata,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("is_active", sa.Boolean, nullable=False, server_default=sa.true()),
    sa.Column("is_banned", sa.Boolean),
)
_FLAGS = ((True, False), (True, True), (False, True), (True, None), (False, None))

FLAGS = Recipe(
    revisions=("flags-expand", "flags-data", "flags-contract"),
    tables=_metadata,
    rows={
        "users": [
            {"id": n, "is_active": active, "is_banned": banned}
            for n, (active, banned) in enumerate(_FLAGS, start=1)
        ]
    },
    after=(
        (
            "SELECT status FROM users ORDER BY id",
            [("active",), ("banned",), ("banned",), ("active",), ("inactive",)],
        ),
    ),
    since=(
        "INSERT INTO users (id, status) VALUES "
        "(20, 'active'), (21, 'banned'), (22, 'inactive')",
        "UPDATE users SET status = 'active' WHERE id = 2",
        "UPDATE users SET status = 'inactive' WHERE id = 1",
    ),
    back=(
        (
            sa.select(*_metadata.tables["users"].c).order_by(sa.text("id")),
            [
                (1, False, False),
                (2, True, False),
                (3, False, True),
                (4, True, None),
                (5, False, None),
                (20, True, None),
                (21, True, True),
                (22, False, False),
            ],
        ),
    ),
)
