"""What a script does with a model: the columns it uses, and what cannot be frozen."""

from __future__ import annotations

import ast
import dataclasses
import types
import typing as t

import sqlalchemy as sa
from sqlalchemy import orm

from ..source import Source
from .imports import Imports

_OPEN = frozenset({"__table__", "query"})
"""What a frozen model has beside its columns."""


@dataclasses.dataclass(slots=True)
class Model:
    """A model, and what a script uses of it.

    :param name: the name it has in the script.
    :param attributes: its attributes that are columns, by name of the column.
    :param named: the columns that the script surely uses, each with one of the places.
    :param mentioned: the columns whose name stands somewhere in the script.
    :param queried: whether ``Model.query`` is used, which asks the app's session.
    :param inserted: the place of an insert, if there is one.
    :param updated: the place of an update, if there is one.
    """

    name: str
    mapper: orm.Mapper[t.Any]
    attributes: dict[str, str]
    named: dict[str, ast.AST] = dataclasses.field(default_factory=dict)
    mentioned: set[str] = dataclasses.field(default_factory=set)
    queried: bool = False
    inserted: ast.AST | None = None
    updated: ast.AST | None = None

    @property
    def table(self) -> sa.Table:
        return t.cast(sa.Table, self.mapper.local_table)


def find(source: Source, imports: Imports) -> list[Model]:
    """Find what a script does with the models it imports.

    Places that name a model by its module, and ``db.String`` and its like, are changed.

    :raises AuthoringError: for relationships, methods, the app's session, and what
        else lives in the app alone.
    """
    models = {name: _model(source, name, cls) for name, cls in imports.models.items()}
    for node in ast.walk(source.tree):
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load):
            if node.id in models:
                _use(source, models[node.id], node)
            elif node.id in imports.modules:
                _of_module(source, node, imports.modules[node.id], models)
            elif node.id in imports.extensions:
                _of_extension(source, node)
    for model in models.values():
        _mentions(source, model)
        _check_values(source, model)
    return list(models.values())


def _model(source: Source, name: str, class_: type[t.Any]) -> Model:
    mapper = t.cast("orm.Mapper[t.Any]", sa.inspect(class_))
    odd = ""
    if mapper.inherits is not None or mapper.polymorphic_on is not None:
        odd = "shares a table with other classes (inheritance)"
    elif mapper.version_id_col is not None:
        odd = "counts versions (version_id_col)"
    elif not isinstance(mapper.local_table, sa.Table):
        odd = "is not mapped to a table"
    if odd:
        raise source.refusal(
            source.tree.body[0],
            f"the model {name} {odd}, which a frozen model does not",
            "Write the migration against a frozen table by hand",
        )
    attributes = {str(a.columns[0].name): a.key for a in mapper.column_attrs}
    return Model(name, mapper, attributes)


def _use(source: Source, model: Model, node: ast.expr) -> None:
    parent = source.parents[node]
    if isinstance(parent, ast.Attribute):
        _attribute(source, model, parent)
    elif isinstance(parent, ast.Call) and parent.func is node:
        model.inserted = model.inserted or parent
        for keyword in parent.keywords:
            if keyword.arg is None:
                raise source.refusal(
                    parent,
                    f"`{model.name}(**…)` does not say which columns it gives",
                    "Name them",
                )
            _named(source, model, keyword.arg, parent)
    elif isinstance(parent, ast.Call):
        called = parent.func
        verb = called.attr if isinstance(called, ast.Attribute) else ast.unparse(called)
        _verb(model, verb, parent)


def _attribute(source: Source, model: Model, node: ast.Attribute) -> None:
    if node.attr == "__table__":
        above = source.parents[node]
        if isinstance(above, ast.Attribute):
            _verb(model, above.attr, above)
            further = source.parents[above]
            is_column = above.attr in ("c", "columns")
            if is_column and isinstance(further, ast.Attribute):
                _column(source, model, further.attr, further)
    elif node.attr == "query":
        model.queried = True
    else:
        _named(source, model, node.attr, node)


def _verb(model: Model, verb: str, node: ast.AST) -> None:
    if verb in ("insert", "bulk_insert", "bulk_insert_mappings"):
        model.inserted = model.inserted or node
    elif verb in ("update", "bulk_update_mappings"):
        model.updated = model.updated or node


def _named(source: Source, model: Model, attribute: str, node: ast.AST) -> None:
    """Take in the use of an attribute of a model."""
    for column, known in model.attributes.items():
        if known == attribute:
            model.named.setdefault(column, node)
            return
    raise source.refusal(node, _not_a_column(model, attribute), _INSTEAD)


def _column(source: Source, model: Model, name: str, node: ast.AST) -> None:
    if name not in model.attributes:
        raise source.refusal(
            node, f'the table of {model.name} has no column "{name}"', _INSTEAD
        )
    model.named.setdefault(name, node)


_INSTEAD = "Write it with columns, and run the same command again"


def _not_a_column(model: Model, attribute: str) -> str:
    if attribute in model.mapper.relationships:
        return f"{model.name}.{attribute} is a relationship, and no column"
    if hasattr(model.mapper.class_, attribute):
        return f"{model.name}.{attribute} is code of the model, which goes on changing"
    return f"the model {model.name} has no attribute {attribute} any more"


def _of_module(
    source: Source,
    node: ast.Name,
    module: types.ModuleType,
    models: dict[str, Model],
) -> None:
    parent = source.parents[node]
    value = getattr(module, parent.attr, None) if _is_attribute(parent) else None
    if not isinstance(parent, ast.Attribute) or not isinstance(value, type):
        raise source.refusal(
            node,
            f"`{ast.unparse(parent)}` takes more than a model from the app",
            "Copy what the migration needs into it, and run the same command again",
        )
    name = parent.attr
    if name not in models:
        models[name] = _model(source, name, value)
    source.replace(parent, name)
    _use(source, models[name], parent)


def _is_attribute(node: ast.AST) -> t.TypeGuard[ast.Attribute]:
    return isinstance(node, ast.Attribute)


def _of_extension(source: Source, node: ast.Name) -> None:
    parent = source.parents[node]
    if not isinstance(parent, ast.Attribute):
        raise source.refusal(node, f"`{node.id}` is the app's database extension", "")
    if parent.attr in ("session", "engine", "engines", "Model", "metadata"):
        raise source.refusal(
            parent,
            f"`{node.id}.{parent.attr}` is the app's own: it does not run in the "
            "migration's transaction",
            "Use op.get_bind(), or orm.Session(op.get_bind()), and run the same "
            "command again",
        )
    if not hasattr(sa, parent.attr):
        raise source.refusal(
            parent, f"`{node.id}.{parent.attr}` has no counterpart in SQLAlchemy", ""
        )
    source.replace(node, "sa")


def _mentions(source: Source, model: Model) -> None:
    """Find the columns that the rows of a query may be asked for."""
    keys = {key: column for column, key in model.attributes.items()}
    own = _own_code(model)
    for node in ast.walk(source.tree):
        if isinstance(node, ast.Attribute):
            named = node.attr
            if named in own and not _is_imported(source, node.value):
                raise source.refusal(node, _not_a_column(model, named), _INSTEAD)
        elif isinstance(node, ast.keyword):
            named = node.arg or ""
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            named = node.value
        else:
            continue
        if named in keys:
            model.mentioned.add(keys[named])


def _own_code(model: Model) -> set[str]:
    """Name the relationships, methods and properties of a model."""
    found = set(model.mapper.relationships.keys())
    for class_ in model.mapper.class_.__mro__:
        if class_.__module__.partition(".")[0] in ("flask_sqlalchemy", "sqlalchemy"):
            continue
        for name, value in vars(class_).items():
            is_code = callable(value) or hasattr(value, "__get__")
            if is_code and name[:2] != "__" and class_ is not object:
                found.add(name)
    return found - {*model.attributes.values(), *_OPEN}


def _is_imported(source: Source, node: ast.expr) -> bool:
    names = {
        (alias.asname or alias.name).partition(".")[0]
        for statement in ast.walk(source.tree)
        if isinstance(statement, (ast.Import, ast.ImportFrom))
        for alias in statement.names
    }
    return isinstance(node, ast.Name) and node.id in names


def converts(type_: sa.types.TypeEngine[t.Any]) -> bool:
    """Tell whether values pass through code of the app on their way."""
    return isinstance(type_, sa.types.TypeDecorator) or bool(
        isinstance(type_, sa.Enum) and type_.enum_class
    )


def _check_values(source: Source, model: Model) -> None:
    """Refuse values that the model makes or converts in Python."""
    for column in model.table.columns:
        name = str(column.name)
        used = name in model.named or name in model.mentioned
        if used and converts(column.type):
            raise source.refusal(
                model.named.get(name, source.tree.body[0]),
                f"the values of {model.name}.{name} pass through "
                f"{type(column.type).__name__}, which is code of the app",
                "Write the migration with the values that the database has",
            )
        given = name in model.named
        made_in_python: t.Sequence[tuple[ast.AST | None, t.Any]] = (
            (model.inserted, column.default),
            (model.updated, column.onupdate),
        )
        for place, made in made_in_python:
            if place is not None and made is not None and not given:
                raise source.refusal(
                    place,
                    f"{model.name}.{name} gets its value from the model "
                    f"({'default' if made is column.default else 'onupdate'}=), which "
                    "a frozen table does not have",
                    f"Give {name} a value there, and run the same command again",
                )
