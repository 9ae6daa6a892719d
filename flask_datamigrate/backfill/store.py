"""The state of backfills in the database: registered, claimed, advanced, ended."""

from __future__ import annotations

import dataclasses
import typing as t

import sqlalchemy as sa

from ..errors import BackfillError
from . import connections
from . import keys
from . import processes
from . import tables as state_tables
from .states import TRANSITIONS
from .states import State

FORWARD = "forward"
"""The direction of a run."""

BACK = "back"
"""The direction of an undo."""


@dataclasses.dataclass(frozen=True, slots=True)
class Record:
    """The row of one backfill."""

    name: str
    revision: str | None
    kind: str
    table_name: str
    state: State
    fingerprint: str
    key_columns: str
    applied: bool
    deferred: bool
    undo_table: str | None
    sweep: int
    rows_before: int | None
    rows_before_exact: bool
    rows_left: int | None
    conflicts: int
    started_at: float | None
    ended_at: float | None
    error: str | None


@dataclasses.dataclass(frozen=True, slots=True)
class Range:
    """The stretch of the key one runner walks, and where it is."""

    lowest: keys.Position | None
    upper: keys.Position | None
    position: keys.Position | None
    changed: int
    skipped: int
    visited: int
    batches: int
    seconds: float
    batch_size: int
    owner: str | None
    lease_until: float | None


class Lost(Exception):
    """Another runner has taken the range over; what this one did is rolled back."""


class Store:
    """Reads and writes the state tables; every method runs in the caller's transaction.

    :param schema: where ``alembic_version`` is.
    :param dialect: of the database.
    """

    def __init__(self, schema: str | None, dialect: sa.Dialect) -> None:
        self.tables = state_tables.tables(schema)
        self._now = state_tables.clock(connections.family(dialect))

    def exists(self, connection: sa.Connection) -> bool:
        """Tell whether the state tables are there."""
        table = self.tables.backfills
        return sa.inspect(connection).has_table(table.name, schema=table.schema)

    def create(self, connection: sa.Connection) -> None:
        """Create the state tables that are not there yet."""
        wanted = [self.tables.backfills, self.tables.ranges, self.tables.events]
        self.tables.metadata.create_all(connection, tables=wanted)

    def get(self, connection: sa.Connection, name: str) -> Record | None:
        table = self.tables.backfills
        row = connection.execute(sa.select(table).where(table.c.name == name)).first()
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
        deferred: bool,
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
                deferred=deferred,
                sweep=0,
                rows_before_exact=False,
                conflicts=0,
            )
        )
        self._log(connection, name, None, State.PENDING, None)
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
        record = self.get(connection, name)
        assert record is not None
        if (record.state, to) not in TRANSITIONS:
            raise BackfillError(
                f"it is {record.state.value} and cannot become {to.value}",
                where=f"backfill {name}",
                next="See flask db data status",
            )
        if to is State.RUNNING and record.started_at is None:
            values["started_at"] = self._now
        if to in (State.FINISHED, State.UNDONE, State.CANCELLED):
            values["ended_at"] = self._now
        values["error"] = detail if to is State.FAILED else None
        self.update(connection, name, state=to.value, **values)
        self._log(connection, name, record.state, to, detail)

    def update(self, connection: sa.Connection, name: str, **values: t.Any) -> None:
        """Change columns of a backfill's row."""
        table = self.tables.backfills
        connection.execute(table.update().where(table.c.name == name).values(**values))

    def restart(self, connection: sa.Connection, name: str, detail: str) -> None:
        """Make an ended backfill pending again, from the first row on."""
        self.move(
            connection,
            name,
            State.PENDING,
            detail,
            applied=False,
            sweep=0,
            rows_before=None,
            rows_before_exact=False,
            rows_left=None,
            conflicts=0,
            started_at=None,
            ended_at=None,
            undo_table=None,
        )
        self.drop_ranges(connection, name)

    def drop_ranges(self, connection: sa.Connection, name: str) -> None:
        """Forget where a backfill is."""
        ranges = self.tables.ranges
        connection.execute(ranges.delete().where(ranges.c.backfill == name))

    # Ranges

    def range(
        self, connection: sa.Connection, name: str, direction: str
    ) -> Range | None:
        table = self.tables.ranges
        row = connection.execute(
            sa.select(table).where(*self._of(name, direction))
        ).first()
        if row is None:
            return None
        values = dict(row._mapping)
        for column in ("lowest", "upper", "position"):
            values[column] = keys.decode(values[column])
        del values["backfill"], values["direction"]
        return Range(**values)

    def open_range(
        self, connection: sa.Connection, name: str, direction: str, batch_size: int
    ) -> Range:
        """Return the range of a backfill, a new one if there is none."""
        known = self.range(connection, name, direction)
        if known is not None:
            return known
        connection.execute(
            self.tables.ranges.insert().values(
                backfill=name,
                direction=direction,
                changed=0,
                skipped=0,
                visited=0,
                batches=0,
                seconds=0.0,
                batch_size=batch_size,
            )
        )
        opened = self.range(connection, name, direction)
        assert opened is not None
        return opened

    def claim(
        self,
        connection: sa.Connection,
        name: str,
        direction: str,
        owner: str,
        lease: float,
    ) -> str | None:
        """Make a range this runner's, or return the tag of the live runner it is.

        :param owner: this runner's name tag.
        :param lease: seconds the claim holds without a batch.
        """
        table = self.tables.ranges
        held = self.range(connection, name, direction)
        assert held is not None
        free = sa.or_(table.c.owner.is_(None), table.c.lease_until < self._now)
        if held.owner is not None and processes.is_dead(held.owner):
            free = sa.or_(free, table.c.owner == held.owner)
        result = connection.execute(
            table.update()
            .where(*self._of(name, direction), free)
            .values(owner=owner, lease_until=self._now + lease)
        )
        if result.rowcount:
            return None
        return held.owner or "?:?:?:?"

    def release(
        self, connection: sa.Connection, name: str, direction: str, owner: str
    ) -> None:
        """Give a claim back."""
        table = self.tables.ranges
        connection.execute(
            table.update()
            .where(*self._of(name, direction), table.c.owner == owner)
            .values(owner=None, lease_until=None)
        )

    def bound(
        self,
        connection: sa.Connection,
        name: str,
        direction: str,
        owner: str,
        *,
        lowest: keys.Position | None,
        upper: keys.Position | None,
        position: keys.Position | None,
        **values: t.Any,
    ) -> None:
        """Set the frozen bounds of a sweep and where it starts."""
        table = self.tables.ranges
        result = connection.execute(
            table.update()
            .where(*self._of(name, direction), table.c.owner == owner)
            .values(
                lowest=keys.encode(lowest),
                upper=keys.encode(upper),
                position=keys.encode(position),
                **values,
            )
        )
        if not result.rowcount:
            raise Lost

    def advancing(self, name: str, direction: str, owner: str, lease: float) -> Advance:
        """Prepare the statement that moves a cursor; see :class:`Advance`."""
        return Advance(
            self.tables.ranges, self._of(name, direction), owner, lease, self._now
        )

    def _of(self, name: str, direction: str) -> tuple[sa.ColumnElement[bool], ...]:
        table = self.tables.ranges
        return (table.c.backfill == name, table.c.direction == direction)

    def _log(
        self,
        connection: sa.Connection,
        name: str,
        from_state: State | None,
        to: State,
        detail: str | None,
    ) -> None:
        connection.execute(
            self.tables.events.insert().values(
                at=self._now,
                backfill=name,
                from_state=None if from_state is None else from_state.value,
                to_state=to.value,
                runner=processes.name_tag(),
                detail=detail,
            )
        )


class Advance:
    """The one statement that moves a cursor, in the transaction of the rows.

    It is conditional on the claim: a runner that was taken for dead changes no
    cursor, and its batch is rolled back.
    """

    def __init__(
        self,
        table: sa.Table,
        of: tuple[sa.ColumnElement[bool], ...],
        owner: str,
        lease: float,
        now: sa.ColumnElement[float],
    ) -> None:
        added = {
            column: table.c[column]
            + sa.bindparam(f"plus_{column}", type_=table.c[column].type)
            for column in ("changed", "skipped", "visited", "batches", "seconds")
        }
        self._statement = (
            table.update()
            .where(*of, table.c.owner == owner)
            .values(
                position=sa.bindparam("to_position", type_=sa.Text()),
                batch_size=sa.bindparam("next_size", type_=sa.Integer()),
                lease_until=now + lease,
                **added,
            )
        )

    def __call__(
        self,
        connection: sa.Connection,
        position: keys.Position,
        *,
        changed: int,
        skipped: int,
        visited: int,
        seconds: float,
        batch_size: int,
    ) -> None:
        """Write the position and the counts.

        :raises Lost: when the claim is another runner's by now.
        """
        result = connection.execute(
            self._statement,
            {
                "to_position": keys.encode(position),
                "next_size": batch_size,
                "plus_changed": changed,
                "plus_skipped": skipped,
                "plus_visited": visited,
                "plus_batches": 1,
                "plus_seconds": seconds,
            },
        )
        if not result.rowcount:
            raise Lost


def _record(row: sa.Row[t.Any]) -> Record:
    values = dict(row._mapping)
    values["state"] = State(values["state"])
    return Record(**values)
