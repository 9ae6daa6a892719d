"""What an operation writes down in the database, to know after a crash how far it is.

A value that exists may be one that this revision has just added, or one that was
there before and makes the revision wrong. So an operation that cannot tell makes a
note before it changes anything; the operation that takes it back throws the note away.
"""

from __future__ import annotations

import json
import typing as t

import sqlalchemy as sa

from ...quoting import single_percents
from .site import Site

_TABLE = "datamigrate_ddl"


class Notes:
    """The notes in one database.

    :param schema: the schema of the table the operation works on.
    """

    def __init__(self, site: Site, schema: str | None) -> None:
        self._site = site
        self._table = sa.Table(
            _TABLE,
            sa.MetaData(schema=schema),
            sa.Column("name", sa.String(63), primary_key=True),
            sa.Column("detail", sa.Text, nullable=False),
            mysql_charset="utf8mb4",
            mysql_engine="InnoDB",
        )

    def get(self, name: str) -> dict[str, t.Any] | None:
        """Return a note; ``None`` when there is none."""
        if not sa.inspect(self._site.connection).has_table(
            self._table.name, schema=self._table.schema
        ):
            return None
        c = self._table.c
        text = self._site.scalar(sa.select(c.detail).where(c.name == name))
        return None if text is None else t.cast("dict[str, t.Any]", json.loads(text))

    def all(self) -> dict[str, dict[str, t.Any]]:
        """Return every note by its name."""
        if not sa.inspect(self._site.connection).has_table(
            self._table.name, schema=self._table.schema
        ):
            return {}
        c = self._table.c
        rows = self._site.rows(sa.select(c.name, c.detail).order_by(c.name))
        return {name: json.loads(detail) for name, detail in rows}

    def put(self, name: str, **detail: t.Any) -> None:
        """Write a note, in the place of an older one."""
        connection = self._site.connection
        self._table.create(connection, checkfirst=True)
        named = self._table.c.name == name
        text = json.dumps(detail)
        # Each statement may be a transaction of its own: there is always one of them.
        changed = connection.execute(
            self._table.update().where(named).values(detail=text)
        )
        if not changed.rowcount:
            connection.execute(self._table.insert().values(name=name, detail=text))

    def renamed(self, name: str, later: str, **detail: t.Any) -> str:
        """Spell the statement that gives a note another name, and another detail."""
        update = self._table.update().where(self._table.c.name == name)
        sql = update.values(name=later, detail=json.dumps(detail)).compile(
            dialect=self._site.dialect, compile_kwargs={"literal_binds": True}
        )
        return single_percents(self._site.dialect, str(sql))

    def drop(self, name: str) -> None:
        """Throw a note away."""
        self._site.connection.execute(
            self._table.delete().where(self._table.c.name == name)
        )
