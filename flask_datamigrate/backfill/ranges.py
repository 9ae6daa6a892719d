"""The ranges of a backfill's key: each with a cursor, counts and an owner."""

from __future__ import annotations

import dataclasses
import typing as t

import sqlalchemy as sa

from . import keys
from . import processes
from .advance import Advance
from .sightings import Sightings

FORWARD = "forward"
"""The direction of a run."""

BACK = "back"
"""The direction of an undo."""

FIRST = 0
"""The number of the range that every backfill has. Whoever begins or ends a run does
that as its owner."""

_FREE: t.Mapping[str, None] = {
    "owner": None,
    "lease_until": None,
    "lease_seconds": None,
}
"""A range that nobody has."""

_POSITIONS = ("low", "lowest", "upper", "position")


@dataclasses.dataclass(frozen=True, slots=True)
class Range:
    """A stretch of the key that one worker walks, and where it is.

    :param low: behind which key it begins; ``None`` for the first row of the table.
    :param lowest: the lowest key there was, for the progress.
    :param upper: the key it ends at; ``None`` until that is frozen.
    :param position: the last key committed.
    :param seconds: time spent in batches.
    :param rows_about: about how many rows it has; ``None`` if unknown.
    :param cuts: how often somebody else moved its bounds.
    :param owner: the name tag of the worker that has it.
    :param lease_seconds: how long its owner's lease is each time.
    :param leased: whether its owner's lease goes on, as far as can be seen from here.
    """

    number: int
    low: keys.Position | None
    lowest: keys.Position | None
    upper: keys.Position | None
    position: keys.Position | None
    changed: int
    skipped: int
    visited: int
    batches: int
    seconds: float
    batch_size: int
    rows_about: int | None
    cuts: int
    owner: str | None
    lease_until: float | None
    lease_seconds: float | None
    leased: bool

    @property
    def is_done(self) -> bool:
        """Whether its last row is committed."""
        return self.upper is not None and self.position == self.upper

    @property
    def is_held(self) -> bool:
        """Whether somebody who may be alive has it."""
        return (
            self.owner is not None and self.leased and not processes.is_dead(self.owner)
        )

    @property
    def rest(self) -> int:
        """About how many rows are still to come; 0 if unknown."""
        return max((self.rows_about or 0) - self.visited, 0)


@dataclasses.dataclass(frozen=True, slots=True)
class Total:
    """What the ranges of a backfill come to.

    :param done: how many of them are walked to their end.
    """

    ranges: int
    done: int
    changed: int
    skipped: int
    visited: int
    batches: int
    seconds: float
    batch_size: int

    @classmethod
    def of(cls, ranges: t.Sequence[Range]) -> Total:
        return cls(
            len(ranges),
            sum(r.is_done for r in ranges),
            sum(r.changed for r in ranges),
            sum(r.skipped for r in ranges),
            sum(r.visited for r in ranges),
            sum(r.batches for r in ranges),
            sum(r.seconds for r in ranges),
            max((r.batch_size for r in ranges), default=0),
        )


class RangeStore:
    """Reads and writes ranges; every method runs in the caller's transaction.

    Who needs the row of the backfill too locks that first.

    :param now: the database's clock.
    """

    def __init__(self, table: sa.Table, now: sa.ColumnElement[float]) -> None:
        self._table = table
        self._now = now
        self._sightings = Sightings()

    def all(
        self,
        connection: sa.Connection,
        name: str,
        direction: str,
        *,
        locked: bool = False,
    ) -> list[Range]:
        """Return the ranges of a backfill, by number.

        :param locked: whether to wait for whoever writes to them, and to keep them as
            they are until the transaction ends.
        """
        return self._read(connection, self._of(name, direction), locked)

    def get(
        self,
        connection: sa.Connection,
        name: str,
        direction: str,
        number: int = FIRST,
        *,
        locked: bool = False,
    ) -> Range | None:
        """Return one range of a backfill; ``None`` when there is none yet."""
        of = self._of(name, direction, number)
        found = self._read(connection, of, locked)
        return found[0] if found else None

    def total(self, connection: sa.Connection, name: str, direction: str) -> Total:
        """Return what the ranges of a backfill come to."""
        return Total.of(self.all(connection, name, direction))

    def open(
        self,
        connection: sa.Connection,
        name: str,
        direction: str,
        batch_size: int,
        *,
        number: int = FIRST,
        low: keys.Position | None = None,
        upper: keys.Position | None = None,
        rows_about: int | None = None,
    ) -> None:
        """Make a range that nobody has yet."""
        connection.execute(
            self._table.insert().values(
                backfill=name,
                direction=direction,
                number=number,
                low=keys.encode(low),
                lowest=keys.encode(low),
                upper=keys.encode(upper),
                position=keys.encode(low),
                changed=0,
                skipped=0,
                visited=0,
                batches=0,
                seconds=0.0,
                batch_size=batch_size,
                rows_about=rows_about,
                cuts=0,
            )
        )

    def drop(self, connection: sa.Connection, name: str) -> None:
        """Forget where a backfill is, and was undone to."""
        table = self._table
        connection.execute(table.delete().where(table.c.backfill == name))

    def bound(
        self,
        connection: sa.Connection,
        name: str,
        direction: str,
        number: int,
        **values: t.Any,
    ) -> None:
        """Set the bounds of a range, where it is, or what is known of it.

        Its owner, if it has one, takes that in at its next batch.
        """
        for column in _POSITIONS:
            if column in values:
                values[column] = keys.encode(values[column])
        table = self._table
        connection.execute(
            table.update()
            .where(*self._of(name, direction, number))
            .values(cuts=table.c.cuts + 1, **values)
        )

    def add(
        self,
        connection: sa.Connection,
        name: str,
        direction: str,
        number: int,
        **counts: int,
    ) -> None:
        """Add to the counts of a range, whose cursor stays where it is."""
        table = self._table
        connection.execute(
            table.update()
            .where(*self._of(name, direction, number))
            .values({column: table.c[column] + n for column, n in counts.items()})
        )

    def begin_anew(self, connection: sa.Connection, name: str, direction: str) -> None:
        """Set every range back to where it began."""
        table = self._table
        connection.execute(
            table.update()
            .where(*self._of(name, direction))
            .values(position=table.c.low, skipped=0, visited=0, cuts=table.c.cuts + 1)
        )

    # Claims

    def claim(
        self,
        connection: sa.Connection,
        name: str,
        direction: str,
        number: int | None,
        owner: str,
        lease: float,
    ) -> None:
        """Make a range somebody's; the caller keeps it locked and has seen it free.

        :param number: ``None`` for every range.
        :param owner: the worker's name tag.
        :param lease: seconds the claim holds without a batch.
        """
        connection.execute(
            self._table.update()
            .where(*self._of(name, direction, number))
            .values(owner=owner, lease_until=self._now + lease, lease_seconds=lease)
        )

    def release(
        self, connection: sa.Connection, name: str, direction: str, owner: str
    ) -> None:
        """Give everything back that a worker has."""
        table = self._table
        connection.execute(
            table.update()
            .where(*self._of(name, direction), table.c.owner == owner)
            .values(**_FREE)
        )

    def free(self, connection: sa.Connection, name: str) -> None:
        """Give back whatever anybody has of a backfill."""
        table = self._table
        connection.execute(
            table.update().where(table.c.backfill == name).values(**_FREE)
        )

    def hold(
        self,
        connection: sa.Connection,
        name: str,
        direction: str,
        number: int | None,
        owner: str,
        lease: float,
    ) -> bool:
        """Renew a claim, and keep it until the transaction ends.

        :param number: ``None`` for every range.
        :param lease: seconds the claim holds without a batch.
        :returns: whether all of it is still this worker's.
        """
        table = self._table
        of = self._of(name, direction, number)
        result = connection.execute(
            table.update()
            .where(*of, table.c.owner == owner)
            .values(lease_until=self._now + lease)
        )
        count = sa.select(sa.func.count()).select_from(table).where(*of)
        return 0 < result.rowcount == connection.execute(count).scalar_one()

    def advancing(
        self, name: str, direction: str, number: int, owner: str, lease: float
    ) -> Advance:
        """Prepare the statement that moves a cursor; see :class:`Advance`."""
        of = self._of(name, direction, number)
        return Advance(self._table, of, owner, lease, self._now)

    def _read(
        self,
        connection: sa.Connection,
        of: tuple[sa.ColumnElement[bool], ...],
        locked: bool,
    ) -> list[Range]:
        table = self._table
        leased = sa.func.coalesce(table.c.lease_until >= self._now, sa.false())
        query: sa.Select[t.Any] = sa.select(
            *(table.c[f.name] for f in dataclasses.fields(Range) if f.name in table.c),
            leased.label("leased"),
        )
        query = query.where(*of).order_by(table.c.number)
        found = connection.execute(query.with_for_update() if locked else query)
        return [self._range(row) for row in found]

    def _range(self, row: sa.Row[t.Any]) -> Range:
        values = dict(row._mapping)
        for column in _POSITIONS:
            values[column] = keys.decode(values[column])
        owner, until = values["owner"], values["lease_until"]
        values["leased"] = bool(values["leased"]) and not self._sightings.is_still(
            owner, values["number"], until, values["lease_seconds"]
        )
        return Range(**values)

    def _of(
        self, name: str, direction: str, number: int | None = None
    ) -> tuple[sa.ColumnElement[bool], ...]:
        table = self._table
        of = (table.c.backfill == name, table.c.direction == direction)
        return of if number is None else (*of, table.c.number == number)
