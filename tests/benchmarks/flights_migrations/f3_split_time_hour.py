"""split time_hour into date and hour, as New York's clocks showed them

time_hour is text, in UTC. Not every database knows New York's time zone; Python does.
"""

import datetime
import zoneinfo

import sqlalchemy as sa
from alembic import op

from flask_datamigrate import Backfill
from flask_datamigrate import frozen

revision = "f3"
down_revision = "f2"
branch_labels = None
depends_on = None

flights = frozen.table(
    "flights",
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("time_hour", sa.String(100)),
    sa.Column("local_date", sa.Date),
    sa.Column("local_hour", sa.Integer),
)

NEW_YORK = zoneinfo.ZoneInfo("America/New_York")


def split(row):
    utc = datetime.datetime.strptime(row["time_hour"], "%Y-%m-%dT%H:%M:%S%z")
    local = utc.astimezone(NEW_YORK)
    return {"local_date": local.date(), "local_hour": local.hour}


backfill = Backfill.rows(
    flights,
    split,
    reads=["time_hour"],
    writes=["local_date", "local_hour"],
    where=flights.c.local_date.is_(None),
    undo=True,
)


def upgrade():
    op.backfill(backfill)


def downgrade():
    op.undo_backfill(backfill)
