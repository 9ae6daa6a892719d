"""The check of a finished backfill, made once more."""

from __future__ import annotations

import sqlalchemy as sa

from ..counting import counted
from ..errors import BackfillError
from ..errors import VerificationError
from . import verify
from .ranges import FORWARD
from .session import Session
from .states import State
from .task import Task


def recheck(session: Session, task: Task) -> str:
    """Make the check of a finished backfill again, over the table as it is now.

    Rows that came since then are looked at too. Nothing is changed, but for a line in
    the event log.

    :returns: what holds, for people.
    :raises VerificationError: when it does not.
    :raises BackfillError: when the backfill is not finished.
    """
    with session.errors(task.label):
        try:
            with session.transactions.reading() as connection:
                said = _check(session, connection, task)
        except VerificationError as error:
            _note(session, task, error.what)
            raise VerificationError(
                error.what,
                where=error.where,
                state="It stays finished; nothing was changed",
                next=advice(task.name),
            ) from error
        _note(session, task, said)
        return said


def advice(*names: str) -> str:
    """Say what mends what finished backfills have not done.

    They are not run again: a walk that has ended has no rows before it.
    """
    return (
        "Mend the rows in a new data migration (flask db data new) or by hand, and "
        "what writes such rows; or mend the check. Then look again: flask db data "
        f"verify {' '.join(names)}"
    )


def _check(session: Session, connection: sa.Connection, task: Task) -> str:
    backfill, key = task.backfill, session.key(task)
    state = session.known(connection, task.name, task.label).state
    if state is not State.FINISHED:
        raise BackfillError(
            f"it is {state.value}, and its check comes at its end",
            where=task.label,
            state="Nothing was changed",
            next="See flask db data status",
        )
    if backfill.verify is False:
        return "it has no check (verify=False)"
    skipped = session.store.ranges.total(connection, task.name, FORWARD).skipped
    if not verify.clears_where(backfill):
        verify.check(connection, backfill, key, None, skipped, task.label)
        own = backfill.verify is not True
        return "its check holds" if own else "it has no where, so nothing to check"
    query = (
        sa.select(sa.func.count())
        .select_from(backfill.table)
        .where(verify.matching(backfill))
    )
    left = connection.execute(query).scalar_one()
    verify.check(connection, backfill, key, left, skipped, task.label)
    if left:
        kept = "it is matches" if left == 1 else "they are match"
        return f"only {counted(left, 'row')} left as {kept} its where"
    return "no row matches its where"


def _note(session: Session, task: Task, text: str) -> None:
    with session.transactions.transaction() as connection:
        session.store.events.happened(connection, task.name, "verify", text)
