"""add a second flag to users

Until somebody has looked, a user is not verified. A default that is a constant
makes the column NOT NULL at once, whatever the number of rows.

Revision ID: 0013
Revises: 0012
Create Date: 2025-01-06 09:00:00
"""

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None


def upgrade():
    op.add_column(
        "users",
        sa.Column(
            "is_verified", sa.Boolean(), nullable=False, server_default=sa.false()
        ),
    )


def downgrade():
    op.drop_column("users", "is_verified")
