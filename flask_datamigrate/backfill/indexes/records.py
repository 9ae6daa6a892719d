"""The indexes that are set aside, written down before they are dropped."""

from __future__ import annotations

import dataclasses
import json
import typing as t

import sqlalchemy as sa

from .catalog import Index


@dataclasses.dataclass(frozen=True, slots=True)
class SetAside:
    """An index that is dropped for a while, or about to be.

    :param schema: of its table.
    :param create: the statements that make it again.
    """

    backfill: str
    name: str
    schema: str | None
    table: str
    create: tuple[str, ...]

    @property
    def finish(self) -> tuple[str, ...]:
        """What is left to do when it is made: its comment."""
        return tuple(sql for sql in self.create if sql.startswith("COMMENT "))

    @property
    def of(self) -> sa.Table:
        """Its table, without columns."""
        return sa.Table(self.table, sa.MetaData(schema=self.schema))


class Records:
    """Reads and writes what is set aside, in the caller's transaction."""

    def __init__(self, table: sa.Table) -> None:
        self._table = table

    def all(self, connection: sa.Connection, by: str | None = None) -> list[SetAside]:
        """Return what is set aside.

        :param by: a backfill; all by default.
        """
        table = self._table
        query = sa.select(*table.c).order_by(table.c.backfill, table.c.name)
        if by is not None:
            query = query.where(table.c.backfill == by)
        return [
            SetAside(backfill, name, schema, of, tuple(json.loads(statements)))
            for backfill, name, schema, of, statements in connection.execute(query)
        ]

    def add(
        self, connection: sa.Connection, backfill: str, of: sa.Table, index: Index
    ) -> None:
        """Write an index down that is about to be dropped."""
        values: dict[str, t.Any] = {
            "backfill": backfill,
            "name": index.name,
            "schema_name": of.schema,
            "table_name": of.name,
            "statements": json.dumps(index.create),
        }
        connection.execute(self._table.insert().values(values))

    def remove(self, connection: sa.Connection, record: SetAside) -> None:
        """Forget an index that is there again."""
        table = self._table
        connection.execute(
            table.delete().where(
                table.c.backfill == record.backfill, table.c.name == record.name
            )
        )
