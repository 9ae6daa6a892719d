"""What a safe DDL operation has to answer."""

from __future__ import annotations

import abc
import logging
import textwrap
import typing as t

import sqlalchemy as sa
from alembic.operations import Operations

from ...errors import SchemaError
from ..log import LOGGER
from .site import Site

_logger = logging.getLogger(LOGGER)

_SHOWN = 240
"""How much of a statement is logged; the body of a trigger may be long."""

Step = str | t.Callable[[Operations], None]
"""One statement, or what is more than one: directives of Alembic that belong together
(SQLite's batch), or a part of the work that is done again as a whole. Outside of a
transaction of Alembic's there are no ``Operations`` to give it."""


class Operation(abc.ABC):
    """One call of a safe DDL directive.

    What has to be done is worked out from what the database has, so that an
    operation that was cut off goes on from there, and one that is done does nothing.
    """

    forms: t.ClassVar[t.Mapping[str, t.Callable[..., list[Step]]]]
    """The steps by :attr:`Site.form`, worked out from what is there."""

    offline: t.ClassVar[t.Mapping[str, t.Callable[..., list[Step]]]]
    """The steps of ``--sql`` by dialect, for a database nothing was done to."""

    def __init__(self, name: str, table: str, schema: str | None) -> None:
        self.name = name
        self.table = table
        self.schema = schema
        self.revision: str | None = None
        self.unchanged = "Nothing was changed"
        """What is true of the database when the operation changed nothing."""

    @property
    def where(self) -> str:
        """What it is called in errors."""
        return (
            f"revision {self.revision}, {self.label}" if self.revision else self.label
        )

    @property
    def label(self) -> str:
        """What it is called inside of its revision."""
        return f"op.{self.name}, table {self.full_name(self.table, self.schema)}"

    def run(self, site: Site, sql: str) -> None:
        """Run a statement that somebody may want to read in the log."""
        shown = textwrap.shorten(sql, _SHOWN, placeholder=" …")
        _logger.info("%s: %s", self.where, shown)
        site.run(sql)

    def needs(self) -> list[tuple[str, str | None, t.Sequence[str]]]:
        """Return the tables it works on: name, schema and columns."""
        return [(self.table, self.schema, ())]

    def missing(self, site: Site) -> str:
        """Say what it needs and the database does not have; "" when all is there."""
        for table, schema, columns in self.needs():
            found = site.columns(table, schema)
            if not found:
                return f"there is no table {self.full_name(table, schema)}"
            names = set(found)
            if site.family != "postgresql":
                # These find a column by its name in any case.
                names = {name.lower() for name in found}
                columns = [column.lower() for column in columns]
            for column in columns:
                if column not in names:
                    return (
                        f"there is no column {column} in table "
                        f"{self.full_name(table, schema)}"
                    )
        return ""

    def is_online(self, site: Site) -> bool:
        """Tell whether the steps have to run outside of a transaction."""
        return site.form == "postgresql"

    @abc.abstractmethod
    def refuse(self, site: Site) -> None:
        """Raise :class:`SchemaError` for what cannot be done; change nothing."""

    def steps(self, site: Site) -> list[Step]:
        """Return what is left to do, in order."""
        return self.forms[site.form](self, site)

    def mend(self, site: Site) -> list[Step]:
        """Return what puts the database back after a step that was refused."""
        return []

    def explain(self, site: Site, error: sa.exc.DBAPIError) -> SchemaError | None:
        """Return what a step's error means, after :meth:`mend`; ``None`` if unknown."""
        return None

    @staticmethod
    def full_name(table: str, schema: str | None) -> str:
        return f"{schema}.{table}" if schema else table
