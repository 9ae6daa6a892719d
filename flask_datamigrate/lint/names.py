"""What the names in a script stand for: imports, aliases, and assigned values."""

from __future__ import annotations

import ast
import dataclasses
import typing as t


@dataclasses.dataclass(frozen=True, slots=True)
class Import:
    """One name that an import statement binds.

    :param module: the module imported or imported from; relative ones keep dots.
    :param origin: the full dotted name of what the local name stands for.
    """

    local: str
    module: str
    origin: str
    node: ast.Import | ast.ImportFrom


@dataclasses.dataclass(frozen=True, slots=True)
class Assigned:
    """One assignment to a name.

    :param value: what is assigned; ``None`` for a change of what the name had.
    :param end: the last line of the block it stands in, where it surely holds.
    """

    value: ast.expr | None
    line: int
    end: int


class Scope:
    """The assignments of a function, or of the top level of a script.

    :param body: its statements; functions within are scopes of their own.
    """

    def __init__(self, body: t.Sequence[ast.stmt]) -> None:
        self.names: dict[str, list[Assigned]] = {}
        self._loops: list[tuple[int, int]] = []
        self._block(body)

    def values(self, name: str) -> list[ast.expr]:
        """Return all that is assigned to a name."""
        found = self.names.get(name, ())
        return [one.value for one in found if one.value is not None]

    def value_at(self, name: str, line: int) -> ast.expr | None:
        """Return what a name stands for in a line, if that is one expression."""
        found = self.names.get(name, [])
        if len(found) == 1:
            return found[0].value
        before = [one for one in found if one.line < line]
        if not before or before[-1].end < line:
            return None
        last = before[-1]
        for start, end in self._loops:
            if start <= line <= end and not start <= last.line:
                # The next turn of the loop may see another.
                if any(start <= one.line <= end for one in found):
                    return None
        return last.value

    def _block(self, body: t.Sequence[ast.stmt], end: int = 0) -> None:
        """Read the statements of a block.

        :param end: the last line for which they have surely run; that of the block
            unless it is part of one that is always run.
        """
        end = end or max((node.end_lineno or node.lineno for node in body), default=0)
        for node in body:
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
                continue
            self._assign(node, end)
            if isinstance(node, ast.For | ast.While):
                self._loops.append((node.lineno, node.end_lineno or node.lineno))
            for part in ("body", "orelse", "finalbody"):
                inner = getattr(node, part, None)
                if isinstance(inner, list):
                    self._block(inner, end if isinstance(node, ast.With) else 0)
            for handler in getattr(node, "handlers", ()):
                self._block(handler.body)

    def _assign(self, node: ast.stmt, end: int) -> None:
        if isinstance(node, ast.Assign):
            for target in node.targets:
                self._bind(target, node.value, node, end)
        elif isinstance(node, ast.AnnAssign) and node.value is not None:
            self._bind(node.target, node.value, node, end)
        elif isinstance(node, ast.AugAssign):
            self._bind(node.target, None, node, end)
        elif isinstance(node, ast.With):
            for item in node.items:
                if item.optional_vars is not None:
                    inside = node.end_lineno or node.lineno
                    self._bind(item.optional_vars, item.context_expr, node, inside)

    def _bind(
        self, target: ast.expr, value: ast.expr | None, node: ast.stmt, end: int
    ) -> None:
        if isinstance(target, ast.Name):
            one = Assigned(value, node.lineno, end)
            self.names.setdefault(target.id, []).append(one)


class Names:
    """The imports of a script and the values its names are given.

    :param tree: the script.
    """

    def __init__(self, tree: ast.Module) -> None:
        self.tree = tree
        self.imports: tuple[Import, ...] = tuple(_imports(tree))
        self._origins = {found.local: found.origin for found in self.imports}
        self.functions: dict[str, ast.FunctionDef] = {
            node.name: node for node in tree.body if isinstance(node, ast.FunctionDef)
        }
        self.module = Scope(tree.body)
        self._classes: list[ast.ClassDef] | None = None
        self._scopes: dict[ast.FunctionDef, Scope] = {}

    def values(self, name: str, function: ast.FunctionDef | None) -> list[ast.expr]:
        """Return the expressions a name is assigned, in a function or the module.

        :param function: the function it is used in.
        """
        return self._scope(name, function).values(name)

    def value_at(
        self, node: ast.Name, function: ast.FunctionDef | None
    ) -> ast.expr | None:
        """Return the one expression a name stands for where it is used, or ``None``."""
        return self._scope(node.id, function).value_at(node.id, node.lineno)

    def _scope(self, name: str, function: ast.FunctionDef | None) -> Scope:
        if function is None:
            return self.module
        if function not in self._scopes:
            self._scopes[function] = Scope(function.body)
        scope = self._scopes[function]
        return scope if name in scope.names else self.module

    def classes(self, name: str) -> list[ast.ClassDef]:
        """Return the classes of a name that the script defines, anywhere in it."""
        if self._classes is None:
            self._classes = [
                node for node in ast.walk(self.tree) if isinstance(node, ast.ClassDef)
            ]
        return [node for node in self._classes if node.name == name]

    def origin(
        self, node: ast.AST | None, function: ast.FunctionDef | None = None
    ) -> str:
        """Return the full dotted name of what an expression stands for.

        Follows imports, their aliases, and names that are assigned another name.
        An unknown base is kept as it is: ``users.update`` is ``users.update``.
        Empty for anything but a name with attributes.
        """
        parts: list[str] = []
        for _ in range(20):
            while isinstance(node, ast.Attribute):
                parts.append(node.attr)
                node = node.value
            if not isinstance(node, ast.Name):
                return ""
            if node.id in self._origins:
                return ".".join([self._origins[node.id], *reversed(parts)])
            value = self.value_at(node, function)
            if not isinstance(value, ast.Name | ast.Attribute):
                return ".".join([node.id, *reversed(parts)])
            node = value
        return ""


def _imports(tree: ast.Module) -> t.Iterator[Import]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                if alias.asname:
                    yield Import(alias.asname, alias.name, alias.name, node)
                else:
                    top = alias.name.partition(".")[0]
                    yield Import(top, alias.name, top, node)
        elif isinstance(node, ast.ImportFrom):
            module = "." * node.level + (node.module or "")
            for alias in node.names:
                origin = f"{module}.{alias.name}"
                yield Import(alias.asname or alias.name, module, origin, node)
