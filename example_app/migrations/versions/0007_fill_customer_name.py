"""copy the name of the customer into orders

An order is shown with the name its customer had, so that the list of orders
needs no join. The order of a user without a name keeps none.

Revision ID: 0007
Revises: 0006
Create Date: 2024-11-25 09:10:00
"""

import sqlalchemy as sa
from alembic import op

from flask_datamigrate import Backfill
from flask_datamigrate import frozen

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

users = frozen.table(
    "users",
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("full_name", sa.String(100)),
)
orders = frozen.table(
    "orders",
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("user_id", sa.Integer),
    sa.Column("customer_name", sa.String(100)),
)

customer_name = (
    sa.select(users.c.full_name)
    .where(users.c.id == orders.c.user_id)
    .correlate(orders)
    .scalar_subquery()
)

backfill = Backfill(
    sa.update(orders)
    .where(orders.c.customer_name.is_(None), customer_name.is_not(None))
    .values(customer_name=customer_name),
    undo=True,
)


def upgrade():
    op.backfill(backfill)


def downgrade():
    op.undo_backfill(backfill)
