"""What a model has for a column, made again for the one that takes its place."""

from __future__ import annotations

import re
import typing as t

import sqlalchemy as sa
from alembic.operations import MigrateOperation
from alembic.operations import ops
from sqlalchemy.sql.naming import conv

from ...operations.ddl.directives.foreign_keys import AddForeignKeyOp
from ...operations.ddl.directives.indexes import CreateIndexOnlineOp
from . import constraints
from .refusals import refusal


class Carried:
    """The indexes and constraints of a column, for another one.

    :param model: the table of the model.
    :param column: its column.
    :param new: the name of the other one.
    :param there: the table as it is in the database.
    :raises AuthoringError: for what cannot be made again.
    """

    online: list[MigrateOperation]
    """What is added while the app runs."""

    contract: list[MigrateOperation]
    """What old code may not comply with: uniqueness, and a reference it has not."""

    names: list[tuple[str, str, str]]
    """What the model names itself: the kind, the old name and the new one."""

    def __init__(
        self, model: sa.Table, column: sa.Column[t.Any], new: str, there: sa.Table
    ) -> None:
        self._model, self._column, self._new, self._there = model, column, new, there
        self._twin = sa.Table(
            model.name,
            sa.MetaData(naming_convention=model.metadata.naming_convention),
            *(sa.Column(self._renamed(c), sa.Integer) for c in model.columns),
            schema=model.schema,
        )
        self.online, self.contract, self.names = [], [], []
        for index in sorted(model.indexes, key=lambda one: str(one.name)):
            if any(self._is_in(expression) for expression in index.expressions):
                self._index(index)
        for constraint in model.constraints:
            if isinstance(constraint, sa.UniqueConstraint):
                if column in list(constraint.columns):
                    self._unique(constraint)
            elif isinstance(constraint, sa.ForeignKeyConstraint):
                if column in list(constraint.columns):
                    self._foreign_key(constraint)

    def _renamed(self, column: t.Any) -> str:
        return self._new if column is self._column else str(column.name)

    def _is_in(self, expression: t.Any) -> bool:
        found = sa.sql.visitors.iterate(expression)
        return any(element is self._column for element in found)

    def _name(self, kind: str, one: t.Any, made: t.Any, short: str) -> str:
        """Return the name of what is made again.

        :param made: the same for the other column, which has a name if there is a
            convention.
        """
        if one.name is None or isinstance(one.name, conv):
            columns = "_".join(str(column.name) for column in made.columns)
            return str(made.name or f"{short}_{self._model.name}_{columns}")
        # The old one is there as long as the old column.
        old, name = str(one.name), re.escape(str(self._column.name))
        renamed = re.sub(rf"(?<![^\W_]){name}(?![^\W_])", lambda _: self._new, old)
        new = renamed if renamed != old else f"{old}_new"
        self.names.append((kind, old, new))
        return new

    def _index(self, index: sa.Index) -> None:
        plain = all(isinstance(one, sa.Column) for one in index.expressions)
        options = {name: value for name, value in index.kwargs.items() if value}
        if not plain or options:
            reason = f"its options, {', '.join(options)}," if plain else "an expression"
            raise refusal(
                f"index {index.name} of table {self._model.name}",
                f"the type of {self._column.name} changes, and {reason} may not suit "
                "another type",
                "Drop it first, in a revision of its own, and make it again after the "
                "change",
            )
        columns = [self._renamed(column) for column in index.columns]
        made = sa.Index(None, *(self._twin.c[name] for name in columns))
        online = CreateIndexOnlineOp(
            self._name("index", index, made, "ix"),
            self._model.name,
            columns,
            schema=self._model.schema,
            unique=bool(index.unique),
        )
        (self.contract if index.unique else self.online).append(online)

    def _unique(self, unique: sa.UniqueConstraint) -> None:
        columns = [self._renamed(column) for column in unique.columns]
        made = sa.UniqueConstraint(*columns)
        self._twin.append_constraint(made)
        name = self._name("unique constraint", unique, made, "uq")
        table, schema = self._model.name, self._model.schema
        self.contract.append(constraints.unique(name, table, columns, schema))

    def _foreign_key(self, key: sa.ForeignKeyConstraint) -> None:
        columns = [self._renamed(column) for column in key.columns]
        targets = [element.target_fullname for element in key.elements]
        made = sa.ForeignKeyConstraint(columns, targets)
        self._twin.append_constraint(made)
        spec: t.Any = ops.CreateForeignKeyOp.from_constraint(key)
        add = AddForeignKeyOp(
            ops.CreateForeignKeyOp(
                self._name("foreign key", key, made, "fk"),
                spec.source_table,
                spec.referent_table,
                columns,
                spec.remote_cols,
                **spec.kw,
            )
        )
        local = [str(column.name) for column in key.columns]
        known = any(
            [str(column.name) for column in one.columns] == local
            for one in self._there.foreign_key_constraints
        )
        (self.online if known else self.contract).append(add)
