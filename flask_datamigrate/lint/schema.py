"""What a script does to the schema, whether by ``op.`` directives or by SQL."""

from __future__ import annotations

import ast
import dataclasses
import enum
import typing as t

from .findings import Table
from .reach import Site
from .source import literal


class Kind(enum.Enum):
    """A kind of schema change."""

    CREATE_TABLE = "create table"
    DROP_TABLE = "drop table"
    RENAME_TABLE = "rename table"
    ADD_COLUMN = "add column"
    DROP_COLUMN = "drop column"
    RENAME_COLUMN = "rename column"
    CHANGE_TYPE = "change type"
    SET_NOT_NULL = "set not null"
    CREATE_INDEX = "create index"
    ADD_FOREIGN_KEY = "add foreign key"
    ADD_CHECK = "add check"
    ADD_UNIQUE = "add unique constraint"
    DROP_CONSTRAINT = "drop constraint"
    OTHER = "other"


@dataclasses.dataclass(frozen=True, slots=True)
class Arguments:
    """The arguments of an ``op.`` call by the names of its parameters."""

    given: t.Mapping[str, ast.expr]
    site: Site

    def node(self, name: str) -> ast.expr | None:
        """Return the expression that was passed, names followed."""
        if name not in self.given:
            return None
        value, _ = self.site.frame.value(self.given[name])
        return value

    def text(self, name: str) -> str | None:
        """Return a string that was passed, if it can be read from the script."""
        value = self.node(name)
        if _is_f(value, self.site):
            assert isinstance(value, ast.Call)
            value = value.args[0] if value.args else None
        found = literal(value)
        return found if isinstance(found, str) else None

    def code(self, name: str, default: str) -> str:
        """Return an argument as code."""
        value = self.given.get(name)
        return default if value is None else written(value)


@dataclasses.dataclass(frozen=True, slots=True)
class SchemaChange:
    """One schema change.

    :param table: the table; ``None`` where the script computes its name.
    :param name: the column, index, constraint or new table it is about.
    :param online: whether it is in a form that lets traffic go on.
    :param arguments: those of the ``op.`` call; ``None`` for SQL.
    """

    kind: Kind
    table: Table | None
    name: str | None
    node: ast.expr
    site: Site
    online: bool = False
    arguments: Arguments | None = None


def written(node: ast.expr) -> str:
    """Return an expression as code, with double quotes where that is simple."""
    code = ast.unparse(node)
    return code if '"' in code else code.replace("'", '"')


_TABLE = "table_name"
_PARAMETERS: dict[str, tuple[Kind, tuple[str, ...]]] = {
    "create_table": (Kind.CREATE_TABLE, (_TABLE,)),
    "drop_table": (Kind.DROP_TABLE, (_TABLE,)),
    "rename_table": (Kind.RENAME_TABLE, (_TABLE, "new_table_name")),
    "add_column": (Kind.ADD_COLUMN, (_TABLE, "column")),
    "drop_column": (Kind.DROP_COLUMN, (_TABLE, "column_name")),
    "alter_column": (Kind.OTHER, (_TABLE, "column_name")),
    "create_index": (Kind.CREATE_INDEX, ("index_name", _TABLE, "columns")),
    "create_foreign_key": (
        Kind.ADD_FOREIGN_KEY,
        ("constraint_name", _TABLE, "referent_table", "local_cols", "remote_cols"),
    ),
    "create_check_constraint": (
        Kind.ADD_CHECK,
        ("constraint_name", _TABLE, "condition"),
    ),
    "create_unique_constraint": (
        Kind.ADD_UNIQUE,
        ("constraint_name", _TABLE, "columns"),
    ),
    "create_primary_key": (Kind.OTHER, ("constraint_name", _TABLE, "columns")),
    "drop_constraint": (Kind.DROP_CONSTRAINT, ("constraint_name", _TABLE, "type_")),
    "drop_index": (Kind.OTHER, ("index_name", _TABLE)),
    "create_exclude_constraint": (Kind.OTHER, ("constraint_name", _TABLE)),
    "create_table_comment": (Kind.OTHER, (_TABLE,)),
    "drop_table_comment": (Kind.OTHER, (_TABLE,)),
}
# In the words of Alembic: the same parameter under another name.
_ALSO = {"source_table": _TABLE, "old_table_name": _TABLE}
_NAMED = ("column_name", "index_name", "constraint_name", "new_table_name")


def changes(site: Site) -> t.Iterator[SchemaChange]:
    """Return what an ``op.`` or a ``batch_op.`` call changes in the schema."""
    found = directive(site)
    if found is None:
        return
    name, batch = found
    if name not in _PARAMETERS:
        return
    kind, parameters = _PARAMETERS[name]
    given = arguments_of(site, parameters, batch)
    table = _table(given)
    if name == "alter_column":
        yield from _alterations(site, given, table)
        return
    subject = next((given.text(n) for n in _NAMED if n in given.given), None)
    if kind is Kind.ADD_COLUMN:
        subject = _column_name(given)
    online = kind is Kind.CREATE_INDEX and _is_concurrent(given)
    online |= literal(given.node("postgresql_not_valid")) is True
    yield SchemaChange(kind, table, subject, site.call, site, online, given)


def directive(site: Site) -> tuple[str, ast.Call | None] | None:
    """Return the name of the ``op.`` directive a call is, if it is one.

    :return: the name, and for a batch operation the call that opened the batch.
    """
    called, frame = site.frame.value(site.call.func)
    origin = frame.origin(called)
    if origin.startswith("alembic.op."):
        name = origin.removeprefix("alembic.op.")
        return (name, None) if "." not in name else None
    if isinstance(called, ast.Attribute):
        opened, opened_in = frame.value(called.value)
        if isinstance(opened, ast.Call):
            if opened_in.origin(opened.func) == "alembic.op.batch_alter_table":
                return called.attr, opened
    return None


def arguments_of(
    site: Site, parameters: tuple[str, ...], batch: ast.Call | None
) -> Arguments:
    """Return the arguments of a directive.

    :param parameters: the names of those that may be given by position.
    :param batch: the call that opened the batch it belongs to.
    """
    call = site.call
    given: dict[str, ast.expr] = {}
    if batch is not None:
        parameters = tuple(name for name in parameters if name != _TABLE)
        if batch.args:
            given[_TABLE] = batch.args[0]
        for item in batch.keywords:
            if item.arg in (_TABLE, "schema"):
                given[item.arg] = item.value
    for name, value in zip(parameters, call.args, strict=False):
        if isinstance(value, ast.Starred):
            break
        given[name] = value
    for item in call.keywords:
        if item.arg:
            given[_ALSO.get(item.arg, item.arg)] = item.value
    return Arguments(given, site)


def _table(arguments: Arguments) -> Table | None:
    name = arguments.text(_TABLE)
    schema = arguments.text("schema") or arguments.text("source_schema")
    return None if name is None else Table(name, schema)


def _alterations(
    site: Site, arguments: Arguments, table: Table | None
) -> t.Iterator[SchemaChange]:
    column = arguments.text("column_name")
    kinds = []
    if literal(arguments.node("nullable")) is False:
        kinds.append(Kind.SET_NOT_NULL)
    if "type_" in arguments.given:
        kinds.append(Kind.CHANGE_TYPE)
    if "new_column_name" in arguments.given or "name" in arguments.given:
        kinds.append(Kind.RENAME_COLUMN)
    for kind in kinds or [Kind.OTHER]:
        yield SchemaChange(kind, table, column, site.call, site, arguments=arguments)


def _column_name(arguments: Arguments) -> str | None:
    column = arguments.node("column")
    if not isinstance(column, ast.Call) or not column.args:
        return None
    name = literal(column.args[0])
    return name if isinstance(name, str) else None


def _is_concurrent(arguments: Arguments) -> bool:
    return literal(arguments.node("postgresql_concurrently")) is True


def _is_f(value: ast.expr | None, site: Site) -> bool:
    return isinstance(value, ast.Call) and (
        site.frame.origin(value.func) == "alembic.op.f"
        or (isinstance(value.func, ast.Attribute) and value.func.attr == "f")
    )
