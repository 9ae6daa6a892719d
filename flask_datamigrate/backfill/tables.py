"""The tables the engine keeps beside ``alembic_version``."""

from __future__ import annotations

import dataclasses

import sqlalchemy as sa

_POSITION = sa.Text()
_CLOCK = {
    # Seconds since 1970 by the database's own clock, the one all hosts share.
    "postgresql": "EXTRACT(EPOCH FROM clock_timestamp())",
    "mysql": "(UNIX_TIMESTAMP(SYSDATE(6)) + 0e0)",
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
    lock: sa.Table


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
        sa.Column("undo_table", sa.String(63)),
        sa.Column("sweep", sa.Integer, nullable=False),
        sa.Column("rows_before", sa.BigInteger),
        sa.Column("rows_before_exact", sa.Boolean, nullable=False),
        sa.Column("rows_left", sa.BigInteger),
        sa.Column("conflicts", sa.BigInteger, nullable=False),
        sa.Column("started_at", sa.Double),
        sa.Column("ended_at", sa.Double),
        sa.Column("error", sa.Text),
        mysql_charset="utf8mb4",
        mysql_engine="InnoDB",
    )
    ranges = sa.Table(
        "datamigrate_ranges",
        metadata,
        sa.Column("backfill", sa.String(150), primary_key=True),
        sa.Column("direction", sa.String(10), primary_key=True),
        sa.Column("lowest", _POSITION),
        sa.Column("upper", _POSITION),
        sa.Column("position", _POSITION),
        sa.Column("changed", sa.BigInteger, nullable=False),
        sa.Column("skipped", sa.BigInteger, nullable=False),
        sa.Column("visited", sa.BigInteger, nullable=False),
        sa.Column("batches", sa.BigInteger, nullable=False),
        sa.Column("seconds", sa.Double, nullable=False),
        sa.Column("batch_size", sa.Integer, nullable=False),
        sa.Column("owner", sa.String(200)),
        sa.Column("lease_until", sa.Double),
        mysql_charset="utf8mb4",
        mysql_engine="InnoDB",
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
        sa.Column("from_state", sa.String(20)),
        sa.Column("to_state", sa.String(20), nullable=False),
        sa.Column("runner", sa.String(200), nullable=False),
        sa.Column("detail", sa.Text),
        mysql_charset="utf8mb4",
        mysql_engine="InnoDB",
    )
    lock = sa.Table(
        "datamigrate_lock",
        metadata,
        sa.Column("name", sa.String(50), primary_key=True),
        sa.Column("owner", sa.String(200), nullable=False),
        sa.Column("lease_until", sa.Double, nullable=False),
        mysql_charset="utf8mb4",
        mysql_engine="InnoDB",
    )
    return Tables(metadata, backfills, ranges, events, lock)
