"""The tables the engine keeps beside ``alembic_version``."""

from __future__ import annotations

import dataclasses
import functools
import typing as t

import sqlalchemy as sa

_POSITION = sa.Text()
# Transactions, and any text, whatever the server's defaults are.
_MYSQL: dict[str, t.Any] = {"mysql_charset": "utf8mb4", "mysql_engine": "InnoDB"}
_CLOCK = {
    # Seconds since 1970 by the database's own clock, the one all hosts share.
    "postgresql": "EXTRACT(EPOCH FROM clock_timestamp())",
    "mysql": (
        # Not UNIX_TIMESTAMP of a local time, which jumps when the clocks go back.
        "(TIMESTAMPDIFF(MICROSECOND, '1970-01-01', UTC_TIMESTAMP(6)) / 1e6)"
    ),
    "sqlite": "((julianday('now') - 2440587.5) * 86400.0)",
}


def clock(family: str) -> sa.ColumnElement[float]:
    """Return the database's time in seconds since 1970.

    :param family: ``postgresql``, ``mysql`` or ``sqlite``.
    """
    return sa.cast(sa.literal_column(_CLOCK[family]), sa.Double())


@dataclasses.dataclass(frozen=True, slots=True)
class Tables:
    """The state tables in one schema; see :func:`tables`."""

    metadata: sa.MetaData
    backfills: sa.Table
    ranges: sa.Table
    events: sa.Table
    orders: sa.Table
    indexes: sa.Table
    refusals: sa.Table
    lock: sa.Table


@functools.cache
def tables(schema: str | None) -> Tables:
    """Describe the state tables.

    :param schema: where ``alembic_version`` is; ``None`` for the default schema.
    """
    metadata = sa.MetaData(schema=schema)
    backfills = sa.Table(
        "datamigrate_backfills",
        metadata,
        sa.Column("name", sa.String(150), primary_key=True),
        sa.Column("revision", sa.String(100)),
        sa.Column("kind", sa.String(20), nullable=False),
        sa.Column("table_name", sa.String(255), nullable=False),
        sa.Column("state", sa.String(20), nullable=False),
        sa.Column("fingerprint", sa.String(12), nullable=False),
        sa.Column("key_columns", sa.Text, nullable=False),
        # Whether the revision's version was written with the work done (or, when
        # deferred, registered): what tells a second upgrade after a downgrade from
        # a crash between the last batch and the version.
        sa.Column("applied", sa.Boolean, nullable=False),
        sa.Column("deferred", sa.Boolean, nullable=False),
        sa.Column("unproven", sa.Boolean, nullable=False),
        sa.Column("undo_table", sa.String(63)),
        sa.Column("sweep", sa.Integer, nullable=False),
        # The highest key when it was last frozen: where the topmost range ends.
        sa.Column("upper", _POSITION),
        sa.Column("rows_before", sa.BigInteger),
        sa.Column("rows_before_exact", sa.Boolean, nullable=False),
        sa.Column("rows_left", sa.BigInteger),
        sa.Column("conflicts", sa.BigInteger, nullable=False),
        sa.Column("started_at", sa.Double),
        sa.Column("ended_at", sa.Double),
        sa.Column("error", sa.Text),
        **_MYSQL,
    )
    ranges = sa.Table(
        "datamigrate_ranges",
        metadata,
        sa.Column("backfill", sa.String(150), primary_key=True),
        sa.Column("direction", sa.String(10), primary_key=True),
        sa.Column("number", sa.Integer, primary_key=True, autoincrement=False),
        # Behind which key it begins; NULL for the first row of the table.
        sa.Column("low", _POSITION),
        sa.Column("lowest", _POSITION),
        sa.Column("upper", _POSITION),
        sa.Column("position", _POSITION),
        sa.Column("changed", sa.BigInteger, nullable=False),
        sa.Column("skipped", sa.BigInteger, nullable=False),
        sa.Column("visited", sa.BigInteger, nullable=False),
        sa.Column("batches", sa.BigInteger, nullable=False),
        sa.Column("seconds", sa.Double, nullable=False),
        sa.Column("batch_size", sa.Integer, nullable=False),
        sa.Column("rows_about", sa.BigInteger),
        # How often somebody else moved its bounds, which its owner has to notice.
        sa.Column("cuts", sa.Integer, nullable=False),
        sa.Column("owner", sa.String(200)),
        sa.Column("lease_until", sa.Double),
        # How long its owner's lease is each time, by the owner's own config.
        sa.Column("lease_seconds", sa.Double),
        **_MYSQL,
    )
    events = sa.Table(
        "datamigrate_events",
        metadata,
        sa.Column(
            "id",
            sa.BigInteger().with_variant(sa.Integer(), "sqlite"),
            primary_key=True,
            autoincrement=True,
        ),
        sa.Column("at", sa.Double, nullable=False),
        sa.Column("backfill", sa.String(150), nullable=False),
        sa.Column("kind", sa.String(20), nullable=False),
        sa.Column("from_state", sa.String(20)),
        sa.Column("to_state", sa.String(20)),
        sa.Column("runner", sa.String(200), nullable=False),
        sa.Column("detail", sa.Text),
        **_MYSQL,
    )
    # Beside the row of the backfill, which a check of a big table keeps locked for as
    # long as it lasts: an operator must not have to wait for that.
    orders = sa.Table(
        "datamigrate_orders",
        metadata,
        sa.Column("backfill", sa.String(150), primary_key=True),
        sa.Column("paused_by", sa.String(200)),
        sa.Column("batch_size", sa.Integer),
        sa.Column("target_seconds", sa.Double),
        sa.Column("pause_seconds", sa.Double),
        sa.Column("waiting", sa.Text),
        **_MYSQL,
    )
    indexes = sa.Table(
        "datamigrate_indexes",
        metadata,
        sa.Column("backfill", sa.String(150), primary_key=True),
        sa.Column("name", sa.String(100), primary_key=True),
        sa.Column("schema_name", sa.String(100)),
        sa.Column("table_name", sa.String(255), nullable=False),
        sa.Column("statements", sa.Text, nullable=False),
        **_MYSQL,
    )
    refusals = sa.Table(
        "datamigrate_refusals",
        metadata,
        sa.Column("backfill", sa.String(150), primary_key=True),
        sa.Column("digest", sa.String(64), primary_key=True),
        sa.Column("position", _POSITION, nullable=False),
        sa.Column("error", sa.Text, nullable=False),
        sa.Column("at", sa.Double, nullable=False),
        sa.Column("accepted", sa.Boolean, nullable=False),
        **_MYSQL,
    )
    lock = sa.Table(
        "datamigrate_lock",
        metadata,
        sa.Column("name", sa.String(50), primary_key=True),
        sa.Column("owner", sa.String(200), nullable=False),
        sa.Column("lease_until", sa.Double, nullable=False),
        sa.Column("lease_seconds", sa.Double, nullable=False),
        **_MYSQL,
    )
    return Tables(metadata, backfills, ranges, events, orders, indexes, refusals, lock)
