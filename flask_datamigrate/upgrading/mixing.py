"""Reads a revision's file: is it a data migration, and does it hold DDL as well?

After a crash, DDL that stands above a batched backfill is committed already (on
MySQL and SQLite always, on PostgreSQL with the first batch), and running the
revision again would fail on it. Nothing is run here; the file is parsed.
"""

from __future__ import annotations

import ast
import dataclasses
import pathlib
import typing as t

from ..backfill.definition import Backfill
from ..errors import DefinitionError
from ..errors import MixedRevisionError

if t.TYPE_CHECKING:
    from alembic.script import Script

_BATCHED = {"backfill", "undo_backfill"}
_NO_DDL = _BATCHED | {
    "bulk_insert",
    "execute",
    "execute_logged",
    "f",
    "get_bind",
    "get_context",
    "has_column",
    "has_constraint",
    "has_index",
    "has_table",
    "inline_literal",
    "run_async",
}
_STATEMENTS = ("bulk_insert", "execute", "execute_logged")
_DDL_WORDS = ("alter", "comment", "create", "drop", "rename", "truncate")


@dataclasses.dataclass(frozen=True, slots=True)
class Call:
    """A call of ``op.<name>(...)`` in a function of the revision.

    :param place: its line and its column: one line may hold several calls.
    """

    name: str
    place: tuple[int, int]
    schema: bool
    function: str


@dataclasses.dataclass(frozen=True, slots=True)
class Reading:
    """What a revision's file shows.

    :param revision: its id.
    :param path: its file.
    :param data: whether it runs or undoes a batched backfill.
    :param up: the ``op`` calls its upgrade makes.
    :param down: those its downgrade makes.
    :param blanks: the lines that are still to be filled in.
    """

    revision: str
    path: str
    data: bool
    up: tuple[Call, ...]
    down: tuple[Call, ...]
    blanks: tuple[int, ...]

    def refuse_blanks(self) -> None:
        """Refuse a change of the schema that is not filled in, before any of it runs.

        A data migration stops at its blank itself, in front of the first row.

        :raises DefinitionError: naming the lines.
        """
        if self.blanks and not self.data:
            lines = ", ".join(map(str, self.blanks))
            raise DefinitionError(
                f"the revision is not filled in (line {lines})",
                where=f"revision {self.revision} ({self.path})",
                state="Nothing was changed",
                next="Write what is missing in the place of `frozen.fill_in(...)`, "
                "marked `# <- fill in`",
            )

    def refuse_mixture(self, direction: str) -> None:
        """Refuse schema operations, or statements in front, beside a backfill.

        :param direction: ``up`` or ``down``.
        :raises MixedRevisionError: naming the calls and their lines.
        """
        calls = self.up if direction == "up" else self.down
        batched = [call for call in calls if call.name in _BATCHED]
        if not batched:
            return
        schema = [call for call in calls if call.schema]
        early = [
            call
            for call in calls
            if call.name in _STATEMENTS
            and any(
                call.function == later.function and call.place < later.place
                for later in batched
            )
        ]
        where = f"revision {self.revision} ({self.path})"
        if schema:
            raise MixedRevisionError(
                f"it changes the schema ({_lines(schema)}) beside the batched "
                f"{_lines(batched)}; a crash between batches would leave the schema "
                "change committed, and running the revision again would fail on it",
                where=where,
                state="Nothing of this revision was run",
                next="Move the op.backfill into a revision of its own (flask db data "
                "new), or, for a small table, pass atomic=True to the Backfill",
            )
        if early:
            raise MixedRevisionError(
                f"{_lines(early)} stands above {_lines(batched[-1:])}, but would run "
                "after it: the batches are committed before the revision's own "
                "statements run",
                where=where,
                state="Nothing of this revision was run",
                next="Move it below the backfill, or into a revision before this",
            )


def read(script: Script) -> Reading:
    """Read a revision's file.

    :param script: the revision, as Alembic loaded it.
    """
    path = pathlib.Path(script.path)
    try:
        tree = ast.parse(path.read_bytes())
    except (OSError, SyntaxError):
        # Compiled only, or generated: judged by what it defines.
        tree = ast.Module(body=[], type_ignores=[])
    functions = {
        node.name: node for node in tree.body if isinstance(node, ast.FunctionDef)
    }
    module = vars(script.module)
    up = _calls(functions, "upgrade", module)
    down = _calls(functions, "downgrade", module)
    defined = any(isinstance(v, Backfill) and not v.atomic for v in module.values())
    called = any(call.name in _BATCHED for call in (*up, *down))
    data, blanks = defined or called, tuple(_blanks(tree))
    return Reading(script.revision, path.name, data, up, down, blanks)


def _blanks(tree: ast.Module) -> t.Iterator[int]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            called = node.func
            name = called.attr if isinstance(called, ast.Attribute) else called
            if name == "fill_in" or getattr(name, "id", None) == "fill_in":
                yield node.lineno


def _calls(
    functions: t.Mapping[str, ast.FunctionDef], prefix: str, module: dict[str, t.Any]
) -> tuple[Call, ...]:
    """Return the ``op`` calls of the functions of a direction and their helpers."""
    wanted = [name for name in functions if name.startswith(prefix)]
    calls: list[Call] = []
    for name in wanted:
        for node in ast.walk(functions[name]):
            if isinstance(node, ast.Name) and node.id in functions:
                if node.id not in wanted:
                    wanted.append(node.id)
            elif isinstance(node, ast.Call):
                call = _call(node, name, module)
                if call is not None:
                    calls.append(call)
    return tuple(sorted(calls, key=lambda call: call.place))


def _call(node: ast.Call, function: str, module: dict[str, t.Any]) -> Call | None:
    called = node.func
    if not isinstance(called, ast.Attribute):
        return None
    if not (isinstance(called.value, ast.Name) and called.value.id == "op"):
        return None
    if called.attr in _BATCHED and _is_atomic(node, module):
        return None
    schema = called.attr not in _NO_DDL or (called.attr == "execute" and _is_ddl(node))
    return Call(called.attr, (node.lineno, node.col_offset), schema, function)


def _is_atomic(node: ast.Call, module: dict[str, t.Any]) -> bool:
    if len(node.args) != 1 or not isinstance(node.args[0], ast.Name):
        return False
    value = module.get(node.args[0].id)
    return isinstance(value, Backfill) and value.atomic


def _is_ddl(node: ast.Call) -> bool:
    for inner in ast.walk(node):
        if isinstance(inner, ast.Constant) and isinstance(inner.value, str):
            return inner.value.lstrip().lower().startswith(_DDL_WORDS)
    return False


def _lines(calls: t.Sequence[Call]) -> str:
    return ", ".join(f"op.{call.name} in line {call.place[0]}" for call in calls)
