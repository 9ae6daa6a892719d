"""The types that migrations gave to columns, which a database may not tell any more.

SQLite keeps a UUID as CHAR(32), and an enum as VARCHAR.
"""

from __future__ import annotations

import typing as t

import sqlalchemy as sa
from alembic.ddl import base
from sqlalchemy import event

_Type: t.TypeAlias = "sa.types.TypeEngine[t.Any]"
_Table: t.TypeAlias = "tuple[str | None, str]"


class Declared:
    """The types of columns as a connection's DDL spells them.

    :param connection: what is sent on it is taken in.
    """

    def __init__(self, connection: sa.Connection) -> None:
        self._dialect = connection.dialect
        self._types: dict[_Table, dict[str, _Type]] = {}
        event.listen(connection, "before_execute", self._note)

    def of(self, table: str, schema: str | None) -> dict[str, _Type]:
        """Return the types of a table's columns, as far as they were declared."""
        return self._types.get((schema, str(table)), {})

    def _note(self, connection: sa.Connection, element: t.Any, *rest: t.Any) -> None:
        if isinstance(element, sa.schema.CreateTable):
            table = element.element
            name = (table.schema, str(table.name))
            self._types[name] = {str(c.name): c.type for c in table.columns}
        elif isinstance(element, base.RenameTable):
            renamed = self._types.pop((element.schema, str(element.table_name)), {})
            name = (element.schema, str(element.new_table_name))
            self._types[name] = self._kept(self._types.get(name, {}), renamed)
        elif isinstance(element, base.AddColumn):
            column = element.column
            self._table(element)[str(column.name)] = column.type
        elif isinstance(element, base.ColumnType):
            self._table(element)[str(element.column_name)] = element.type_
        elif isinstance(element, base.ColumnName):
            types = self._table(element)
            if element.column_name in types:
                types[str(element.newname)] = types.pop(str(element.column_name))

    def _table(self, element: base.AlterTable) -> dict[str, _Type]:
        name = (element.schema, str(element.table_name))
        return self._types.setdefault(name, {})

    def _kept(
        self, before: dict[str, _Type], rebuilt: dict[str, _Type]
    ) -> dict[str, _Type]:
        """Return the types of a table that was built anew, of what it reflected.

        A column whose type comes to the same in SQL has kept its type.
        """
        return {
            name: before[name]
            if name in before and self._sql(before[name]) == self._sql(type_)
            else type_
            for name, type_ in rebuilt.items()
        }

    def _sql(self, type_: _Type) -> str:
        return str(type_.compile(dialect=self._dialect))
