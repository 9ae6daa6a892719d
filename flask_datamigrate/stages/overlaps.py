"""Syncs of two changes that set one column, as far as the revision files tell.

``op.create_sync`` refuses them by what the database has; but a revision may have added
columns by then that its database does not roll back.
"""

from __future__ import annotations

import ast
import dataclasses
import pathlib
import typing as t

from .. import scripts
from ..errors import StageError

if t.TYPE_CHECKING:
    from alembic.script import Script
    from alembic.script import ScriptDirectory


@dataclasses.dataclass(frozen=True, slots=True)
class _Call:
    """A call of ``op.create_sync`` or ``op.drop_sync`` whose names can be read.

    :param place: the function it is in, which tells the database, schema and table.
    :param columns: those that are set.
    """

    revision: str
    name: str
    change: str
    place: tuple[str, str, str]
    columns: frozenset[str]


def check(
    tree: ScriptDirectory, walked: t.Iterable[Script], known: t.Container[str]
) -> None:
    """Refuse a sync that sets what another change's sets, which is not dropped before.

    :param walked: the revisions in the order they are applied.
    :param known: the changes that revisions belong to, whose columns are compared.
    :raises StageError: naming both.
    """
    calls = [call for script in walked for call in _calls(script)]
    made = [call for call in calls if call.name == "create_sync"]
    for number, second in enumerate(made):
        for first in made[:number]:
            both = sorted(first.columns & second.columns)
            if not both or first.change == second.change:
                continue
            if first.change in known and second.change in known:
                continue
            if first.place == second.place and not _is_over(tree, first, second, calls):
                raise StageError(
                    f"its op.create_sync sets column {both[0]} of table "
                    f"{second.place[2]}, and so does that of change {first.change} in "
                    f"revision {first.revision}, which is not dropped before: each "
                    "would overwrite what the other has set",
                    where=f"revision {second.revision}, change {second.change}",
                    state="Nothing was changed",
                    next="Set the columns of both in one op.create_sync, or put the "
                    "revision behind the contract of "
                    f"{first.change}, with op.drop_sync",
                )


def _is_over(
    tree: ScriptDirectory, first: _Call, second: _Call, calls: t.Iterable[_Call]
) -> bool:
    """Tell whether the first sync is dropped before the second is created."""
    below = scripts.ancestors(tree, [second.revision])
    return any(
        one.name == "drop_sync"
        and (one.change, one.place) == (first.change, first.place)
        and one.revision in below
        for one in calls
    )


def _calls(script: Script) -> t.Iterator[_Call]:
    try:
        source = pathlib.Path(script.path).read_bytes()
        if b"_sync" not in source:
            return
        tree = ast.parse(source)
    except (OSError, SyntaxError):
        # Compiled only, or generated.
        return
    for node in tree.body:
        if isinstance(node, ast.FunctionDef) and node.name.startswith("upgrade"):
            for inner in ast.walk(node):
                call = _call(script, node.name, inner)
                if call is not None:
                    yield call


def _call(script: Script, function: str, node: ast.AST) -> _Call | None:
    if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Attribute):
        return None
    name = node.func.attr
    if name not in ("create_sync", "drop_sync") or not node.args:
        return None
    given = {keyword.arg: keyword.value for keyword in node.keywords}
    names = vars(script.module)
    table, change = _text(node.args[0], names), _text(given.get("change"), names)
    if not table or not change:
        return None
    columns = {
        _text(key, names)
        for way in ("forward", "backward")
        for key in getattr(given.get(way), "keys", ())
    }
    place = (function, _text(given.get("schema"), names), table)
    return _Call(script.revision, name, change, place, frozenset(columns - {""}))


def _text(node: ast.AST | None, names: t.Mapping[str, t.Any]) -> str:
    """Return the text a literal or a variable of the file is; "" for anything else."""
    value = getattr(node, "value", None)
    if isinstance(node, ast.Name):
        value = names.get(node.id)
    return value if isinstance(value, str) else ""
