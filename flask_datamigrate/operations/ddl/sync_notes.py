"""Which triggers of a sync are to be there, as it was written down when they were made.

On MySQL, MariaDB and SQLite they may be gone when the revision that drops them is not
applied: its process was killed behind them, or they were left out of a dump. What old
code writes from then on is in the old columns alone.
"""

from __future__ import annotations

import dataclasses
import typing as t

import sqlalchemy as sa

from ...dialects import family
from .notes import Notes
from .site import Site

if t.TYPE_CHECKING:
    from alembic.runtime.migration import MigrationContext

_KEY = "triggers"
"""What only the notes of this module have."""


@dataclasses.dataclass(frozen=True, slots=True)
class Lack:
    """A sync whose triggers are not there, though nothing says that they are to go.

    :param note: the name of the note in ``datamigrate_ddl``.
    :param missing: the names of those that are gone.
    :param dropping: whether they were dropped by a revision that did not end.
    """

    note: str
    change: str
    table: str
    missing: tuple[str, ...]
    dropping: bool


@dataclasses.dataclass(frozen=True, slots=True)
class Home:
    """The version table, beside which it is written down."""

    schema: str | None
    version_table: str

    @classmethod
    def of(cls, context: MigrationContext) -> Home:
        return cls(context.version_table_schema, context.version_table)


class SyncNote:
    """What is written down of one sync.

    :param name: what the note is called.
    """

    def __init__(self, site: Site, name: str, home: Home) -> None:
        self._site = site
        self._name = name
        self._home = home
        self._notes = Notes(site, home.schema)

    def made(self, **detail: t.Any) -> None:
        """Write down that the triggers are there, and what is applied until then."""
        self._put({**detail, "making": self._until(), "dropping": None})

    def dropping(self) -> None:
        """Write down that they are about to go, and what is applied until then."""
        note = self._notes.get(self._name)
        if note is not None:
            self._put({**note, "dropping": self._until()})

    def _until(self) -> list[str]:
        home = self._home
        return _until(self._site.connection, home.schema, home.version_table)

    def _put(self, detail: dict[str, t.Any]) -> None:
        if self._notes.get(self._name) == detail:
            return
        raw: t.Any = self._site.connection.connection.dbapi_connection
        inside = self._site.family == "sqlite" and raw.in_transaction
        self._notes.put(self._name, **detail)
        if self._site.family != "postgresql" and not inside:
            # As each schema change is there.
            raw.commit()


def lacking(connection: sa.Connection, schema: str | None) -> list[Lack]:
    """Return the syncs that lack triggers.

    :param schema: the schema of the version table.
    """
    site = Site(connection, sa.Table("alembic_version", sa.MetaData()), 0)
    notes = {n: d for n, d in Notes(site, schema).all().items() if _KEY in d}
    if not notes:
        return []
    there: dict[str | None, set[str]] = {}
    found = []
    for name, note in notes.items():
        dropping = note["dropping"]
        if dropping is not None and dropping != _until(connection, schema, dropping[0]):
            # The revision that dropped them is applied, or taken back.
            continue
        place = note["schema"]
        if place not in there:
            there[place] = _triggers(connection, place)
        missing = tuple(one for one in note[_KEY] if one not in there[place])
        if missing:
            found.append(
                Lack(name, note["change"], note["table"], missing, dropping is not None)
            )
    return found if not found or _may_see_triggers(connection) else []


def cut_off(connection: sa.Connection, schema: str | None) -> set[str]:
    """Return the names of triggers that a revision made which did not end."""
    site = Site(connection, sa.Table("alembic_version", sa.MetaData()), 0)
    notes = [one for one in Notes(site, schema).all().values() if _KEY in one]
    return {
        name
        for one in notes
        if one["dropping"] is None
        and one["making"] == _until(connection, schema, one["making"][0])
        for name in one[_KEY]
    }


def keep(connection: sa.Connection, schema: str | None, change: str) -> None:
    """Write down that triggers which a revision was dropping are wanted after all.

    That is so where code at an earlier stage runs again, which they serve.
    """
    site = Site(connection, sa.Table("alembic_version", sa.MetaData()), 0)
    notes = Notes(site, schema)
    for one in lacking(connection, schema):
        if one.change == change and one.dropping:
            notes.put(one.note, **{**(notes.get(one.note) or {}), "dropping": None})


def _triggers(connection: sa.Connection, schema: str | None) -> set[str]:
    from . import sync

    return {name for name, _ in sync.tables(connection, schema)}


def _until(
    connection: sa.Connection, schema: str | None, version_table: str
) -> list[str]:
    """Return the name of a version table, and the versions in it."""
    from alembic.runtime.migration import MigrationContext

    options = {"version_table": version_table, "version_table_schema": schema}
    context = MigrationContext.configure(connection, opts=options)
    return [version_table, *sorted(context.get_current_heads())]


def _may_see_triggers(connection: sa.Connection) -> bool:
    """Tell whether a trigger that is not shown is not there.

    MySQL and MariaDB show those of tables on which one has the right to make them.
    """
    if family(connection.dialect) != "mysql":
        return True
    grants = [row[0] for row in connection.exec_driver_sql("SHOW GRANTS")]
    return any("ALL PRIVILEGES" in one or "TRIGGER" in one for one in grants)
