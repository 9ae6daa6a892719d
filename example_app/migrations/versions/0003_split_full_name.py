"""split the full name

The first name is the first word and the last name the last one: "Ana Maria de
Souza" becomes "Ana" and "Souza". A name of one word has an empty last name, and
a user without a name keeps none. Spaces around the name do not count.

Revision ID: 0003
Revises: 0002
Create Date: 2024-11-11 09:10:00
"""

import sqlalchemy as sa
from alembic import op

from flask_datamigrate import Backfill
from flask_datamigrate import frozen
from flask_datamigrate import snippets as sn

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

users = frozen.table(
    "users",
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("full_name", sa.String(100)),
    sa.Column("first_name", sa.String(100)),
    sa.Column("last_name", sa.String(100)),
)

name = sa.func.trim(users.c.full_name)

backfill = Backfill(
    sa.update(users)
    .where(users.c.first_name.is_(None), users.c.full_name.is_not(None))
    .values(
        first_name=sn.split_part(name, " ", 1),
        last_name=sa.case(
            (name.contains(" "), sn.split_part(name, " ", -1)),
            else_="",
        ),
    ),
    undo=True,
)


def upgrade():
    op.backfill(backfill)


def downgrade():
    op.undo_backfill(backfill)
