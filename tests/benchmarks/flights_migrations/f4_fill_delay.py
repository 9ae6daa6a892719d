"""fill delay, a category of dep_delay"""

import sqlalchemy as sa
from alembic import op

from flask_datamigrate import Backfill
from flask_datamigrate import frozen

revision = "f4"
down_revision = "f3"
branch_labels = None
depends_on = None

flights = frozen.table(
    "flights",
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("dep_delay", sa.Float(53)),
    sa.Column("delay", sa.String(10)),
)

backfill = Backfill(
    sa.update(flights)
    .where(flights.c.delay.is_(None))
    .values(
        delay=sa.case(
            (flights.c.dep_delay.is_(None), "cancelled"),
            (flights.c.dep_delay <= 0, "none"),
            (flights.c.dep_delay <= 15, "short"),
            (flights.c.dep_delay <= 60, "long"),
            else_="very long",
        )
    ),
    undo=True,
)


def upgrade():
    op.backfill(backfill)


def downgrade():
    op.undo_backfill(backfill)
