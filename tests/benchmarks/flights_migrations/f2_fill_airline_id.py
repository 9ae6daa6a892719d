"""fill airline_id from the carrier's code"""

import sqlalchemy as sa
from alembic import op

from flask_datamigrate import Backfill
from flask_datamigrate import frozen

revision = "f2"
down_revision = "f1"
branch_labels = None
depends_on = None

flights = frozen.table(
    "flights",
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("carrier", sa.String(100)),
    sa.Column("airline_id", sa.Integer),
)

airlines = frozen.table(
    "airlines",
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("carrier", sa.String(100)),
)

backfill = Backfill(
    sa.update(flights)
    .where(flights.c.airline_id.is_(None))
    .values(
        airline_id=sa.select(airlines.c.id)
        .where(airlines.c.carrier == flights.c.carrier)
        .scalar_subquery()
    ),
    undo=True,
)


def upgrade():
    op.backfill(backfill)


def downgrade():
    op.undo_backfill(backfill)
