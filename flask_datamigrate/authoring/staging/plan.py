"""Which operation of a difference belongs to which stage.

Expand only adds what old code need not know of. Contract takes away, and forbids, what
only old code needs. Between them the rows are filled.
"""

from __future__ import annotations

import dataclasses
import typing as t

import sqlalchemy as sa
from alembic.operations import MigrateOperation
from alembic.operations import ops
from alembic.util import Dispatcher

from ...operations.ddl.directives.archives import ArchiveColumnOp
from ...operations.ddl.directives.constraints import AddCheckOp
from ...operations.ddl.directives.constraints import DropNotNullOp
from ...operations.ddl.directives.constraints import SetNotNullOp
from ...operations.ddl.directives.foreign_keys import AddForeignKeyOp
from ...operations.ddl.directives.indexes import CreateIndexOnlineOp
from ...operations.renames import kind
from ..type_names import json_columns
from . import constraints
from . import defaults
from . import keys
from . import renamed
from . import targets
from .hanging import Hanging
from .hanging import divided
from .refusals import check_named
from .refusals import refusal
from .renamed import Renamed
from .retyped import is_retyped
from .retyped import is_shorter
from .shadows import Shadow
from .shadows import shadow
from .targets import TableName
from .targets import Target


@dataclasses.dataclass(slots=True)
class Fill:
    """The rows of a table that a change fills.

    :param new: the columns to fill.
    :param old: the columns that go, whose values they come from.
    :param tight: the columns that there are, and that NULL is forbidden in.
    :param target: where the texts of the old column go, if the new one refers to them.
    :param shadows: the columns of another type that take the place of one.
    """

    table: TableName
    new: list[sa.Column[t.Any]] = dataclasses.field(default_factory=list)
    old: list[sa.Column[t.Any]] = dataclasses.field(default_factory=list)
    tight: list[sa.Column[t.Any]] = dataclasses.field(default_factory=list)
    target: Target | None = None
    shadows: list[Shadow] = dataclasses.field(default_factory=list)

    @property
    def synced(self) -> bool:
        """Whether triggers keep columns equal."""
        return bool(self.old or self.shadows)

    @property
    def renamed(self) -> tuple[sa.Column[t.Any], sa.Column[t.Any]] | None:
        """The old and the new column, where one looks like the other's new name.

        A shorter one is more than that: what old code writes may not fit in it.
        """
        if len(self.new) != 1 or len(self.old) != 1:
            return None
        (new,), (old,) = self.new, self.old
        alike = kind(new.type) == kind(old.type) and kind(new.type) is not None
        return (old, new) if alike and not is_shorter(old.type, new.type) else None


@dataclasses.dataclass(slots=True)
class Plan:
    """A difference, divided.

    :param expand: what is added.
    :param online: what is added to tables in use, outside of a transaction.
    :param fills: what is filled, by table.
    :param release: what is done first when no old code is left.
    :param forbid: what is forbidden from then on. Rows may be in its way, so it comes
        before the triggers go: until these are mended, old and new stay equal.
    :param loosen: what hangs on the columns that go. It goes while the triggers are
        there; so on the way back it comes when the values are those of the new columns,
        of which some may be in other rows by then.
    :param contract: what goes.
    :param renamed: the tables that get another name.
    """

    expand: list[MigrateOperation] = dataclasses.field(default_factory=list)
    online: list[MigrateOperation] = dataclasses.field(default_factory=list)
    fills: dict[TableName, Fill] = dataclasses.field(default_factory=dict)
    release: list[MigrateOperation] = dataclasses.field(default_factory=list)
    forbid: list[MigrateOperation] = dataclasses.field(default_factory=list)
    loosen: list[MigrateOperation] = dataclasses.field(default_factory=list)
    contract: list[MigrateOperation] = dataclasses.field(default_factory=list)
    renamed: list[Renamed] = dataclasses.field(default_factory=list)
    made: set[TableName] = dataclasses.field(default_factory=set)
    """The tables that the difference makes; nobody uses them yet."""
    gone: set[TableName] = dataclasses.field(default_factory=set)
    """The tables that the difference drops."""
    heirs: set[tuple[TableName, str]] = dataclasses.field(default_factory=set)
    """The columns with a default that take the place of one that goes."""
    freed: set[str] = dataclasses.field(default_factory=set)
    """The names of the indexes and constraints that go."""
    hanging: list[Hanging] = dataclasses.field(default_factory=list)
    """These, until it is known which columns go."""
    added: set[tuple[TableName, str]] = dataclasses.field(default_factory=set)
    """The columns that the difference adds; old code does not write them."""

    @property
    def is_additive(self) -> bool:
        """Whether old code can live with all of it."""
        return not (self.fills or self.release or self.forbid or self.contract)

    def fill(self, table: TableName) -> Fill:
        return self.fills.setdefault(table, Fill(table))

    def restrict(self, name: str, operation: MigrateOperation) -> None:
        """Add a constraint on what is written, behind what has its name until then."""
        (self.contract if name in self.freed else self.forbid).append(operation)


def divide(
    difference: ops.UpgradeOps,
    metadata: sa.MetaData,
    connection: sa.Connection,
    decide: defaults.Decide,
) -> Plan:
    """Divide a difference into the stages of a change.

    :param metadata: of the models.
    :param connection: to the database as it stands.
    :param decide: says what only the author can know.
    :raises AuthoringError: for an operation that cannot be staged, and why.
    """
    plan = Plan()
    listed = list(_flat(difference.ops))
    plan.renamed = renamed.find(listed, metadata, connection)
    listed = renamed.others(listed, plan.renamed)
    shadows = [
        shadow(operation, metadata, connection)
        for operation in listed
        if isinstance(operation, ops.AlterColumnOp) and is_retyped(operation)
    ]
    listed = [
        operation
        for operation in listed
        if not any(one.covers(operation) for one in shadows)
    ]
    plan.made = _tables(listed, ops.CreateTableOp)
    plan.gone = _tables(listed, ops.DropTableOp)
    _as_json(listed, connection)
    plan.heirs = defaults.heirs(listed, decide)
    plan.freed = {_freed(operation) for operation in listed}
    plan.added = {
        ((operation.schema, operation.table_name), str(operation.column.name))
        for operation in listed
        if isinstance(operation, ops.AddColumnOp)
    }
    for change in keys.changed(metadata, connection):
        for operation in listed:
            change.check(operation)
    for operation in listed:
        _STAGES.dispatch(operation)(operation, plan)
    for table in plan.renamed:
        plan.contract.append(table.end)
    for one in shadows:
        plan.fill(one.table).shadows.append(one)
        plan.expand += one.expand
        plan.online += one.online
        plan.release += one.release
        plan.forbid += one.forbid
        plan.loosen += one.loosen
        plan.contract += one.contract
    for fill in plan.fills.values():
        if len(fill.new) == 1 and len(fill.old) == 1 and not fill.shadows:
            fill.target = targets.find(fill.table, fill.new[0], fill.old[0], listed)
        # Columns that may stay empty are filled from what goes, if something goes.
        if not fill.old:
            fill.new = [column for column in fill.new if not column.nullable]
        if not fill.new:
            fill.old = []
        lent = fill.renamed and defaults.lent(*fill.renamed)
        if lent is not None:
            plan.expand.append(defaults.given(fill.table, lent))
    old = {
        table: {str(column.name) for column in fill.old}
        for table, fill in plan.fills.items()
    }
    # An index on a column that goes is in its way.
    plan.loosen[:0], plan.contract[:0] = divided(plan.hanging, old, listed)
    plan.fills = {
        table: fill
        for table, fill in plan.fills.items()
        if fill.new or fill.tight or fill.shadows
    }
    return plan


def _flat(operations: t.Iterable[MigrateOperation]) -> t.Iterator[MigrateOperation]:
    for operation in operations:
        if isinstance(operation, ops.OpContainer):
            yield from _flat(operation.ops)
        else:
            yield operation


def _tables(listed: t.Iterable[t.Any], kind: type[t.Any]) -> set[TableName]:
    return {(one.schema, one.table_name) for one in listed if isinstance(one, kind)}


_STAGES = Dispatcher()


@_STAGES.dispatch_for(MigrateOperation)
def _unknown(operation: MigrateOperation, plan: Plan) -> None:
    raise refusal(
        type(operation).__name__, "it is not known whether old code can live with it"
    )


@_STAGES.dispatch_for(ops.CreateTableOp)
@_STAGES.dispatch_for(ops.CreateTableCommentOp)
@_STAGES.dispatch_for(ops.DropTableCommentOp)
def _just_added(operation: MigrateOperation, plan: Plan) -> None:
    plan.expand.append(operation)


@_STAGES.dispatch_for(ops.DropTableOp)
def _drop_table(operation: ops.DropTableOp, plan: Plan) -> None:
    plan.contract.append(operation)


@_STAGES.dispatch_for(ops.AddColumnOp)
def _add_column(operation: ops.AddColumnOp, plan: Plan) -> None:
    column, table = operation.column, (operation.schema, operation.table_name)
    added = column
    is_heir = (table, str(column.name)) in plan.heirs
    if is_heir:
        plan.release.append(defaults.given(table, column))
    if is_heir or (column.server_default is None and column.identity is None):
        plan.fill(table).new.append(column)
        if is_heir or not column.nullable:
            added = sa.Column(
                column.name, column.type, nullable=True, comment=column.comment
            )
        if not column.nullable:
            plan.forbid.append(
                SetNotNullOp(
                    table[1],
                    str(column.name),
                    schema=table[0],
                    existing_type=column.type,
                )
            )
    _within(plan.expand, table, ops.AddColumnOp(table[1], added, schema=table[0]))


@_STAGES.dispatch_for(ops.DropColumnOp)
def _drop_column(operation: ops.DropColumnOp, plan: Plan) -> None:
    table = (operation.schema, operation.table_name)
    column = operation.to_column()
    plan.fill(table).old.append(column)
    if not column.nullable and column.server_default is None:
        # New code writes rows without it before it goes.
        plan.expand.insert(
            0,
            DropNotNullOp(
                table[1], str(column.name), schema=table[0], existing_type=column.type
            ),
        )
    plan.contract.append(ArchiveColumnOp(table[1], str(column.name), schema=table[0]))


@_STAGES.dispatch_for(ops.AlterColumnOp)
def _alter_column(operation: ops.AlterColumnOp, plan: Plan) -> None:
    table, name = operation.table_name, operation.column_name
    what = f"alter column {name} of table {table}"
    if operation.modify_name is not None:
        raise refusal(what, "it renames the column")
    if operation.modify_nullable is False:
        column = sa.Column(name, operation.modify_type or operation.existing_type)
        plan.fill((operation.schema, table)).tight.append(column)
        plan.forbid.append(
            SetNotNullOp(
                table, name, schema=operation.schema, existing_type=column.type
            )
        )
        operation.modify_nullable = None
    if operation.modify_server_default is None:
        plan.contract.append(defaults.taken(operation))
        operation.modify_server_default = False
    if not operation.has_changes():
        return
    _within(plan.expand, (operation.schema, table), operation)


@_STAGES.dispatch_for(ops.CreateIndexOp)
def _create_index(operation: ops.CreateIndexOp, plan: Plan) -> None:
    if (operation.schema, operation.table_name) in plan.made:
        plan.expand.append(operation)
        return
    online = CreateIndexOnlineOp(
        str(operation.index_name),
        operation.table_name,
        [getattr(c, "name", c) for c in operation.columns],
        schema=operation.schema,
        unique=operation.unique,
        options=operation.kw,
    )
    if operation.unique:
        # Rows that are not unique yet may become so when they are filled.
        plan.restrict(online.index_name, online)
    else:
        plan.online.append(online)


@_STAGES.dispatch_for(ops.DropIndexOp)
def _drop_index(operation: ops.DropIndexOp, plan: Plan) -> None:
    goes = (operation.schema, operation.table_name) in plan.gone
    plan.hanging.append(Hanging.of_index(operation, with_table=goes))


@_STAGES.dispatch_for(ops.CreateForeignKeyOp)
def _create_foreign_key(operation: ops.CreateForeignKeyOp, plan: Plan) -> None:
    check_named(operation, "foreign key")
    table = (operation.kw.get("source_schema"), operation.source_table)
    key = AddForeignKeyOp(operation)
    if table in plan.made or plan.added.issuperset(
        (table, str(name)) for name in operation.local_cols
    ):
        plan.online.append(key)
    else:
        # Old code may go on writing what refers to nothing.
        plan.restrict(str(operation.constraint_name), key)


@_STAGES.dispatch_for(ops.CreateCheckConstraintOp)
def _create_check(operation: ops.CreateCheckConstraintOp, plan: Plan) -> None:
    check_named(operation, "CHECK constraint")
    plan.restrict(str(operation.constraint_name), AddCheckOp(operation))


@_STAGES.dispatch_for(ops.CreateUniqueConstraintOp)
def _create_unique(operation: ops.CreateUniqueConstraintOp, plan: Plan) -> None:
    check_named(operation, "unique constraint")
    name = str(operation.constraint_name)
    made = constraints.unique(
        name, operation.table_name, list(operation.columns), operation.schema
    )
    plan.restrict(name, made)


@_STAGES.dispatch_for(ops.DropConstraintOp)
def _drop_constraint(operation: ops.DropConstraintOp, plan: Plan) -> None:
    plan.hanging.append(Hanging.of_constraint(operation))


def _within(
    stage: list[MigrateOperation], table: TableName, operation: MigrateOperation
) -> None:
    """Add an operation that SQLite does in a batch, with its neighbours of a table."""
    schema, name = table
    last = stage[-1] if stage else None
    if (
        isinstance(last, ops.ModifyTableOps)
        and last.table_name == name
        and last.schema == schema
    ):
        last.ops.append(operation)
    else:
        stage.append(ops.ModifyTableOps(name, [operation], schema=schema))


def _freed(operation: MigrateOperation) -> str:
    """Return the name of the index or constraint that goes; "" for all else."""
    if isinstance(operation, ops.DropIndexOp):
        return str(operation.index_name)
    if isinstance(operation, ops.DropConstraintOp):
        return str(operation.constraint_name)
    return ""


def _as_json(listed: list[MigrateOperation], connection: sa.Connection) -> None:
    """Have the columns that go be JSON which MariaDB shows as a text with a CHECK."""
    for one in listed:
        if isinstance(one, ops.DropColumnOp) and one.column_name in json_columns(
            connection, one.table_name, one.schema
        ):
            one.to_column().type = sa.JSON()
