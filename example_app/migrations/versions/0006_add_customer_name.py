"""add the name of the customer to orders

Revision ID: 0006
Revises: 0005
Create Date: 2024-11-25 09:00:00
"""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade():
    op.add_column("orders", sa.Column("customer_name", sa.String(100), nullable=True))


def downgrade():
    op.drop_column("orders", "customer_name")
