"""verify the users whose profiles can be trusted, with a line in the log for each

Who is verified may do more, so who became so is to be found in the log. Logs are
kept longer than accounts and read by more people: e-mail addresses stay out.

Revision ID: 0014
Revises: 0013
Create Date: 2025-01-06 09:10:00
"""

import sqlalchemy as sa
from alembic import op

from flask_datamigrate import frozen

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None

users = frozen.table(
    "users",
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("email", sa.String(254)),
    sa.Column("score", sa.Integer),
    sa.Column("is_verified", sa.Boolean),
)


def upgrade():
    op.execute_logged(
        sa.update(users)
        .where(users.c.score >= 80, users.c.is_verified.is_(sa.false()))
        .values(is_verified=True),
        "Verified user id=%(id)s email=%(email)s score=%(score)s",
        returning=["id", "email", "score"],
        limit=5,
        redact=["email"],
    )


def downgrade():
    # The revision before added the flag: nobody was verified then.
    op.execute(sa.update(users).where(users.c.is_verified).values(is_verified=False))
