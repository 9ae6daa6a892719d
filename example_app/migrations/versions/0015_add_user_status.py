"""add the status of users, an enum

It takes the place of two flags. An ENUM is a type of its own on PostgreSQL, part of
the column on MySQL and MariaDB, and a CHECK on SQLite, where a batch adds it.

Revision ID: 0015
Revises: 0014
Create Date: 2025-01-13 09:00:00
"""

import sqlalchemy as sa
from alembic import op

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None

status = sa.Enum(
    "active",
    "unverified",
    "suspended",
    "closed",
    name="user_status",
    create_constraint=True,
)


def upgrade():
    if op.get_context().dialect.name == "postgresql":
        op.execute(
            "CREATE TYPE user_status AS "
            "ENUM ('active', 'unverified', 'suspended', 'closed')"
        )
    with op.batch_alter_table("users") as batch:
        batch.add_column(sa.Column("status", status, nullable=True))


def downgrade():
    with op.batch_alter_table("users") as batch:
        if op.has_constraint("users", "user_status"):
            batch.drop_constraint("user_status", type_="check")
        batch.drop_column("status")
    if op.get_context().dialect.name == "postgresql":
        op.execute("DROP TYPE user_status")
