"""What an operator asks of a backfill, from any process or host."""

from __future__ import annotations

import dataclasses
import typing as t

import sqlalchemy as sa

TO_CANCEL = "to cancel, "
"""What stands before the name tag of a process that asked for a pause to cancel."""


@dataclasses.dataclass(frozen=True, slots=True)
class Order:
    """What is asked of a backfill; ``None`` where nothing is.

    :param paused_by: the name tag of the process that asked it to pause, behind
        :data:`TO_CANCEL` if it is to be cancelled.
    :param batch_size: the most rows a batch may have.
    :param target_seconds: how long a batch should take.
    :param pause_seconds: how long to rest after each batch.
    :param waiting: what its runner waits for right now; the one thing here that the
        runner writes.
    """

    paused_by: str | None = None
    batch_size: int | None = None
    target_seconds: float | None = None
    pause_seconds: float | None = None
    waiting: str | None = None

    @property
    def pauser(self) -> str | None:
        """The name tag of the process that asked it to pause, to cancel it or not."""
        return (
            None if self.paused_by is None else self.paused_by.removeprefix(TO_CANCEL)
        )

    @property
    def is_to_be_cancelled(self) -> bool:
        """Whether it was asked to pause only so that it can be cancelled."""
        return self.paused_by is not None and self.paused_by.startswith(TO_CANCEL)

    @property
    def tuned(self) -> dict[str, float]:
        """The values that ``flask db data tune`` has set, by the option's name."""
        values = {
            "batch-size": self.batch_size,
            "target": self.target_seconds,
            "pause": self.pause_seconds,
        }
        return {name: value for name, value in values.items() if value is not None}


NOTHING = Order()


class Orders:
    """Reads and writes what is asked of backfills, in the caller's transaction."""

    def __init__(self, table: sa.Table) -> None:
        self._table = table
        self._columns = [table.c[f.name] for f in dataclasses.fields(Order)]

    def get(self, connection: sa.Connection, name: str) -> Order:
        """Return what is asked of a backfill."""
        query = sa.select(*self._columns).where(self._table.c.backfill == name)
        row = connection.execute(query).first()
        return NOTHING if row is None else Order(*row)

    def all(self, connection: sa.Connection) -> dict[str, Order]:
        """Return what is asked of each backfill, by its name."""
        rows = connection.execute(sa.select(self._table.c.backfill, *self._columns))
        return {row[0]: Order(*row[1:]) for row in rows}

    def open(self, connection: sa.Connection, name: str) -> None:
        """Make the row of a backfill that is new."""
        connection.execute(self._table.insert().values(backfill=name))

    def set(self, connection: sa.Connection, name: str, **values: t.Any) -> None:
        """Change what is asked of a backfill."""
        table = self._table
        connection.execute(
            table.update().where(table.c.backfill == name).values(**values)
        )

    def clear(self, connection: sa.Connection, name: str) -> None:
        """Ask nothing of a backfill any more."""
        self.set(connection, name, **dataclasses.asdict(NOTHING))
