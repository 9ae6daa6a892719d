"""add airline_id, local date and hour, delay"""

import sqlalchemy as sa
from alembic import op

revision = "f1"
down_revision = None
branch_labels = None
depends_on = None


def upgrade():
    with op.batch_alter_table("flights") as batch:
        batch.add_column(sa.Column("airline_id", sa.Integer))
        batch.add_column(sa.Column("local_date", sa.Date))
        batch.add_column(sa.Column("local_hour", sa.Integer))
        batch.add_column(sa.Column("delay", sa.String(10)))
        batch.create_foreign_key(
            "fk_flights_airline", "airlines", ["airline_id"], ["id"]
        )


def downgrade():
    with op.batch_alter_table("flights") as batch:
        batch.drop_constraint("fk_flights_airline", type_="foreignkey")
        batch.drop_column("delay")
        batch.drop_column("local_hour")
        batch.drop_column("local_date")
        batch.drop_column("airline_id")
