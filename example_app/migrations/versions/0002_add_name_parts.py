"""add first and last name to users

Revision ID: 0002
Revises: 0001
Create Date: 2024-11-11 09:00:00
"""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade():
    op.add_column("users", sa.Column("first_name", sa.String(100), nullable=True))
    op.add_column("users", sa.Column("last_name", sa.String(100), nullable=True))
    # datamigrate: ignore[DM115] the tracker has few users when it gets this
    op.create_index("ix_users_last_name_id", "users", ["last_name", "id"])


def downgrade():
    op.drop_index("ix_users_last_name_id", table_name="users")
    op.drop_column("users", "last_name")
    op.drop_column("users", "first_name")
