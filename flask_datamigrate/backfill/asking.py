"""An operator's side of an order: written down for whoever runs the backfill."""

from __future__ import annotations

import contextlib
import typing as t

import sqlalchemy as sa

from ..errors import BackfillError
from . import processes
from .events import Event
from .orders import TO_CANCEL
from .orders import Order
from .session import Session
from .states import ENDED
from .states import State


def pause(session: Session, name: str) -> bool:
    """Ask a backfill to pause; tell whether that was not asked before.

    :raises BackfillError: when the database does not know it, or it has ended.
    """
    with _asked(session, name) as (connection, order):
        if order.paused_by is not None:
            return False
        by = processes.name_tag()
        session.store.orders.set(connection, name, paused_by=by)
        session.store.events.happened(connection, name, "pause", None)
        return True


def make_way(session: Session, name: str) -> None:
    """Ask a backfill to pause because it is about to be cancelled.

    :raises BackfillError: when the database does not know it, or it has ended.
    """
    with _asked(session, name) as (connection, _):
        by = TO_CANCEL + processes.name_tag()
        session.store.orders.set(connection, name, paused_by=by)
        session.store.events.happened(connection, name, "pause", "to cancel it")


def resume(session: Session, name: str) -> bool:
    """Take the pause of a backfill away; tell whether there was one.

    :raises BackfillError: when the database does not know it, or it has ended.
    """
    with _asked(session, name) as (connection, order):
        if order.paused_by is None:
            return False
        session.store.orders.set(connection, name, paused_by=None)
        session.store.events.happened(connection, name, "resume", None)
        return True


def tune(session: Session, name: str, **values: float | None) -> bool:
    """Change the pace of a backfill from its next batch on.

    :param values: fields of an :class:`~flask_datamigrate.backfill.orders.Order`;
        ``None`` goes back to the app's.
    :raises BackfillError: when the database does not know it, or it has ended.
    """
    with _asked(session, name) as (connection, _):
        orders = session.store.orders
        orders.set(connection, name, **values)
        tuned = orders.get(connection, name).tuned
        detail = ", ".join(f"{key} {value:g}" for key, value in tuned.items())
        session.store.events.happened(
            connection, name, "tune", detail or "back to the app's settings"
        )
        return True


def accept_refused(session: Session, name: str) -> int:
    """Accept that the refused rows of a backfill stay as they are.

    :returns: how many were not accepted before.
    :raises BackfillError: when the database does not know it, or it has ended.
    """
    with _asked(session, name) as (connection, _):
        count = session.store.refusals.accept(connection, name)
        if count:
            detail = f"{count} refused rows stay as they are"
            session.store.events.happened(connection, name, "accept", detail)
        return count


def events(session: Session, name: str) -> list[Event]:
    """Return the event log of a backfill, the oldest first."""
    with session.errors(f"backfill {name}"):
        with session.transactions.reading() as connection:
            return session.store.events.of(connection, name)


def ended(label: str, name: str, state: State) -> BackfillError:
    """Say that nothing can be asked of a backfill that has ended.

    :param label: how errors name it.
    """
    return BackfillError(
        f"it is {state.value}, so nothing can be asked of it now",
        where=label,
        state="Nothing was changed",
        next="See flask db data status"
        if state is State.FINISHED
        else f"To begin it anew: flask db data run {name} where its revision is "
        "applied, else flask db upgrade",
    )


@contextlib.contextmanager
def _asked(session: Session, name: str) -> t.Iterator[tuple[sa.Connection, Order]]:
    """Open a transaction on what is asked of a backfill that has not ended.

    The backfill's own row is read last, and not locked: a check may hold it for long.
    """
    label = f"backfill {name}"
    with session.errors(label):
        with session.transactions.transaction() as connection:
            order = session.store.orders.get(connection, name)
            yield connection, order
            state = session.known(connection, name, label).state
            if state in ENDED:
                raise ended(label, name, state)
