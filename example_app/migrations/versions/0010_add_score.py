"""add the score to users

Revision ID: 0010
Revises: 0009
Create Date: 2024-12-09 09:00:00
"""

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None


def upgrade():
    op.add_column("users", sa.Column("score", sa.Integer(), nullable=True))


def downgrade():
    op.drop_column("users", "score")
