"""Indexes set aside for a run: written down, dropped, and made again at its end.

No crash loses one. What is to be dropped is committed to ``datamigrate_indexes`` with
the statements that make it again, and leaves that table when it is there again.
"""

from __future__ import annotations

import contextlib
import random
import threading
import time
import typing as t

import sqlalchemy as sa
from sqlalchemy import exc

from ...blockers import Blocker
from ...blockers import Watch
from ...blockers import named
from ...counting import counted
from ...dialects import family
from ...errors import BackfillError
from ...frozen.names import suggestion
from .. import faults
from ..claims import Claim
from ..connections import OwnTransactions
from ..session import Session
from ..task import Task
from . import catalog
from .records import SetAside

_POLL = 0.2
"""Seconds between two looks at a statement that is under way."""

_PAUSE = 1.0
"""Seconds, jittered, between two tries of a statement that met a lock."""


def put_aside(claim: Claim, task: Task) -> None:
    """Drop the indexes a backfill sets aside; go on with it where that was cut off.

    :raises BackfillError: for an index that is not there or has to stay.
    """
    names = task.backfill.set_aside
    if not names:
        return
    session, table = claim.session, task.backfill.changed_table
    _check_outside(session, task.label)
    with claim.transaction() as connection:
        there = catalog.find(connection, table)
        records = session.store.indexes
        known = {found.name for found in records.all(connection, task.name)}
        new = [name for name in names if name not in known]
        for name in new:
            _check(session, connection, task, there, name)
        for name in new:
            records.add(connection, task.name, table, there[name])
        if new:
            session.store.events.happened(
                connection, task.name, "index", f"set aside {', '.join(new)}"
            )
    try:
        for name in names:
            if name in there:
                _do(claim, task.label, name, [there[name].drop])
    except BackfillError:
        _forget_those_there(claim, task)
        raise
    if new:
        session.reporter.noted(f"{task.name}: set aside {_counted(new)}")


def _forget_those_there(claim: Claim, task: Task) -> None:
    """Take out of the records what could not be dropped, and is still whole."""
    records = claim.session.store.indexes
    with contextlib.suppress(exc.SQLAlchemyError), claim.transaction() as connection:
        there = catalog.find(connection, task.backfill.changed_table)
        for record in records.all(connection, task.name):
            if record.name in there and there[record.name].valid:
                records.remove(connection, record)


def bring_back(claim: Claim, name: str, label: str) -> None:
    """Make the indexes again that a backfill set aside, if there are any.

    :param name: the backfill.
    :param label: how errors name it.
    :raises BackfillError: when one cannot be made; it stays written down.
    """
    session = claim.session
    with session.transactions.transaction() as connection:
        records = session.store.indexes.all(connection, name)
    if records:
        _check_outside(session, label)
    for record in records:
        _make(claim, record, label)
        with claim.transaction() as connection:
            session.store.indexes.remove(connection, record)
            session.store.events.happened(
                connection, name, "index", f"made {record.name} again"
            )
    if records:
        made = [record.name for record in records]
        session.reporter.noted(f"{name}: made {_counted(made)} again")


def _check_outside(session: Session, label: str) -> None:
    if not isinstance(session.transactions, OwnTransactions):
        raise BackfillError(
            "set_aside= drops and makes indexes outside of a transaction, and this "
            "upgrade is inside one",
            where=label,
            state="What was committed before is saved",
            next="Run it with: flask db upgrade (or flask_datamigrate.upgrade())",
        )


def _check(
    session: Session,
    connection: sa.Connection,
    task: Task,
    there: t.Mapping[str, catalog.Index],
    name: str,
) -> None:
    """Refuse an index that is not there, or that has to stay."""
    table = task.backfill.changed_table
    index = there.get(name)
    if index is None:
        others = [r for r in session.store.indexes.all(connection) if r.name == name]
        if others:
            what = f"index {name} is set aside by backfill {others[0].backfill}"
            next = (
                f"Finish that one first, or flask db data cancel {others[0].backfill}"
            )
        else:
            what = f"table {table.name} has no index {name}"
            next = f"{suggestion(name, there).capitalize()}"
    else:
        needed = index.needed or catalog.behind_foreign_key(connection, table, index)
        if needed is None:
            return
        what = f"index {name} cannot be set aside: {needed}"
        next = f"Take {name} out of set_aside=[...]"
    raise BackfillError(what, where=task.label, state="Nothing was changed", next=next)


def _make(claim: Claim, record: SetAside, label: str) -> None:
    """Make an index again, or wait for a server that is at it."""
    session = claim.session
    while True:
        with session.transactions.transaction() as connection:
            found = catalog.find(connection, record.of).get(record.name)
            building = catalog.is_being_built(connection, record.of, record.name)
        if not building:
            break
        # By a session whose process was killed; the server goes on with it.
        time.sleep(_POLL)
        claim.keep()
    statements = record.create
    if found is not None:
        statements = record.finish if found.valid else (found.drop, *statements)
    session.reporter.noted(f"{record.backfill}: making index {record.name} again")
    try:
        _do(claim, label, record.name, statements)
    except BackfillError as error:
        raise BackfillError(
            error.what,
            where=label,
            state="The rows are as they were left; how the index is made is kept in "
            "datamigrate_indexes, and queries go without it until then",
            next=error.next,
        ) from error


def _do(claim: Claim, label: str, name: str, statements: t.Sequence[str]) -> None:
    """Change an index, patiently, and keep the claim meanwhile.

    :raises BackfillError: when the database refuses it.
    """
    until = time.monotonic() + claim.session.settings.ddl_retry_seconds
    way = _WAYS[family(claim.session.transactions.dialect)]
    while True:
        holders: list[Blocker] = []
        try:
            return way(claim, statements, holders)
        except exc.DBAPIError as error:
            fault = faults.classify(error)
            if fault not in faults.RETRIED or time.monotonic() > until:
                who = f". {named(holders)}" if fault is faults.Fault.LOCKED else ""
                raise BackfillError(
                    f"index {name}: {fault.meaning}: {faults.message(error)}{who}",
                    where=label,
                    next=fault.again,
                ) from error
        claim.session.stop.wait(random.uniform(_PAUSE / 2, _PAUSE))
        claim.keep()


def _inside(claim: Claim, statements: t.Sequence[str], holders: list[Blocker]) -> None:
    """Run statements in a transaction, which lets nobody else write meanwhile."""
    with claim.transaction() as connection:
        for statement in statements:
            _run(connection, statement)


def _beside(claim: Claim, statements: t.Sequence[str], holders: list[Blocker]) -> None:
    """Run statements on a connection of their own, each by itself.

    They may take hours; the claim is kept from here.

    :param holders: gets those who were in the way, when it fails.
    """
    failed: list[BaseException] = []
    session = claim.session

    def work(connection: sa.Connection) -> None:
        try:
            for statement in statements:
                _run(connection, statement)
        except BaseException as error:
            failed.append(error)

    own = t.cast(OwnTransactions, session.transactions)
    with own.beside() as connection:
        seconds = max(1, round(session.settings.ddl_lock_timeout))
        for setting in _SETTINGS[family(connection.dialect)]:
            _run(connection, setting.format(seconds=seconds))
        thread = threading.Thread(target=work, args=(connection,))
        with Watch(connection, min(seconds / 2, 5.0)) as watch:
            thread.start()
            with contextlib.ExitStack() as stack:
                stack.callback(thread.join)
                while thread.is_alive():
                    thread.join(_POLL)
                    claim.keep()
    if failed:
        holders += watch.found
        raise failed[0]


_SETTINGS = {
    # CONCURRENTLY waits for each older transaction, and nobody waits behind it.
    "postgresql": ["SET statement_timeout = 0", "SET lock_timeout = 0"],
    # Whoever touches the table waits behind one that waits for its lock.
    "mysql": ["SET SESSION lock_wait_timeout = {seconds}"],
}
_WAYS: dict[str, t.Callable[[Claim, t.Sequence[str], list[Blocker]], None]] = {
    "postgresql": _beside,
    "mysql": _beside,
    "sqlite": _inside,
}


def _run(connection: sa.Connection, statement: str) -> None:
    connection.exec_driver_sql(statement, execution_options={"no_parameters": True})


def _counted(names: t.Sequence[str]) -> str:
    return f"{counted(len(names), 'index')}: {', '.join(names)}"
