"""baseline: users, bugs and orders before any data migration

Revision ID: 0001
Revises:
Create Date: 2024-11-04 09:00:00
"""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

# Names are in every alphabet; a MySQL server may still default to latin1.
UNICODE = {"mysql_charset": "utf8mb4", "mariadb_charset": "utf8mb4"}


def upgrade():
    op.create_table(
        "users",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("full_name", sa.String(100), nullable=True),
        sa.Column("email", sa.String(254), nullable=False),
        sa.Column("birth_date", sa.Date(), nullable=True),
        sa.Column("created_at", sa.DateTime(), nullable=False),
        sa.Column("is_active", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_users"),
        sa.UniqueConstraint("email", name="uq_users_email"),
        **UNICODE,
    )
    op.create_table(
        "bugs",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("title", sa.String(200), nullable=False),
        sa.Column("root_cause", sa.Text(), nullable=True),
        sa.Column("status", sa.String(20), nullable=False),
        sa.Column("created_at", sa.DateTime(), nullable=True),
        sa.Column("reporter_id", sa.Integer(), nullable=True),
        sa.PrimaryKeyConstraint("id", name="pk_bugs"),
        sa.ForeignKeyConstraint(
            ["reporter_id"], ["users.id"], name="fk_bugs_reporter_id_users"
        ),
        **UNICODE,
    )
    op.create_index("ix_bugs_status_id", "bugs", ["status", "id"])
    op.create_index("ix_bugs_reporter_id", "bugs", ["reporter_id"])
    op.create_table(
        "orders",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("user_id", sa.Integer(), nullable=False),
        sa.Column("status", sa.String(20), nullable=True),
        sa.Column("total", sa.Numeric(10, 2), nullable=False),
        sa.Column("placed_at", sa.DateTime(), nullable=True),
        sa.Column("note", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("id", name="pk_orders"),
        sa.ForeignKeyConstraint(
            ["user_id"], ["users.id"], name="fk_orders_user_id_users"
        ),
        **UNICODE,
    )
    op.create_index("ix_orders_status_id", "orders", ["status", "id"])
    op.create_index("ix_orders_user_id_id", "orders", ["user_id", "id"])


def downgrade():
    op.drop_table("orders")
    op.drop_table("bugs")
    op.drop_table("users")
