"""What a script imports from its app: models, modules with models, and ``db``."""

from __future__ import annotations

import ast
import dataclasses
import importlib
import types
import typing as t

import sqlalchemy as sa
from sqlalchemy import orm

from ..source import Source


@dataclasses.dataclass(slots=True)
class Imports:
    """The names by which a script reaches into its app.

    :param models: mapped classes by the name they have in the script.
    :param modules: modules of the app by name.
    :param extensions: names of the Flask-SQLAlchemy extension.
    """

    models: dict[str, type[t.Any]] = dataclasses.field(default_factory=dict)
    modules: dict[str, types.ModuleType] = dataclasses.field(default_factory=dict)
    extensions: set[str] = dataclasses.field(default_factory=set)

    def __bool__(self) -> bool:
        return bool(self.models or self.modules or self.extensions)


def find(source: Source, db: t.Any) -> Imports:
    """Find the imports of models, and take them out of the script.

    :param db: the Flask-SQLAlchemy extension of the app.
    :raises AuthoringError: for ``import *``, and for a model that is gone.
    """
    found = Imports()
    named = {mapper.class_.__name__: mapper.class_ for mapper in _mappers(db)}
    homes = {class_.__module__ for class_ in named.values()}
    for node in ast.walk(source.tree):
        if isinstance(node, ast.ImportFrom):
            _from(source, node, db, named, homes, found)
        elif isinstance(node, ast.Import):
            _plain(source, node, homes, found)
    return found


def _from(
    source: Source,
    node: ast.ImportFrom,
    db: t.Any,
    named: t.Mapping[str, type[t.Any]],
    homes: set[str],
    found: Imports,
) -> None:
    module = _module(node.module) if not node.level else None
    root = (node.module or "").partition(".")[0]
    is_app = any(home.partition(".")[0] == root for home in homes)
    kept = []
    for alias in node.names:
        name = alias.asname or alias.name
        if alias.name == "*":
            if node.level or is_app:
                raise source.refusal(
                    node,
                    f"`from {node.module or '.'} import *` does not say what it brings",
                    "Import the models by name, and run the same command again",
                )
            kept.append(alias)
            continue
        value = getattr(module, alias.name, None)
        if value is None and module is not None:
            value = _module(f"{node.module}.{alias.name}")
        if value is None and (is_app or node.level or module is None):
            value = named.get(alias.name)
        if isinstance(value, type) and _mapper(value) is not None:
            found.models[name] = value
        elif value is db and db is not None:
            found.extensions.add(name)
        elif isinstance(value, types.ModuleType) and value.__name__ in homes:
            found.modules[name] = value
        elif value is None and is_app and alias.name[:1].isupper():
            raise source.refusal(
                node,
                f"`{alias.name}` is not among the app's models any more, so its table "
                "is not known",
                "Freeze its table by hand: flask db data freeze TABLE --at "
                f"{source.revision}",
            )
        else:
            kept.append(alias)
    if len(kept) == len(node.names):
        return
    names = ", ".join(ast.unparse(alias) for alias in kept)
    dots = "." * node.level
    text = f"from {dots}{node.module or ''} import {names}" if kept else ""
    source.replace_statement(node, text)


def _plain(source: Source, node: ast.Import, homes: set[str], found: Imports) -> None:
    kept = []
    for alias in node.names:
        module = _module(alias.name)
        if module is None or module.__name__ not in homes:
            kept.append(alias)
            continue
        if alias.asname is None and "." in alias.name:
            raise source.refusal(
                node,
                f"`import {alias.name}` is used by its dotted name",
                f"Write `from {alias.name} import …` with the models' names, and run "
                "the same command again",
            )
        found.modules[alias.asname or alias.name] = module
    if len(kept) < len(node.names):
        names = ", ".join(ast.unparse(alias) for alias in kept)
        source.replace_statement(node, f"import {names}" if kept else "")


def _mappers(db: t.Any) -> t.Iterable[orm.Mapper[t.Any]]:
    return t.cast("t.Iterable[orm.Mapper[t.Any]]", db.Model.registry.mappers)


def _mapper(value: type[t.Any]) -> orm.Mapper[t.Any] | None:
    found = sa.inspect(value, raiseerr=False)
    return found if isinstance(found, orm.Mapper) else None


def _module(name: str | None) -> types.ModuleType | None:
    """Return a module, if it is there. That of an app is loaded by now."""
    try:
        return importlib.import_module(name or "")
    except (ImportError, ValueError):
        return None
