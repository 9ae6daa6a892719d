"""require a status of every user, and no longer the flag

From here on an app that knows the status alone can add users, too. (The second flag
has a default, so nobody has to give it.)

Revision ID: 0017
Revises: 0016
Create Date: 2025-01-20 09:00:00
"""

import sqlalchemy as sa
from alembic import op

revision = "0017"
down_revision = "0016"
branch_labels = None
depends_on = None

status = sa.Enum("active", "unverified", "suspended", "closed", name="user_status")


def upgrade():
    op.set_not_null("users", "status", existing_type=status)
    op.drop_not_null("users", "is_active", existing_type=sa.Boolean())


def downgrade():
    op.set_not_null("users", "is_active", existing_type=sa.Boolean())
    op.drop_not_null("users", "status", existing_type=status)
