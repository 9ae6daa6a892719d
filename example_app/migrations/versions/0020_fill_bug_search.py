r"""fill what is searched of the bugs there are

With the words that the triggers of 0019 write.

Revision ID: 0020
Revises: 0019
Create Date: 2025-02-03 09:10:00
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

from flask_datamigrate import Backfill
from flask_datamigrate import frozen
from flask_datamigrate import snippets as sn

revision = "0020"
down_revision = "0019"
branch_labels = None
depends_on = None

bugs = frozen.table(
    "bugs",
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("title", sa.String(200)),
    sa.Column("root_cause", sa.Text),
    sa.Column("search", sa.Text().with_variant(postgresql.TSVECTOR(), "postgresql")),
)

backfill = Backfill(
    sa.update(bugs)
    .where(bugs.c.search.is_(None))
    .values(
        search=sn.branch(
            postgresql="bug_words(title, root_cause)",
            mysql=r"""CONCAT('q_', REGEXP_REPLACE(REGEXP_REPLACE(
                CONCAT_WS(' ', title, root_cause), '\\p{M}+', ''),
                '[^\\p{L}\\p{N}]+', ' q_'))""",
            sqlite="title || ' ' || coalesce(root_cause, '')",
        )
    ),
    undo=True,
)


def upgrade():
    op.backfill(backfill)


def downgrade():
    op.undo_backfill(backfill)
