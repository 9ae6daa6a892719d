"""The columns that a staged change writes, adds or drops, as far as its files tell."""

from __future__ import annotations

import ast
import pathlib
import typing as t

from ..backfill.jobs import Rows
from ..backfill.jobs import Update
from ..operations import naming

if t.TYPE_CHECKING:
    from alembic.script import Script

    from .changes import Change

Column = tuple[str, str]
"""A table and one of its columns."""

_BY_TWO_NAMES = ("alter_column", "archive_column", "drop_column", "set_not_null")
_BATCHED = ("alter_column", "drop_column")


def touched(change: Change) -> set[Column]:
    """Return the columns a change writes, adds, alters or drops.

    What is worked out while a revision runs is not seen; names have to be literals.
    """
    found: set[Column] = set()
    for written in change.revisions.values():
        for script in written:
            found |= _filled(script) | _declared(script)
    return found


def _filled(script: Script) -> set[Column]:
    """Return the columns that the backfills of a revision fill."""
    found: set[Column] = set()
    for task in naming.backfills_of(script):
        job = task.backfill.job
        table = task.backfill.table.name
        if isinstance(job, Update):
            found |= {(table, name) for name in job.assigned}
        elif isinstance(job, Rows):
            found |= {(table, name) for name in job.writes}
    return found


def _declared(script: Script) -> set[Column]:
    """Return the columns that the upgrade of a revision names in directives."""
    try:
        tree = ast.parse(pathlib.Path(script.path).read_bytes())
    except (OSError, SyntaxError):
        # Compiled only, or generated.
        return set()
    found: set[Column] = set()
    for node in tree.body:
        if isinstance(node, ast.FunctionDef) and node.name.startswith("upgrade"):
            for inner in ast.walk(node):
                found |= set(_of_node(inner))
    return found


def _of_node(node: ast.AST) -> t.Iterator[Column]:
    if isinstance(node, ast.With):
        for item in node.items:
            call = item.context_expr
            if isinstance(call, ast.Call) and _called(call) == "batch_alter_table":
                table = _text(call.args[:1])
                for inner in ast.walk(node):
                    name = _batched(inner)
                    if table and name:
                        yield table, name
    elif isinstance(node, ast.Call) and _is_op(node):
        called, table = _called(node), _text(node.args[:1])
        name = ""
        if called in _BY_TWO_NAMES:
            name = _text(node.args[1:2])
        elif called == "add_column" and len(node.args) > 1:
            name = _column(node.args[1])
        if table and name:
            yield table, name
        if called == "create_sync" and table:
            for keyword in node.keywords:
                if isinstance(keyword.value, ast.Dict):
                    for key in keyword.value.keys:
                        yield table, _text([key] if key else [])


def _batched(node: ast.AST) -> str:
    if not isinstance(node, ast.Call):
        return ""
    if _called(node) in _BATCHED:
        return _text(node.args[:1])
    if _called(node) == "add_column" and node.args:
        return _column(node.args[0])
    return ""


def _is_op(call: ast.Call) -> bool:
    called = call.func
    return (
        isinstance(called, ast.Attribute)
        and isinstance(called.value, ast.Name)
        and called.value.id == "op"
    )


def _called(call: ast.Call) -> str:
    return call.func.attr if isinstance(call.func, ast.Attribute) else ""


def _column(node: ast.expr) -> str:
    """Return the name in ``sa.Column("name", ...)``."""
    if isinstance(node, ast.Call) and _called(node) == "Column":
        return _text(node.args[:1])
    return ""


def _text(nodes: t.Sequence[ast.expr]) -> str:
    """Return the text a literal is; "" for anything else."""
    if nodes and isinstance(nodes[0], ast.Constant):
        value = nodes[0].value
        return value if isinstance(value, str) else ""
    return ""
