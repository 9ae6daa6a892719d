"""drop the triggers that keep the text of the root cause

All code writes the link alone from here on. The way back makes them again, as in 0023,
and then brings the texts up to date of bugs that came or changed meanwhile.

Revision ID: 0028
Revises: 0027
Create Date: 2025-03-17 09:10:00
"""

import sqlalchemy as sa
from alembic import op

from flask_datamigrate import frozen
from flask_datamigrate import snippets as sn

revision = "0028"
down_revision = "0027"
branch_labels = None
depends_on = None
change = "bug_root_cause"
stage = "contract"

BUGS_AT_ONCE = 5_000
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


def name(text):
    """Return the name of the cause that a text means; NULL for none."""
    trimmed = sa.func.trim(text)
    letters = sn.branch(
        mysql=sa.collate(sa.func.lower(trimmed), "utf8mb4_bin"),
        default=sa.func.lower(trimmed),
    )
    mended = sa.case(*((letters == k, v) for k, v in MENDED.items()), else_=trimmed)
    return sa.func.nullif(mended, "")


written = name(sa.literal_column("NEW.root_cause", sa.Text))
known = sa.exists().where(root_causes.c.name == written)

# MySQL lets no trigger insert into a table that the statement which sets it off reads,
# as some do. So there is no INSERT where there is nothing to insert.
CASES = " ".join(f"WHEN '{typed}' THEN '{meant}'" for typed, meant in MENDED.items())
MYSQL_NAME = (
    f"nullif(CASE lower(trim(NEW.root_cause)) COLLATE utf8mb4_bin {CASES} "
    "ELSE trim(NEW.root_cause) END, '')"
)
MYSQL = (
    f"IF {MYSQL_NAME} IS NOT NULL "
    f"AND NOT EXISTS (SELECT 1 FROM root_causes WHERE name = {MYSQL_NAME}) "
    f"THEN INSERT INTO root_causes (name) VALUES ({MYSQL_NAME}) "
    "ON DUPLICATE KEY UPDATE name = root_causes.name; END IF"
)
linked = (
    sa.select(root_causes.c.name)
    .where(root_causes.c.id == bugs.c.root_cause_id)
    .scalar_subquery()
)


def upgrade():
    op.drop_sync("bugs", change=change)


def downgrade():
    op.create_sync(
        "bugs",
        change=change,
        forward_sql=sn.branch(
            mysql=MYSQL,
            default=sn.insert_missing(
                root_causes,
                from_select=(["name"], sa.select(written).where(written != "", ~known)),
                key=["name"],
            ),
        ),
        forward={
            "root_cause_id": sa.select(root_causes.c.id)
            .where(root_causes.c.name == name(bugs.c.root_cause))
            .with_for_update(read=True, key_share=True)
            .scalar_subquery()
        },
        backward={"root_cause": linked},
    )
    mend = (
        sa.update(bugs)
        .where(sn.differs(name(bugs.c.root_cause), linked))
        .values(root_cause=linked)
    )
    context = op.get_context()
    # Behind the commit of the triggers, and a few bugs at a time: whoever writes one
    # would wait for a look at all of them.
    with context.autocommit_block():
        if context.as_sql:
            op.execute(mend)
            return
        last = op.get_bind().scalar(sa.select(sa.func.max(bugs.c.id))) or 0
        for id in range(1, last + 1, BUGS_AT_ONCE):
            op.execute(mend.where(bugs.c.id.between(id, id + BUGS_AT_ONCE - 1)))
