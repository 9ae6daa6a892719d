"""The event log: every step of a backfill, and all that operators asked of it."""

from __future__ import annotations

import dataclasses
import logging
import typing as t

import sqlalchemy as sa

from . import processes
from .states import State

Kind = t.Literal[
    "state",
    "join",
    "takeover",
    "pause",
    "resume",
    "tune",
    "waiting",
    "verify",
    "accept",
    "forget",
    "index",
]

LOGGER = "flask_migrate.data.events"
"""Where each event is logged too, at DEBUG; under ``flask_migrate``, so that
``alembic.ini`` does not mute it."""


@dataclasses.dataclass(frozen=True, slots=True)
class Event:
    """One line of the event log.

    :param at: seconds since 1970, by the database's clock.
    :param kind: ``state`` for a step from one state to another, else what happened.
    :param from_state: the state before; ``None`` for the first, and where the kind is
        not ``state``.
    :param runner: the name tag of the process that wrote it.
    :param detail: the error, the reason or the values that belong to it.
    """

    at: float
    backfill: str
    kind: Kind
    from_state: str | None
    to_state: str | None
    runner: str
    detail: str | None

    def as_json(self) -> dict[str, t.Any]:
        """Return what ``flask db data log --json`` prints of it."""
        shown = dataclasses.asdict(self)
        shown["process"] = processes.describe(shown.pop("runner"))
        return shown


class Events:
    """Writes and reads the event log, in the caller's transaction.

    :param now: the database's clock.
    """

    def __init__(self, table: sa.Table, now: sa.ColumnElement[float]) -> None:
        self._table = table
        self._now = now
        self._logger = logging.getLogger(LOGGER)

    def moved(
        self,
        connection: sa.Connection,
        name: str,
        before: State | None,
        to: State,
        detail: str | None,
    ) -> None:
        """Write a step from one state to another down."""
        from_state = None if before is None else before.value
        self._write(connection, name, "state", from_state, to.value, detail)

    def happened(
        self, connection: sa.Connection, name: str, kind: Kind, detail: str | None
    ) -> None:
        """Write something down that changed no state."""
        self._write(connection, name, kind, None, None, detail)

    def of(self, connection: sa.Connection, name: str) -> list[Event]:
        """Return what is known of a backfill, the oldest first."""
        table = self._table
        query = sa.select(*(c for c in table.c if c.name != "id"))
        rows = connection.execute(
            query.where(table.c.backfill == name).order_by(table.c.id)
        )
        return [Event(**row._mapping) for row in rows]

    def _write(
        self,
        connection: sa.Connection,
        name: str,
        kind: Kind,
        before: str | None,
        after: str | None,
        detail: str | None,
    ) -> None:
        connection.execute(
            self._table.insert().values(
                at=self._now,
                backfill=name,
                kind=kind,
                from_state=before,
                to_state=after,
                runner=processes.name_tag(),
                detail=detail,
            )
        )
        what = f"{before or 'new'} to {after}" if kind == "state" else kind
        self._logger.debug(
            "%s: %s%s", name, what, f" ({detail})" if detail else "", extra=_extra(name)
        )


def _extra(name: str) -> dict[str, str]:
    return {"backfill": name}
