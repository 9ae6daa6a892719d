"""add a table of root causes, and keep it equal to the text while both are used

The change ``bug_root_cause`` gives the root cause of a bug, a text so far, a table of
its own. Until the text is gone, triggers see to it that a bug has both, whichever of
them the code writes.

What the text becomes is written in ``name``: spaces around it do not count, an empty
one is none, and what was misspelt is mended. The text itself stays as it was typed.

Revision ID: 0023
Revises: 0022
Create Date: 2025-03-03 09:00:00
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import mysql

from flask_datamigrate import frozen
from flask_datamigrate import snippets as sn

revision = "0023"
down_revision = "0022"
branch_labels = None
depends_on = None
change = "bug_root_cause"
stage = "expand"

UNICODE = {"mysql_charset": "utf8mb4", "mariadb_charset": "utf8mb4"}
MENDED = {
    "race condition": "race condition",
    "race conditon": "race condition",
    "of by one": "off by one",
    "off-by-one": "off by one",
}

# Causes are compared letter by letter, as PostgreSQL and SQLite do by themselves.
exact = mysql.VARCHAR(200, charset="utf8mb4", collation="utf8mb4_bin")

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


def upgrade():
    op.create_table(
        "root_causes",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column(
            "name",
            sa.String(200).with_variant(exact, "mysql", "mariadb"),
            nullable=False,
        ),
        sa.PrimaryKeyConstraint("id", name="pk_root_causes"),
        sa.UniqueConstraint("name", name="uq_root_causes_name"),
        **UNICODE,
    )
    op.execute(
        sn.branch(
            # Later on, SQLite would have to copy the table for it.
            sqlite="ALTER TABLE bugs ADD COLUMN root_cause_id INTEGER "
            "CONSTRAINT fk_bugs_root_cause_id_root_causes REFERENCES root_causes (id)",
            default="ALTER TABLE bugs ADD COLUMN root_cause_id INTEGER",
        )
    )
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
            # MySQL would otherwise read the causes as they were when the transaction
            # began, without one that somebody else has added since.
            "root_cause_id": sa.select(root_causes.c.id)
            .where(root_causes.c.name == name(bugs.c.root_cause))
            .with_for_update(read=True, key_share=True)
            .scalar_subquery()
        },
        backward={
            "root_cause": sa.select(root_causes.c.name)
            .where(root_causes.c.id == bugs.c.root_cause_id)
            .scalar_subquery()
        },
    )


def downgrade():
    op.drop_sync("bugs", change=change)
    op.drop_column("bugs", "root_cause_id")
    op.drop_table("root_causes")
