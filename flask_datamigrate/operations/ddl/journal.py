"""What a revision has done to a database that commits each schema change by itself.

MySQL and MariaDB roll no schema change back: of a revision that was cut off, or that
failed, what it did stays, and the same statements would be refused a second time. So
each is noted before it is sent, and the notes go in the transaction that writes the
version. A further run passes over what the notes name and the database has.
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

from ..log import LOGGER
from .notes import Notes
from .site import Site

_logger = logging.getLogger(LOGGER)

_SHOWN = 120

_PLACE = r"(?:`(?:[^`]|``)*`|[^\s`])+"
# A second time it would take away what somebody has made since, or not find it.
_TAKES_AWAY = re.compile(
    r"\s*(DROP|RENAME|TRUNCATE)\b"
    rf"|\s*ALTER\s+TABLE\s+{_PLACE}\s+(DROP|RENAME|CHANGE)\b",
    re.IGNORECASE,
)
_RENAMES = re.compile(
    rf"\s*RENAME\b|\s*ALTER\s+TABLE\s+{_PLACE}\s+(RENAME|CHANGE)\b", re.IGNORECASE
)

# The table, column, key, primary key, constraint or foreign key is there already.
_THERE = frozenset({1050, 1060, 1061, 1068, 1826, 3822})
# The table, column, key or constraint is not there.
_NOT_THERE = frozenset({1051, 1091, 3821})
# The same, in a statement that goes on with what it names.
_RENAMED = frozenset({1054, 1146})
_LATER_GONE = frozenset({1072, 1176}) | _RENAMED


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
    :param last: the statement that was sent last.
    """

    note: str
    revision: str
    direction: str
    last: str


def half_done(site: Site, schema: str | None) -> list[HalfDone]:
    """Return the revisions that were cut off, or failed, on a database."""
    return [
        HalfDone(name, note["revision"], note["direction"], note["last"])
        for name, note in Notes(site, schema).all().items()
        if "direction" in note
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
        self._before: list[str] = []
        self._noted: list[str] = []

    def note(self, revision: str, statement: str) -> Standing:
        """Note that a statement is about to be sent, or find that it was."""
        self._turn_to(revision)
        mark = _mark(statement)
        if mark in self._before:
            at = self._before.index(mark)
            last = at == len(self._before) - 1 and self._noted[-1] == mark
            # One that stands in the revision twice is passed over twice at most.
            self._before[at] = ""
            return Standing.LAST if last else Standing.DONE
        self._noted.append(mark)
        self._write(statement)
        return Standing.NEW

    def took_back(self, standing: Standing, statement: str) -> None:
        """Take back the note of a statement that was refused."""
        if standing is not Standing.DONE:
            self._noted.remove(_mark(statement))
            self._write("")

    def knows(self, revision: str, statement: str) -> bool:
        """Tell whether a run that was cut off had done something."""
        self._turn_to(revision)
        return _mark(statement) in self._before

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
        self._noted = list(found.get("done", ()))
        self._before = list(self._noted)

    def _write(self, last: str) -> None:
        assert self._revision is not None
        with self._notes() as notes:
            if not self._noted:
                notes.drop(_name(self._direction, self._revision))
                return
            notes.put(
                _name(self._direction, self._revision),
                revision=self._revision,
                direction=self._direction,
                last=_short(last),
                done=self._noted,
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
    """Tell whether a statement is not even to be tried a second time."""
    passed = standing is Standing.DONE and bool(_TAKES_AWAY.match(statement))
    if passed:
        _say(statement)
    return passed


def is_done(standing: Standing, statement: str, error: exc.DBAPIError) -> bool:
    """Tell whether a statement was refused because a run before had done it."""
    number = getattr(error.orig, "args", (None,))[0]
    # MariaDB's way to say that there is a foreign key of that name.
    double = number == 1005 and "errno: 121" in str(error.orig)
    if standing is Standing.NEW:
        done = False
    elif standing is Standing.DONE:
        done = double or number in _THERE | _NOT_THERE | _LATER_GONE
    elif _RENAMES.match(statement):
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
