"""Whether a value that is formatted into SQL is fixed by the script itself."""

from __future__ import annotations

import ast
import sys
import typing as t

from .reach import Frame
from .reach import returned
from .rows import method
from .sqltext import Hole
from .sqltext import SqlText

_PLAIN = {
    "bool",
    "date",
    "float",
    "int",
    "isoformat",
    "len",
    "list",
    "now",
    "now_utc",
    "time",
    "today",
    "range",
}
_PLAIN |= {
    "set",
    "sorted",
    "strftime",
    "timestamp",
    "tuple",
    "utcnow",
    "uuid4",
    "enumerate",
}
_PASSED_ON = {
    "str",
    "repr",
    "join",
    "format",
    "lower",
    "upper",
    "items",
    "values",
    "keys",
}
_PASSED_ON |= {"replace", "strip", "dumps", "get", "zip"}

_DATA = {"exec_driver_sql", "execute", "fetchall", "fetchone", "first", "input", "open"}
_DATA |= {"query", "scalar", "scalars", "select"}


def is_fixed(hole: Hole, sql: SqlText) -> bool:
    """Tell whether a value comes from the script, and not from data.

    Constants, what is computed from constants, items of a literal list, numbers and
    times are fixed; a row of a query, an argument nobody passes, and what is read from
    elsewhere are not.
    """
    loops = {
        name.id: loop.iter
        for loop in sql.site.loops
        if isinstance(loop, ast.For)
        for name in ast.walk(loop.target)
        if isinstance(name, ast.Name)
    }
    return _Judge(loops).fixed(hole.node, hole.frame, 0)


def _calls(node: ast.Call) -> t.Iterator[ast.Call]:
    return (inner for inner in ast.walk(node) if isinstance(inner, ast.Call))


class _Judge:
    def __init__(self, loops: dict[str, ast.expr]) -> None:
        self.loops = loops

    def fixed(self, node: ast.AST, frame: Frame, depth: int) -> bool:
        if depth > 20:
            return False
        if isinstance(node, ast.Name):
            return self._name(node, frame, depth + 1)
        if isinstance(node, ast.Attribute):
            if node.attr.isupper() or node.attr in ("config", "environ"):
                return True
            return self.fixed(node.value, frame, depth + 1)
        if isinstance(node, ast.Call):
            return self._call(node, frame, depth + 1)
        if isinstance(node, ast.comprehension):
            return self.fixed(node.iter, frame, depth + 1)
        if isinstance(node, ast.ListComp | ast.GeneratorExp | ast.SetComp):
            return all(self.fixed(g, frame, depth + 1) for g in node.generators)
        if isinstance(node, ast.Lambda | ast.Await | ast.Yield):
            return False
        return all(
            self.fixed(child, frame, depth + 1)
            for child in ast.iter_child_nodes(node)
            if isinstance(child, ast.expr)
        )

    def _name(self, node: ast.Name, frame: Frame, depth: int) -> bool:
        if node.id in self.loops:
            return self.fixed(self.loops[node.id], frame, depth)
        if node.id in frame.bound and frame.caller is not None:
            return self.fixed(frame.bound[node.id], frame.caller, depth)
        values = frame.names.values(node.id, frame.function)
        if values:
            return all(self.fixed(value, frame, depth) for value in values)
        origin = frame.names.origin(node)
        if origin.partition(".")[0] in sys.stdlib_module_names:
            return True
        return node.id.isupper() or bool(frame.names.classes(node.id))

    def _call(self, node: ast.Call, frame: Frame, depth: int) -> bool:
        called = node.func
        name = called.attr if isinstance(called, ast.Attribute) else ""
        name = called.id if isinstance(called, ast.Name) else name
        if any(method(inner) in _DATA for inner in _calls(node)):
            return False
        if name in _PLAIN:
            return True
        results = returned(node, frame)
        if results:
            return all(self.fixed(value, inside, depth) for value, inside in results)
        if name in _PASSED_ON or frame.names.classes(name):
            inner = [*node.args]
            if isinstance(called, ast.Attribute):
                inner.append(called.value)
            return all(self.fixed(value, frame, depth) for value in inner)
        # A helper makes of fixed values a fixed one; what takes none asks elsewhere.
        given = [*node.args, *(item.value for item in node.keywords)]
        return bool(given) and all(self.fixed(v, frame, depth) for v in given)
