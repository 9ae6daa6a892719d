"""What a revision has done to a database that commits each schema change by itself.

MySQL and MariaDB roll no schema change back: of a revision that was cut off, or that
failed, what it did stays, and the same statements would be refused a second time. So
each statement of a staged change is noted before it is sent, and the notes go in the
transaction that writes the version. A further run passes over what has others behind
it, and finds out by the database's answer whether the last one was done.
"""

from __future__ import annotations

import contextlib
import dataclasses
import enum
import hashlib
import logging
import re
import textwrap
import typing as t

import sqlalchemy as sa
from sqlalchemy import exc

from ...errors import SchemaError
from ..log import LOGGER
from .notes import Notes
from .site import Site

_logger = logging.getLogger(LOGGER)

_SHOWN = 120
_COMMANDS = {"up": "upgrade", "down": "downgrade"}

_PLACE = r"(?:`(?:[^`]|``)*`|[^\s`])+"
_RENAMES = re.compile(
    rf"\s*RENAME\b|\s*ALTER\s+TABLE\s+{_PLACE}\s+(RENAME|CHANGE)\b", re.IGNORECASE
)

# The table, column, key, primary key, constraint or foreign key is there already.
_THERE = frozenset({1050, 1060, 1061, 1068, 1826, 3822})
# The table, column, key or constraint is not there.
_NOT_THERE = frozenset({1051, 1091, 3821})
# The same, in a statement that goes on with what it names.
_RENAMED = frozenset({1054, 1146})


class Standing(enum.Enum):
    """What the notes say of a statement.

    ``LAST`` was sent when the run was cut off, and may have been done; ``DONE`` has
    others behind it, and was.
    """

    NEW = enum.auto()
    LAST = enum.auto()
    DONE = enum.auto()


@dataclasses.dataclass(frozen=True, slots=True)
class HalfDone:
    """A revision that was begun and has not come to its end.

    :param note: the name of its note.
    :param direction: ``up`` or ``down``.
    :param changed: what it has changed, the first first; the last of it may have been
        sent and not done.
    :param contract: the change whose contract it is; ``None`` for any other revision.
    """

    note: str
    revision: str
    direction: str
    changed: tuple[str, ...]
    contract: str | None


def half_done(site: Site, schema: str | None) -> list[HalfDone]:
    """Return the revisions that were cut off, or failed, on a database."""
    return [
        HalfDone(
            name,
            note["revision"],
            note["direction"],
            tuple(note.get("changed", ())),
            note.get("contract"),
        )
        for name, note in Notes(site, schema).all().items()
        if "direction" in note
    ]


def half_contracted(connection: sa.Connection, schema: str | None) -> list[HalfDone]:
    """Return the contract revisions of which a database has a part.

    :param schema: the schema of its ``alembic_version``.
    """
    return [
        one
        for one in half_done(_site(connection), schema)
        if one.direction == "up" and one.contract is not None
    ]


class Journal:
    """The notes of the revision that is running.

    :param engine: the database.
    :param schema: the schema of its ``alembic_version``.
    :param direction: ``up`` or ``down``.
    """

    def __init__(self, engine: sa.Engine, schema: str | None, direction: str) -> None:
        self._engine = engine
        self._schema = schema
        self._direction = direction
        self._revision: str | None = None
        self._contract: str | None = None
        self._changed: list[str] = []
        self._done: list[str] = []
        self._last: str | None = None
        self._found: list[str] = []
        """What a run that was cut off had done, and this one has not come to."""
        self._found_last: str | None = None
        self._was_found = False

    def note(
        self, revision: str, statement: str, contract: str | None = None
    ) -> Standing:
        """Note that a statement is about to be sent, or find that it was.

        :param contract: the change whose contract the revision is.
        """
        self._turn_to(revision)
        self._contract = contract
        mark = _mark(statement)
        if mark in self._found:
            # One that stands in the revision twice is passed over twice at most.
            self._found.remove(mark)
            return Standing.DONE
        if mark == self._found_last:
            self._found_last = None
            return Standing.LAST
        if self._last is not None:
            self._done.append(self._last)
        self._last = mark
        self._changed.append(_short(statement))
        self._write()
        return Standing.NEW

    def took_back(self) -> None:
        """Take back the note of the last statement, which was refused."""
        self._last = None
        del self._changed[-1:]
        self._write()

    def knows(self, revision: str, statement: str) -> bool:
        """Tell whether a run that was cut off had done something."""
        self._turn_to(revision)
        mark = _mark(statement)
        return mark in self._found or mark == self._found_last

    def refuse_rows(self, revision: str, statement: str) -> None:
        """Refuse to change rows where a run was cut off, which may have changed them.

        :raises SchemaError: naming the statement, and what is to be done by hand.
        """
        self._turn_to(revision)
        if not self._was_found:
            return
        raise SchemaError(
            f"a run of it was cut off, and whether it had changed these rows is not "
            f"known: {_short(statement)}",
            where=f"revision {revision}",
            state="This statement was not sent; the schema changes of the run that was "
            "cut off stay",
            next="See what the rows are like, and change them by hand if they are not. "
            "Then take the statement out of the file, and run flask db "
            f"{_COMMANDS[self._direction]} again. In a data migration (flask db data "
            "new) they would be changed exactly once",
        )

    def close(self, connection: sa.Connection, revision: str) -> None:
        """Throw the notes away, with the version of the revision.

        :param connection: the one that is about to write it.
        """
        names = [_name(direction, revision) for direction in ("up", "down")]
        # The transaction at hand may not see what was written since it began.
        with self._notes() as notes:
            found = [name for name in names if notes.get(name) is not None]
        for name in found:
            Notes(_site(connection), self._schema).drop(name)
        self._revision = None

    def _turn_to(self, revision: str) -> None:
        if revision == self._revision:
            return
        self._revision = revision
        with self._notes() as notes:
            found = notes.get(_name(self._direction, revision)) or {}
        self._done = list(found.get("done", ()))
        self._last = found.get("mark")
        self._changed = list(found.get("changed", ()))
        self._found, self._found_last = list(self._done), self._last
        self._was_found = bool(found)

    def _write(self) -> None:
        assert self._revision is not None
        with self._notes() as notes:
            if not self._done and self._last is None:
                notes.drop(_name(self._direction, self._revision))
                return
            notes.put(
                _name(self._direction, self._revision),
                revision=self._revision,
                direction=self._direction,
                contract=self._contract,
                changed=self._changed,
                mark=self._last,
                done=self._done,
            )

    @contextlib.contextmanager
    def _notes(self) -> t.Iterator[Notes]:
        """Write on a connection of its own, so that a note stays whatever fails."""
        connection = self._engine.connect()
        connection = connection.execution_options(isolation_level="AUTOCOMMIT")
        # The app's pool is not to grow by it.
        connection.detach()
        with connection:
            yield Notes(_site(connection), self._schema)


def is_passed_over(standing: Standing, statement: str) -> bool:
    """Tell whether a statement is not to be sent a second time."""
    if standing is Standing.DONE:
        _say(statement)
    return standing is Standing.DONE


def is_done(standing: Standing, statement: str, error: exc.DBAPIError) -> bool:
    """Tell whether a statement was refused because a run before had done it."""
    if standing is not Standing.LAST:
        return False
    number = getattr(error.orig, "args", (None,))[0]
    # MariaDB's way to say that there is a foreign key of that name.
    double = number == 1005 and "errno: 121" in str(error.orig)
    if _RENAMES.match(statement):
        done = number in _RENAMED
    else:
        done = double or number in _THERE | _NOT_THERE
    if done:
        _say(statement)
    return done


def _say(statement: str) -> None:
    _logger.info("Done by the run that was cut off: %s", _short(statement))


def _short(statement: str) -> str:
    return textwrap.shorten(statement, _SHOWN, placeholder=" …")


def _mark(statement: str) -> str:
    return hashlib.sha256(" ".join(statement.split()).encode()).hexdigest()[:16]


def _name(direction: str, revision: str) -> str:
    name = f"{direction} {revision}"
    return name if len(name) <= 63 else f"{direction} {_mark(revision)}"


def _site(connection: sa.Connection) -> Site:
    return Site(connection, sa.Table("", sa.MetaData()), 0)
