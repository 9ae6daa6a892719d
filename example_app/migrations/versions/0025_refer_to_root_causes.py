"""index the root causes of bugs, and have them refer to causes

Both beside traffic, in a revision of their own: a table of millions is read for them.
On SQLite the reference came with the column.

Revision ID: 0025
Revises: 0024
Create Date: 2025-03-03 09:20:00
"""

from alembic import op

revision = "0025"
down_revision = "0024"
branch_labels = None
depends_on = None
change = "bug_root_cause"
stage = "expand"


def upgrade():
    op.create_index_online("ix_bugs_root_cause_id", "bugs", ["root_cause_id"])
    if op.get_context().dialect.name != "sqlite":
        op.add_foreign_key_online(
            "fk_bugs_root_cause_id_root_causes",
            "bugs",
            "root_causes",
            ["root_cause_id"],
            ["id"],
        )


def downgrade():
    if op.get_context().dialect.name != "sqlite":
        op.drop_constraint(
            "fk_bugs_root_cause_id_root_causes", "bugs", type_="foreignkey"
        )
    op.drop_index_online("ix_bugs_root_cause_id", "bugs")
