"""Imports of the app's code."""

from __future__ import annotations

import ast
import typing as t

from ..findings import Finding
from ..findings import Severity
from ..names import Import
from ..project import Project
from ..rows import method
from ..script import Script
from .base import Rule

_ASKS = frozenset({"aliased", "query", "select_from", "outerjoin"})
_BUILDS = frozenset({"delete", "insert", "select", "update"})
_OF_MODELS = frozenset({"__table__", "__tablename__"})
# Only with something behind them: a member of an enum may have such a name.
_DOORS = frozenset({"metadata", "query"})
_OTHER_CONNECTION = "session"


class ModelsImport(Rule):
    """An app's model, used to ask or to change the database."""

    id = "DM101"
    title = "app model in a migration"
    severity = Severity.ERROR
    breaks = (
        "A migration that uses a model asks for the columns the model has today. On a "
        "new database, or one that is some revisions behind, a column that was added "
        "later does not exist yet, and the upgrade fails; when the model is renamed or "
        "removed, the migration can no longer be loaded, and with it no migration."
    )
    wrong = """
from myapp.models import User

def upgrade():
    session = Session(bind=op.get_bind())
    session.query(User).update({"active": True})
"""
    right = """
from flask_datamigrate import Backfill, frozen

users = frozen.table(
    "users",
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("active", sa.Boolean),
)
backfill = Backfill(sa.update(users).values(active=True))

def upgrade():
    op.backfill(backfill)
"""

    def check(self, script: Script, project: Project) -> t.Iterator[Finding]:
        own = _own(script, project)
        used = _used_as_models(script) if own else {}
        for node, names in own.items():
            models = [name for name in names if name.local in used]
            if not models:
                continue
            listed = ", ".join(
                dict.fromkeys(form for name in models for form in used[name.local])
            )
            columns = ",".join(_columns(script, models))
            yield self.finding(
                script,
                node,
                f"{listed} is the app's code of today, and this revision meets the "
                "tables as they were when it was written: the upgrade of a new "
                f"database fails when a column is added to {listed} later, and no "
                "migration can be loaded once it is renamed",
                "# the table as it is now, for this revision alone; print it with",
                "#   flask db data freeze TABLE"
                + (f" --columns {columns}" if columns else ""),
                "from flask_datamigrate import frozen",
            )


class AppImport(Rule):
    """Other code of the app: types, constants, helpers."""

    id = "DM102"
    title = "app code in a migration"
    severity = Severity.WARNING
    breaks = (
        "A migration runs years after it was written. When the module it imports from "
        "is moved, no command that reads the migrations works any more; when what it "
        "imports changes, the migration does something else on the next database than "
        "it did on the last. `db.session` is a connection beside Alembic's, which does "
        "not see what the revision has not committed yet."
    )
    wrong = """
from myapp.fields import Status

def upgrade():
    op.add_column("orders", sa.Column("status", sa.Enum(Status)))
"""
    right = """
def upgrade():
    op.add_column("orders", sa.Column("status", sa.Enum("new", "paid", name="status")))
"""

    def check(self, script: Script, project: Project) -> t.Iterator[Finding]:
        own = _own(script, project)
        used = _used_as_models(script) if own else {}
        beside = _sessions(script) if own else set()
        for node, names in own.items():
            if any(name.local in used for name in names):
                continue
            session = next((x.local for x in names if x.local in beside), None)
            if session is not None:
                yield self._beside(script, node, f"{session}.{_OTHER_CONNECTION}")
                continue
            listed = ", ".join(dict.fromkeys(name.local for name in names))
            module = names[0].module
            yield self.finding(
                script,
                node,
                f"{listed} comes from {module}, which goes on changing: when it is "
                "moved, no migration can be loaded; when it is changed, this revision "
                "does something else on the next database",
                f"# write down here what this revision needs of {listed}: the values "
                "of an enum,",
                "# the type of a column in terms of sa, the text of a constant",
            )

    def _beside(self, script: Script, node: ast.AST, session: str) -> Finding:
        return self.finding(
            script,
            node,
            f"{session} is a connection beside Alembic's: it does not see what this "
            "revision has not committed yet, keeps what it commits when the revision "
            "fails, and on PostgreSQL waits for ever for a table that was altered here",
            "session = sa.orm.Session(bind=op.get_bind())",
        )


def _own(script: Script, project: Project) -> dict[ast.AST, list[Import]]:
    """Return the imports of the app's code, by statement."""
    found: dict[ast.AST, list[Import]] = {}
    for name in script.names.imports:
        if project.owns(name.module):
            found.setdefault(name.node, []).append(name)
    return found


def _used_as_models(script: Script) -> dict[str, list[str]]:
    """Return the names whose use only makes sense for models.

    :return: each with the forms it is used in, such as ``models.User``.
    """
    found: dict[str, list[str]] = {}
    uses = [x for n in ast.walk(script.source.tree) for x in _models_in(n, script)]
    for used in sorted(uses, key=lambda node: (node.lineno, node.col_offset)):
        for name in _base(used):
            found.setdefault(name, []).append(_model(used))
    return found


def _models_in(node: ast.AST, script: Script) -> t.Iterator[ast.expr]:
    if isinstance(node, ast.Attribute) and node.attr in _OF_MODELS:
        yield node.value
    elif isinstance(node, ast.Attribute) and isinstance(node.value, ast.Attribute):
        if node.value.attr == "metadata":
            yield node.value
        elif node.value.attr in _DOORS:
            yield node.value.value
    elif isinstance(node, ast.Call) and _asks(node, script):
        for argument in node.args:
            yield argument.func if isinstance(argument, ast.Call) else argument


def _model(node: ast.expr) -> str:
    """Return the model in ``models.User.name``; the whole when none is a class's."""
    path = ast.unparse(node).split(".")
    for length, part in enumerate(path, start=1):
        if part[:1].isupper():
            return ".".join(path[:length])
    return ".".join(path)


def _sessions(script: Script) -> set[str]:
    """Return the names whose ``session`` is used, or called for another."""
    found: set[str] = set()
    for node in ast.walk(script.source.tree):
        used = node.func if isinstance(node, ast.Call) else node
        if isinstance(node, ast.Attribute):
            used = node.value
        if isinstance(used, ast.Attribute) and used.attr == _OTHER_CONNECTION:
            found |= _base(used.value)
    return found


def _asks(node: ast.Call, script: Script) -> bool:
    origin = script.names.origin(node.func)
    if origin.startswith("sqlalchemy.") and method(node) in _BUILDS:
        return True
    if method(node) == "add" and isinstance(node.func, ast.Attribute):
        # Not what is added to a set.
        return _OTHER_CONNECTION in ast.unparse(node.func.value).lower()
    return method(node) in _ASKS


def _base(node: ast.expr) -> set[str]:
    while isinstance(node, ast.Attribute):
        node = node.value
    return {node.id} if isinstance(node, ast.Name) else set()


def _columns(script: Script, models: t.Iterable[Import]) -> list[str]:
    """Return the attributes that a script takes of its models, as they come."""
    names = {model.local for model in models}
    found: dict[str, None] = {}
    for node in ast.walk(script.source.tree):
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
            known = node.attr in _OF_MODELS | _DOORS or node.attr.startswith("_")
            if node.value.id in names and not known:
                found[node.attr] = None
    return [name for name in found if name.islower()]
