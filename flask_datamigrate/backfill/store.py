"""The state of backfills in the database: registered, claimed, advanced, ended."""

from __future__ import annotations

import dataclasses
import typing as t

import sqlalchemy as sa

from ..dialects import family
from ..errors import BackfillError
from . import keys
from . import tables as state_tables
from .events import Events
from .indexes.records import Records
from .orders import Orders
from .ranges import RangeStore
from .refusals import Refusals
from .states import ENDED
from .states import TRANSITIONS
from .states import State


@dataclasses.dataclass(frozen=True, slots=True)
class Record:
    """The row of one backfill.

    :param unproven: whether a row that matches its ``where`` may be one it changed:
        batches were done with ``verify=False`` or by another definition.
    :param upper: the highest key when that was last frozen.
    """

    name: str
    revision: str | None
    kind: str
    table_name: str
    state: State
    fingerprint: str
    key_columns: str
    applied: bool
    deferred: bool
    unproven: bool
    undo_table: str | None
    sweep: int
    upper: keys.Position | None
    rows_before: int | None
    rows_before_exact: bool
    rows_left: int | None
    conflicts: int
    started_at: float | None
    ended_at: float | None
    error: str | None


class Store:
    """Reads and writes the state tables; every method runs in the caller's transaction.

    :param schema: where ``alembic_version`` is.
    :param dialect: of the database.
    """

    def __init__(self, schema: str | None, dialect: sa.Dialect) -> None:
        self.tables = state_tables.tables(schema)
        self._now = state_tables.clock(family(dialect))
        self.events = Events(self.tables.events, self._now)
        self.orders = Orders(self.tables.orders)
        self.indexes = Records(self.tables.indexes)
        self.ranges = RangeStore(self.tables.ranges, self._now)
        self.refusals = Refusals(self.tables.refusals, self._now)

    def exists(self, connection: sa.Connection) -> bool:
        """Tell whether the state tables are there."""
        table = self.tables.backfills
        return sa.inspect(connection).has_table(table.name, schema=table.schema)

    def create(self, connection: sa.Connection) -> None:
        """Create the state tables that are not there yet.

        The one :meth:`exists` looks for comes last: MySQL keeps each as it is made,
        and a process may die in between.
        """
        last = self.tables.backfills
        metadata = self.tables.metadata
        others = [
            x for x in metadata.sorted_tables if x not in (last, self.tables.lock)
        ]
        metadata.create_all(connection, tables=others)
        last.create(connection, checkfirst=True)

    def get(
        self, connection: sa.Connection, name: str, *, locked: bool = False
    ) -> Record | None:
        """Return the row of a backfill.

        :param locked: whether to wait for whoever writes to it, and to keep it as it
            is until the transaction ends. Who needs its range too locks that after.
        """
        table = self.tables.backfills
        query = sa.select(table).where(table.c.name == name)
        row = connection.execute(query.with_for_update() if locked else query).first()
        return None if row is None else _record(row)

    def all(self, connection: sa.Connection) -> list[Record]:
        """Return every backfill, in the order they were first started."""
        table = self.tables.backfills
        order = (sa.func.coalesce(table.c.started_at, 9e18), table.c.name)
        rows = connection.execute(sa.select(table).order_by(*order))
        return [_record(row) for row in rows]

    def register(
        self,
        connection: sa.Connection,
        *,
        name: str,
        revision: str | None,
        kind: str,
        table_name: str,
        fingerprint: str,
        key_columns: str,
    ) -> Record:
        """Write a backfill down as pending, if it is not known yet."""
        known = self.get(connection, name)
        if known is not None:
            return known
        connection.execute(
            self.tables.backfills.insert().values(
                name=name,
                revision=revision,
                kind=kind,
                table_name=table_name,
                state=State.PENDING.value,
                fingerprint=fingerprint,
                key_columns=key_columns,
                applied=False,
                deferred=False,
                unproven=False,
                sweep=0,
                rows_before_exact=False,
                conflicts=0,
            )
        )
        self.orders.open(connection, name)
        self.events.moved(connection, name, None, State.PENDING, None)
        record = self.get(connection, name)
        assert record is not None
        return record

    def move(
        self,
        connection: sa.Connection,
        name: str,
        to: State,
        detail: str | None = None,
        **values: t.Any,
    ) -> None:
        """Take a backfill from its state to another, and log it.

        :raises BackfillError: when no such step is allowed, see ``states.py``.
        """
        record = self.get(connection, name, locked=True)
        assert record is not None
        if (record.state, to) not in TRANSITIONS:
            raise BackfillError(
                f"it is {record.state.value} and cannot become {to.value}",
                where=f"backfill {name}",
                next="See flask db data status",
            )
        if to is State.RUNNING and record.started_at is None:
            values["started_at"] = self._now
        if to in ENDED:
            values["ended_at"] = self._now
        values["error"] = detail if to is State.FAILED else None
        self.update(connection, name, state=to.value, **values)
        if to in ENDED:
            self.orders.clear(connection, name)
            # A process that dies right after this has nothing to be waited for.
            self.ranges.free(connection, name)
        self.events.moved(connection, name, record.state, to, detail)

    def update(self, connection: sa.Connection, name: str, **values: t.Any) -> None:
        """Change columns of a backfill's row."""
        if "upper" in values:
            values["upper"] = keys.encode(values["upper"])
        table = self.tables.backfills
        connection.execute(table.update().where(table.c.name == name).values(**values))

    def restart(
        self, connection: sa.Connection, name: str, detail: str, *, applied: bool
    ) -> None:
        """Make an ended backfill pending again, from the first row on.

        :param applied: whether its revision is applied.
        """
        self.move(
            connection,
            name,
            State.PENDING,
            detail,
            applied=applied,
            unproven=False,
            sweep=0,
            upper=None,
            rows_before=None,
            rows_before_exact=False,
            rows_left=None,
            conflicts=0,
            started_at=None,
            ended_at=None,
            undo_table=None,
        )
        self.ranges.drop(connection, name)
        self.refusals.clear(connection, name)


def _record(row: sa.Row[t.Any]) -> Record:
    values = dict(row._mapping)
    values["state"] = State(values["state"])
    values["upper"] = keys.decode(values["upper"])
    return Record(**values)
