"""sort users into age groups

The ages are those on a fixed day and not today's: every run of this revision, in
any year, gives the same result.

Revision ID: 0009
Revises: 0008
Create Date: 2024-12-02 09:10:00
"""

import datetime as dt

import sqlalchemy as sa
from alembic import op

from flask_datamigrate import Backfill
from flask_datamigrate import frozen
from flask_datamigrate import snippets as sn

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None

users = frozen.table(
    "users",
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("birth_date", sa.Date),
    sa.Column("age_group", sa.String(10)),
)

age = sn.age_in_years(users.c.birth_date, on=dt.date(2024, 12, 31))

backfill = Backfill(
    sa.update(users)
    .where(users.c.age_group.is_(None))
    .values(
        age_group=sa.case(
            (users.c.birth_date.is_(None), "unknown"),
            (age < 18, "minor"),
            (age < 35, "young"),
            (age < 65, "adult"),
            else_="senior",
        )
    ),
    undo=True,
)


def upgrade():
    op.backfill(backfill)


def downgrade():
    op.undo_backfill(backfill)
