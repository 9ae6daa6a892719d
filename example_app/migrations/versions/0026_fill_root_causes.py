"""turn the root causes of bugs into rows, and link the bugs to them

The causes first, each once, then the links. A bug that was written since 0023 has its
link already.

Revision ID: 0026
Revises: 0025
Create Date: 2025-03-10 09:00:00
"""

import sqlalchemy as sa
from alembic import op

from flask_datamigrate import Backfill
from flask_datamigrate import frozen
from flask_datamigrate import snippets as sn

revision = "0026"
down_revision = "0025"
branch_labels = None
depends_on = None
change = "bug_root_cause"
stage = "migrate"

MENDED = {
    "race condition": "race condition",
    "race conditon": "race condition",
    "of by one": "off by one",
    "off-by-one": "off by one",
}

bugs = frozen.table(
    "bugs",
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("root_cause", sa.Text),
    sa.Column("root_cause_id", sa.Integer),
)
root_causes = frozen.table(
    "root_causes",
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("name", sa.String(200)),
)

trimmed = sa.func.trim(bugs.c.root_cause)
letters = sn.branch(
    mysql=sa.collate(sa.func.lower(trimmed), "utf8mb4_bin"),
    default=sa.func.lower(trimmed),
)
mended = sa.case(*((letters == k, v) for k, v in MENDED.items()), else_=trimmed)
name = sa.func.nullif(mended, "")

causes = Backfill(
    sn.insert_missing(
        root_causes,
        # In the order of the bugs, so that the keys of the causes are always the same.
        from_select=(["name"], sa.select(name).where(name != "").order_by(bugs.c.id)),
        key=["name"],
    ),
    over=bugs,
    name="root_causes",
)
links = Backfill(
    sn.update_from(
        bugs,
        root_causes,
        on=root_causes.c.name == name,
        values={"root_cause_id": root_causes.c.id},
        where=bugs.c.root_cause_id.is_(None),
    ),
    undo=True,
    name="bugs_by_root_cause",
)


def upgrade():
    op.backfill(causes)
    op.backfill(links)


def downgrade():
    # The causes stay: bugs that were written meanwhile have them. They go in 0023.
    op.undo_backfill(links)
