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
letters = sa.func.replace(name, " ", "")
first_word = sn.branch(
    postgresql=sa.func.split_part(name, " ", 1),
    mysql=sa.func.substring_index(name, " ", 1),
    sqlite=sa.func.substr(name, 1, sa.func.instr(name.concat(" "), " ") - 1),
)
last_word = sn.branch(
    postgresql=sa.func.reverse(sa.func.split_part(sa.func.reverse(name), " ", 1)),
    mysql=sa.func.substring_index(name, " ", -1),
    # Cutting every letter off the right end leaves all words but the last.
    sqlite=sa.func.substr(name, sa.func.length(sa.func.rtrim(name, letters)) + 1),
)

backfill = Backfill(
    sa.update(users)
    .where(users.c.first_name.is_(None), users.c.full_name.is_not(None))
    .values(
        first_name=first_word,
        last_name=sa.case(
            (sa.func.length(letters) == sa.func.length(name), ""),
            else_=last_word,
        ),
    ),
    undo=True,
)


def upgrade():
    op.backfill(backfill)


def downgrade():
    op.undo_backfill(backfill)
