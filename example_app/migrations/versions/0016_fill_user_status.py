"""turn the flags of users into a status

Two flags are four states, and each gets a name. That makes the way back exact for
every user, those who come later included: see 0018.

Revision ID: 0016
Revises: 0015
Create Date: 2025-01-13 09:10:00
"""

import sqlalchemy as sa
from alembic import op

from flask_datamigrate import Backfill
from flask_datamigrate import frozen
from flask_datamigrate import snippets as sn

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None

status = sa.Enum("active", "unverified", "suspended", "closed", name="user_status")
users = frozen.table(
    "users",
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("is_active", sa.Boolean),
    sa.Column("is_verified", sa.Boolean),
    sa.Column("status", status),
)

name = sa.case(
    (users.c.is_active & users.c.is_verified, "active"),
    (users.c.is_active, "unverified"),
    (users.c.is_verified, "suspended"),
    else_="closed",
)

backfill = Backfill(
    sa.update(users)
    .where(users.c.status.is_(None))
    # PostgreSQL takes a text for an ENUM only with a cast, and MySQL has no such cast.
    .values(status=sn.branch(postgresql=sa.cast(name, status), default=name)),
)


def upgrade():
    op.backfill(backfill)


def downgrade():
    # An undo would leave those alone that changed since; but from here on the flags
    # are what is true of each, and 0018 has brought them up to date.
    op.execute(sa.update(users).values(status=None))
