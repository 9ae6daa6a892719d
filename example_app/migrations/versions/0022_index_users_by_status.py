"""index users by status, where nobody has done so yet

The list of suspended users got slow, and some databases were given this index by
hand. So whether it is to be made depends on the database. Whoever made it, the
way back drops it: an index holds nothing that the table does not.

Revision ID: 0022
Revises: 0021
Create Date: 2025-02-17 09:00:00
"""

from alembic import op

revision = "0022"
down_revision = "0021"
branch_labels = None
depends_on = None


def upgrade():
    if not op.has_index("users", "ix_users_status_id"):
        # datamigrate: ignore[DM115] this is about asking, not about locks
        op.create_index("ix_users_status_id", "users", ["status", "id"])


def downgrade():
    if op.has_index("users", "ix_users_status_id"):
        op.drop_index("ix_users_status_id", table_name="users")
