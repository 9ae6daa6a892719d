"""give old orders a status, in batches

An order without a status was completed if it was placed before 2024 or was
free; any other, one that was never placed included, is pending. The column is
as old as the table, so no schema revision goes before this one.

Revision ID: 0012
Revises: 0011
Create Date: 2024-12-16 09:00:00
"""

import datetime as dt

import sqlalchemy as sa
from alembic import op

from flask_datamigrate import Backfill
from flask_datamigrate import frozen

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None

orders = frozen.table(
    "orders",
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("status", sa.String(20)),
    sa.Column("total", sa.Numeric(10, 2)),
    sa.Column("placed_at", sa.DateTime),
)

backfill = Backfill(
    sa.update(orders)
    .where(orders.c.status.is_(None))
    .values(
        status=sa.case(
            (orders.c.placed_at < dt.datetime(2024, 1, 1), "completed"),
            (orders.c.total == 0, "completed"),
            else_="pending",
        )
    ),
    batch_size=2000,
    undo=True,
)


def upgrade():
    op.backfill(backfill)


def downgrade():
    op.undo_backfill(backfill)
