"""add the age group to users

Revision ID: 0008
Revises: 0007
Create Date: 2024-12-02 09:00:00
"""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade():
    op.add_column("users", sa.Column("age_group", sa.String(10), nullable=True))


def downgrade():
    op.drop_column("users", "age_group")
