"""drop the text of the root cause, and keep its values aside

The way back brings every text as it was typed.

Revision ID: 0029
Revises: 0028
Create Date: 2025-03-24 09:00:00
"""

from alembic import op

revision = "0029"
down_revision = "0028"
branch_labels = None
depends_on = None
change = "bug_root_cause"
stage = "contract"


def upgrade():
    op.archive_column("bugs", "root_cause")


def downgrade():
    op.restore_column("bugs", "root_cause")
