"""drop the flags of users

The way back brings the columns and their values, then the flags of whoever came or
changed since: their status says them.

Revision ID: 0018
Revises: 0017
Create Date: 2025-01-27 09:00:00
"""

import sqlalchemy as sa
from alembic import op

from flask_datamigrate import frozen

revision = "0018"
down_revision = "0017"
branch_labels = None
depends_on = None

status = sa.Enum("active", "unverified", "suspended", "closed", name="user_status")
users = frozen.table(
    "users",
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("is_active", sa.Boolean),
    sa.Column("is_verified", sa.Boolean),
    sa.Column("status", status),
)

is_active = users.c.status.in_(["active", "unverified"])
is_verified = users.c.status.in_(["active", "suspended"])


def upgrade():
    # datamigrate: ignore[DM112] the release before goes by the status alone
    op.archive_column("users", "is_active")
    # datamigrate: ignore[DM112] the release before goes by the status alone
    op.archive_column("users", "is_verified")


def downgrade():
    op.restore_column("users", "is_active")
    op.restore_column("users", "is_verified")
    op.execute(
        sa.update(users)
        .where(
            users.c.is_active.is_(None)
            | (users.c.is_active != is_active)
            | (users.c.is_verified != is_verified)
        )
        .values(is_active=is_active, is_verified=is_verified)
    )
