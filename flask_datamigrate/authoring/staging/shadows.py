"""A column whose type becomes another one: a second column takes its place.

The type of a column that is in use cannot change under the code that uses it. So the
values get a column of the new type beside it, under a name of its own, which it keeps:
renamed at the end, it would fail either the old code or the new.
"""

from __future__ import annotations

import dataclasses
import typing as t
import warnings

import sqlalchemy as sa
from alembic.operations import MigrateOperation
from alembic.operations import ops

from ...operations.ddl import dependents
from ...operations.ddl.directives.archives import ArchiveColumnOp
from ...operations.ddl.directives.constraints import DropNotNullOp
from ...operations.ddl.directives.constraints import SetNotNullOp
from ...operations.ddl.directives.indexes import DropIndexOnlineOp
from ...operations.ddl.site import Site
from ..naming import attribute
from ..naming import quoted
from ..spelling import spelled
from ..type_names import json_columns
from . import constraints
from . import defaults
from .carried import Carried
from .casts import cast
from .refusals import refusal
from .targets import TableName


@dataclasses.dataclass(frozen=True, slots=True)
class Shadow:
    """A column, and the one of another type that takes its place.

    :param names: of what the model names itself and is made anew for the new column:
        the kind, the old name and the new one.
    :param expand: what is done first, each on its own.
    :param online: what is added outside of a transaction.
    :param release: what is done first when no old code is left.
    :param forbid: what rows may be in the way of, done while the triggers are there.
    :param loosen: what takes away what hangs on the old column.
    :param contract: what is done last.
    """

    table: TableName
    old: sa.Column[t.Any]
    new: sa.Column[t.Any]
    names: t.Sequence[tuple[str, str, str]]
    expand: t.Sequence[MigrateOperation]
    online: t.Sequence[MigrateOperation]
    release: t.Sequence[MigrateOperation]
    forbid: t.Sequence[MigrateOperation]
    loosen: t.Sequence[MigrateOperation]
    contract: t.Sequence[MigrateOperation]

    def covers(self, operation: MigrateOperation) -> bool:
        """Tell whether an operation of the difference is a part of this.

        That is the change of the column itself, and what is made of it or goes.
        """
        target = operation
        if isinstance(operation, (ops.DropIndexOp, ops.DropConstraintOp)):
            target = operation.reverse()
        columns: t.Any = ()
        if isinstance(target, ops.AlterColumnOp):
            columns = [target.column_name]
        elif isinstance(target, (ops.CreateIndexOp, ops.CreateUniqueConstraintOp)):
            columns = [getattr(column, "name", column) for column in target.columns]
        elif isinstance(target, ops.CreateForeignKeyOp):
            table = (target.kw.get("source_schema"), target.source_table)
            return table == self.table and self.old.name in target.local_cols
        table = (getattr(target, "schema", None), getattr(target, "table_name", ""))
        return table == self.table and self.old.name in columns

    @property
    def is_tightened(self) -> bool:
        """Whether NULL is forbidden, and was not."""
        return bool(self.old.nullable and not self.new.nullable)

    def forward(self, table: str) -> str | None:
        """Spell the value of the new column; ``None`` where it is not clear.

        :param table: the variable of the frozen table.
        """
        if self.is_tightened:
            return None
        name = f"{table}.c{attribute(str(self.old.name))}"
        return cast(name, self.old.type, self.new.type)

    def backward(self, table: str) -> str | None:
        """Spell the value of the old column, likewise."""
        name = f"{table}.c{attribute(str(self.new.name))}"
        return cast(name, self.new.type, self.old.type)

    @property
    def advice(self) -> str:
        """What is to be written in the model."""
        new, code = quoted(str(self.new.name)), spelled(self.new.type).code
        lines = [
            f"In the model of table {self.table[1]}, keep the attribute and name its "
            "column, its other options as they are:",
            f"    {self.old.name} = db.mapped_column({new}, {code})",
        ]
        lines += [
            f"    {kind} {old} is then {made}, on {new}"
            for kind, old, made in self.names
        ]
        return "\n".join(lines)


def shadow(
    operation: ops.AlterColumnOp, metadata: sa.MetaData, connection: sa.Connection
) -> Shadow:
    """Describe how a column gets another type.

    :param operation: the change of its type.
    :param metadata: of the models.
    :param connection: to the database as it stands.
    :raises AuthoringError: for what depends on the column and cannot come along.
    """
    name, schema = operation.column_name, operation.schema
    table = (schema, operation.table_name)
    what = f"alter column {name} of table {table[1]}"
    model = metadata.tables[table[1] if schema is None else f"{schema}.{table[1]}"]
    wanted = next(column for column in model.columns if column.name == name)
    there = _there(table, connection)
    old = there.columns[name]
    _check(old, wanted, connection, what)
    taken = {str(column.name) for column in (*there.columns, *model.columns)}
    new: sa.Column[t.Any] = sa.Column(
        _free_name(name, taken),
        operation.modify_type,
        nullable=bool(wanted.nullable),
        server_default=t.cast("t.Any", wanted.server_default),
        comment=wanted.comment,
    )
    carried = Carried(model, wanted, str(new.name), there)
    return Shadow(
        table,
        old,
        new,
        carried.names,
        list(_added(old, new, table)),
        carried.online,
        [] if new.server_default is None else [defaults.given(table, new)],
        [*([] if new.nullable else [_not_null(table, new)]), *carried.contract],
        list(_without(old)),
        [ArchiveColumnOp(table[1], name, schema=schema)],
    )


def _there(table: TableName, connection: sa.Connection) -> sa.Table:
    """Return a table as it is in the database."""
    schema, name = table
    with warnings.catch_warnings():
        # Of an index on an expression, which is looked for in another way.
        warnings.simplefilter("ignore", sa.exc.SAWarning)
        found = sa.Table(name, sa.MetaData(), schema=schema, autoload_with=connection)
    for column in json_columns(connection, name, schema):
        found.columns[column].type = sa.JSON()
    return found


def _free_name(name: str, taken: set[str]) -> str:
    found, number = f"{name}_new", 1
    while found in taken:
        number += 1
        found = f"{name}_new{number}"
    return found


def _check(
    old: sa.Column[t.Any],
    wanted: sa.Column[t.Any],
    connection: sa.Connection,
    what: str,
) -> None:
    """Refuse a column that something depends on which cannot come along."""
    table = old.table
    if old.primary_key or wanted.primary_key:
        raise refusal(
            what,
            "its type changes, and it belongs to the primary key, by which the rows "
            "are found",
        )
    # PostgreSQL names the schema of what is not found without.
    places = {"", f"{table.schema}."}
    known = {
        f"index {place}{index.name}"
        for index in table.indexes
        if old in list(index.columns)
        for place in places
    }
    for one in table.constraints:
        if old in list(getattr(one, "columns", ())):
            name = one.name or "(without a name)"
            known |= {
                f"unique constraint {name}",
                f"foreign key {name} of {table.name}",
            }
            for place in places:
                known.add(f"index {place}{name}")
                known.add(f"constraint {name} on table {place}{table.name}")
    site = Site(connection, table, 0)
    found = dependents.of_column(site, table.name, table.schema, str(old.name))
    needed = [one for one in found if one.replace('"', "") not in known]
    if needed or wanted.computed is not None or wanted.identity is not None:
        by = "; ".join(needed) or "its own values, which it generates"
        raise refusal(
            what,
            f"its type changes, and it is needed by {by}, which cannot come along",
            "Drop that first, in a revision of its own, and make it again after the "
            "change",
        )


def _added(
    old: sa.Column[t.Any], new: sa.Column[t.Any], table: TableName
) -> t.Iterator[MigrateOperation]:
    schema, name = table
    if not old.nullable:
        # New code writes rows without it before it goes.
        yield DropNotNullOp(name, str(old.name), schema=schema, existing_type=old.type)
    added: sa.Column[t.Any] = sa.Column(
        new.name, new.type, nullable=True, comment=new.comment
    )
    add = ops.AddColumnOp(name, added, schema=schema)
    yield ops.ModifyTableOps(name, [add], schema=schema)


def _not_null(table: TableName, column: sa.Column[t.Any]) -> SetNotNullOp:
    return SetNotNullOp(
        table[1], str(column.name), schema=table[0], existing_type=column.type
    )


def _without(old: sa.Column[t.Any]) -> t.Iterator[MigrateOperation]:
    """Take away what depends on a column: constraints before the indexes of theirs."""
    table = old.table
    kinds = (sa.ForeignKeyConstraint, sa.UniqueConstraint)
    for kind in kinds:
        for one in table.constraints:
            if isinstance(one, kind) and old in list(one.columns):
                yield constraints.dropped(ops.DropConstraintOp.from_constraint(one))
    for index in sorted(table.indexes, key=lambda one: str(one.name)):
        if old in list(index.columns):
            yield DropIndexOnlineOp(
                str(index.name),
                table.name,
                [str(column.name) for column in index.columns],
                schema=table.schema,
                unique=bool(index.unique),
            )
