"""compute the score of users in Python

The score says how far a profile can be trusted, from 0 to 100. A name that is
found again in the e-mail address weighs most, accents aside: "José Núñez" in
nunez.jose@example.org. No database does this alike, so Python does.

Revision ID: 0011
Revises: 0010
Create Date: 2024-12-09 09:10:00
"""

import unicodedata

import sqlalchemy as sa
from alembic import op

from flask_datamigrate import Backfill
from flask_datamigrate import frozen

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None

users = frozen.table(
    "users",
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("full_name", sa.String(100)),
    sa.Column("email", sa.String(254)),
    sa.Column("birth_date", sa.Date),
    sa.Column("is_active", sa.Boolean),
    sa.Column("score", sa.Integer),
)


def plain(text):
    parts = unicodedata.normalize("NFKD", text.casefold())
    return "".join(c for c in parts if not unicodedata.combining(c))


def score(row):
    words = plain(row["full_name"] or "").split()
    mailbox = plain(row["email"].partition("@")[0])
    points = 20 * (len(words) > 1)
    points += 40 * bool(words and words[-1] in mailbox)
    points += 20 * (row["birth_date"] is not None)
    points += 20 * bool(row["is_active"])
    return {"score": points}


backfill = Backfill.rows(
    users,
    score,
    reads=["full_name", "email", "birth_date", "is_active"],
    writes=["score"],
    where=users.c.score.is_(None),
    undo=True,
)


def upgrade():
    op.backfill(backfill)


def downgrade():
    op.undo_backfill(backfill)
