"""What a backfill keeps for an undo, and how an operator has it dropped."""

from __future__ import annotations

import dataclasses

import sqlalchemy as sa
from sqlalchemy import exc

from ..counting import counted
from ..dialects import family
from ..errors import BackfillError
from ..quoting import full_name
from . import estimates
from .claims import Claim
from .events import Event
from .ranges import BACK
from .ranges import FORWARD
from .session import Session
from .states import ENDED
from .states import State
from .store import Record
from .undo import side_tables

_BYTES = {
    "postgresql": (
        "SELECT pg_total_relation_size(CAST(concat_ws('.', "
        "quote_ident(CAST(:schema AS text)), quote_ident(CAST(:name AS text))) "
        "AS regclass))"
    ),
    "mysql": (
        "SELECT data_length + index_length FROM information_schema.tables "
        "WHERE table_name = :name AND table_schema = COALESCE(:schema, DATABASE())"
    ),
    # Where SQLite was built without dbstat, nobody can tell.
    "sqlite": "SELECT sum(pgsize) FROM dbstat WHERE name IN (:name, :name || '_key')",
}


@dataclasses.dataclass(frozen=True, slots=True)
class KeptRows:
    """A side table, and how large it is.

    :param rows: ``None`` when it is not known; an estimate above 100,000.
    :param size: in bytes, with its index; ``None`` when it is not known.
    """

    table: str
    rows: int | None
    exact: bool
    size: int | None

    def __str__(self) -> str:
        """Write its size for people."""
        about = "" if self.exact else "about "
        rows = "rows" if self.rows is None else f"{about}{counted(self.rows, 'row')}"
        return rows if self.size is None else f"{rows}, {_in_units(self.size)}"


def kept_rows(session: Session, name: str, label: str, schema: str | None) -> KeptRows:
    """Return what a backfill keeps.

    :param label: how errors name it.
    :param schema: of the side table.
    :raises BackfillError: when it keeps nothing, or is not at an end.
    """
    with session.errors(label):
        with session.transactions.transaction() as connection:
            record = session.known(connection, name, label)
            return measured(connection, _forgettable(record, label), schema)


def forget(session: Session, name: str, label: str, schema: str | None) -> None:
    """Drop what a backfill keeps: there is no undo of it after that.

    :param label: how errors name it.
    :param schema: of the side table.
    :raises BackfillError: when it keeps nothing, or is not at an end.
    """
    store = session.store
    with session.errors(label):
        with session.transactions.transaction() as connection:
            _forgettable(session.known(connection, name, label), label)
        # Both, so that it is neither run nor undone meanwhile.
        back = Claim(session, name, label, BACK)
        forward = Claim(session, name, label, FORWARD)
        with forward.held(), back.held(), forward.transaction() as connection:
            table = _forgettable(session.known(connection, name, label), label)
            kept = measured(connection, table, schema)
            # First: on MySQL it commits by itself, and a table that is gone can be
            # forgotten once more.
            side_tables.drop(connection, table, schema)
            store.update(connection, name, undo_table=None)
            store.events.happened(connection, name, "forget", str(kept))


def forgotten(session: Session, name: str) -> Event | None:
    """Return the event of what a backfill kept being dropped, if that was its last."""
    with session.transactions.transaction() as connection:
        for event in reversed(session.store.events.of(connection, name)):
            if event.kind == "forget":
                return event
            if event.to_state == State.PENDING.value:
                break
    return None


def _forgettable(record: Record, label: str) -> str:
    """Return the name of a side table that may be dropped."""
    if record.state not in ENDED:
        raise BackfillError(
            f"it is {record.state.value}, and what it keeps may still be needed",
            where=label,
            state="Nothing was dropped",
            next="Let it come to an end, or give it up (flask db data cancel "
            f"{record.name}), and run the same command again",
        )
    if record.undo_table is None:
        raise BackfillError(
            "it keeps nothing for an undo",
            where=label,
            state="Nothing was dropped",
            next="See flask db data status",
        )
    return record.undo_table


def measured(connection: sa.Connection, name: str, schema: str | None) -> KeptRows:
    """Return how large a side table is; never by a long count.

    :param schema: of the side table.
    """
    side = sa.table(name, schema=schema)
    if not sa.inspect(connection).has_table(name, schema=schema):
        return KeptRows(name, 0, True, None)
    described = sa.Table(name, sa.MetaData(schema=schema))
    rows, exact = estimates.rows(connection, described)
    if family(connection.dialect) == "mysql":
        # Its statistics may be those of the table when it was empty.
        full = full_name(connection.dialect, name, schema)
        connection.exec_driver_sql(
            f"ANALYZE TABLE {full}", execution_options={"no_parameters": True}
        )
    text = sa.text(_BYTES[family(connection.dialect)])
    values = {"name": side.name, "schema": schema}
    try:
        with connection.begin_nested():
            wanted = {key: values[key] for key in text._bindparams}
            size = connection.execute(text, wanted).scalar()
    except exc.DBAPIError:
        size = None
    return KeptRows(name, rows, exact, None if size is None else int(size))


def _in_units(size: int) -> str:
    """Write a number of bytes for people: ``512 bytes``, ``1.2 MB``."""
    if size < 1000:
        return f"{size} bytes"
    amount = float(size)
    for unit in ("kB", "MB", "GB", "TB"):
        amount /= 1000
        if amount < 1000 or unit == "TB":
            break
    return f"{amount:.1f} {unit}"
