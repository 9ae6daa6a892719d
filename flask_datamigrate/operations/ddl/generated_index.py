"""The index that MariaDB and MySQL make for a foreign key that has none.

It has the foreign key's name, and stays when that is dropped. To tell it from one of
the user's own, a note is made before the foreign key is added.
"""

from __future__ import annotations

import sqlalchemy as sa

from ...backfill.indexes import catalog
from . import names
from .notes import Notes
from .site import Site


class GeneratedIndex:
    """What the server made, or is about to make, for a foreign key.

    :param constraint: the name of the foreign key.
    """

    def __init__(
        self, site: Site, table: str, schema: str | None, constraint: str
    ) -> None:
        self._site = site
        self._table = sa.Table(table, sa.MetaData(), schema=schema)
        self._constraint = constraint
        self._notes = Notes(site, schema)
        self._note = names.of("foreign_key", table, constraint)

    def expect(self, columns: list[str]) -> None:
        """Make the note, unless there is an index of the name already.

        :param columns: those of the foreign key.
        """
        if self._find() is None:
            self._notes.put(self._note, columns=columns)

    def settle(self) -> None:
        """Throw the note away if the server has made no index."""
        if self.is_noted and self._find() is None:
            self._notes.drop(self._note)

    @property
    def is_noted(self) -> bool:
        return self._notes.get(self._note) is not None

    def drop(self) -> None:
        """Drop the index, if it is the server's and nothing else needs it."""
        note = self._notes.get(self._note)
        if note is None:
            return
        index = self._find()
        needed = index is None or catalog.behind_foreign_key(
            self._site.connection, self._table, index
        )
        if index is not None and not needed and list(index.columns) == note["columns"]:
            self._site.run(index.drop)
        self._notes.drop(self._note)

    def _find(self) -> catalog.Index | None:
        return catalog.find(self._site.connection, self._table).get(self._constraint)
