"""compute the year of creation of bugs

A bug from the tracker before this one, which kept no dates, keeps no year.

Revision ID: 0005
Revises: 0004
Create Date: 2024-11-18 09:10:00
"""

import sqlalchemy as sa
from alembic import op

from flask_datamigrate import Backfill
from flask_datamigrate import frozen
from flask_datamigrate import snippets as sn

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

bugs = frozen.table(
    "bugs",
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("created_at", sa.DateTime),
    sa.Column("created_year", sa.Integer),
)

backfill = Backfill(
    sa.update(bugs)
    .where(bugs.c.created_year.is_(None), bugs.c.created_at.is_not(None))
    .values(created_year=sn.year(bugs.c.created_at)),
    undo=True,
)


def upgrade():
    op.backfill(backfill)


def downgrade():
    op.undo_backfill(backfill)
