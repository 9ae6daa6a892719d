"""The calls that ``upgrade()`` or ``downgrade()`` makes, through helpers as well."""

from __future__ import annotations

import ast
import dataclasses
import functools
import typing as t

from .names import Names

Loop: t.TypeAlias = "ast.For | ast.While"

MOST = 10_000
"""Calls after which helpers are no longer followed: they call each other in a tree."""


@dataclasses.dataclass(frozen=True, eq=False)
class Frame:
    """One call of a function of the script.

    :param function: the function; ``None`` for the top level of the script.
    :param bound: the arguments it was called with, by parameter.
    :param caller: the frame of that call.
    """

    function: ast.FunctionDef | None
    bound: t.Mapping[str, ast.expr]
    caller: Frame | None
    names: Names

    def value(self, node: ast.expr | None) -> tuple[ast.expr | None, Frame]:
        """Follow a name to the one expression it stands for, if it is one.

        :return: the expression, and the frame in which its own names stand.
        """
        frame = self
        for _ in range(20):
            if not isinstance(node, ast.Name):
                break
            value = self.names.value_at(node, frame.function)
            if value is not None and value is not node:
                node = value
            elif node.id in frame.bound and frame.caller is not None:
                node, frame = frame.bound[node.id], frame.caller
            else:
                break
        return node, frame

    def origin(self, node: ast.AST | None) -> str:
        return self.names.origin(node, self.function)


@dataclasses.dataclass(frozen=True, eq=False)
class Site:
    """One call, and what it stands in.

    :param loops: the loops around it, those around its helper's call included.
    :param guarded: whether an ``if`` on the database's dialect decides about it.
    """

    call: ast.Call
    frame: Frame
    loops: tuple[Loop, ...]
    guarded: bool


@dataclasses.dataclass(frozen=True, slots=True)
class Reached:
    """What a direction runs.

    :param sites: its calls, in the order they are made.
    :param loops: its loops, each with the frame it stands in.
    """

    sites: tuple[Site, ...]
    loops: tuple[tuple[Loop, Frame], ...]


def reached(names: Names, direction: str) -> Reached:
    """Return what a direction runs, helpers included.

    :param direction: ``upgrade`` or ``downgrade``; the functions of one database of
        several begin with that.
    """
    found = _Found([], [])
    called = {
        node.func.id
        for node in ast.walk(names.tree)
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name)
    }
    for name, function in names.functions.items():
        # Such as upgrade_engine1, unless it is a helper that is met where it is called.
        of_database = name.startswith(f"{direction}_") and name not in called
        if name == direction or of_database:
            frame = Frame(function, {}, None, names)
            _Walk(names, found, frame, (), False).body(function.body)
    unique = {(id(site.call), id(site.frame)): site for site in found.sites}
    return Reached(tuple(unique.values()), tuple(found.loops))


@dataclasses.dataclass(frozen=True, slots=True)
class _Found:
    sites: list[Site]
    loops: list[tuple[Loop, Frame]]


class _Walk:
    def __init__(
        self,
        names: Names,
        found: _Found,
        frame: Frame,
        loops: tuple[Loop, ...],
        guarded: bool,
    ) -> None:
        self.names = names
        self.found = found
        self.frame = frame
        self.loops = loops
        self.guarded = guarded

    def body(self, statements: t.Iterable[ast.stmt]) -> None:
        for statement in statements:
            self.statement(statement)

    def statement(self, node: ast.stmt) -> None:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            return
        if isinstance(node, ast.For):
            self.expression(node.iter)
            self.turn(node)
        elif isinstance(node, ast.While):
            self.turn(node)
        elif isinstance(node, ast.If):
            self.choice(node)
        elif isinstance(node, ast.With):
            for item in node.items:
                self.expression(item.context_expr)
            self.body(node.body)
        elif isinstance(node, ast.Try):
            self.body(node.body)
            for handler in node.handlers:
                self.body(handler.body)
            self.body(node.orelse)
            self.body(node.finalbody)
        else:
            self.expression(node)

    def turn(self, loop: Loop) -> None:
        outer = self.loops
        self.loops = (*outer, loop)
        self.found.loops.append((loop, self.frame))
        if isinstance(loop, ast.While):
            self.expression(loop.test)
        self.body(loop.body)
        self.loops = outer
        self.body(loop.orelse)

    def choice(self, node: ast.If) -> None:
        self.expression(node.test)
        before = self.guarded
        on_dialect = _asks_dialect(node.test, self.frame)
        self.guarded = before or on_dialect
        self.body(node.body)
        self.body(node.orelse)
        # `if dialect is not the one: return` guards all that follows.
        self.guarded = before or (on_dialect and _leaves(node.body))

    def expression(self, node: ast.AST) -> None:
        for inner in _calls(node):
            self.found.sites.append(Site(inner, self.frame, self.loops, self.guarded))
            self.follow(inner)

    def follow(self, call: ast.Call) -> None:
        """Walk the helper that a call runs."""
        if not isinstance(call.func, ast.Name):
            return
        function = self.names.functions.get(call.func.id)
        if function is None or _runs(self.frame, function):
            return
        if len(self.found.sites) > MOST:
            return
        frame = Frame(function, bound_by(function, call), self.frame, self.names)
        walk = _Walk(self.names, self.found, frame, self.loops, self.guarded)
        walk.body(function.body)


def _calls(node: ast.AST) -> t.Iterator[ast.Call]:
    """Return the calls in an expression, the inner ones first, as they are made."""
    for child in ast.iter_child_nodes(node):
        if not isinstance(child, ast.Lambda):
            yield from _calls(child)
    if isinstance(node, ast.Call):
        yield node


def _runs(frame: Frame | None, function: ast.FunctionDef) -> bool:
    depth = 0
    while frame is not None:
        depth += 1
        if frame.function is function or depth > 8:
            return True
        frame = frame.caller
    return False


def returned(call: ast.Call, frame: Frame) -> list[tuple[ast.expr, Frame]]:
    """Return what a call of a function of the script may return, as expressions.

    :return: nothing for a function that the script does not define.
    """
    name = call.func.id if isinstance(call.func, ast.Name) else ""
    function = frame.names.functions.get(name)
    if function is None or _runs(frame, function):
        return []
    inside = Frame(function, bound_by(function, call), frame, frame.names)
    return [
        (node.value, inside)
        for node in ast.walk(function)
        if isinstance(node, ast.Return) and node.value is not None
    ]


def bound_by(function: ast.FunctionDef, call: ast.Call) -> dict[str, ast.expr]:
    """Return the arguments of a call by the parameters of a function."""
    parameters = [*function.args.posonlyargs, *function.args.args]
    bound: dict[str, ast.expr] = {}
    for parameter, value in zip(parameters, call.args, strict=False):
        if isinstance(value, ast.Starred):
            break
        bound[parameter.arg] = value
    bound.update({item.arg: item.value for item in call.keywords if item.arg})
    return bound


def _leaves(body: t.Sequence[ast.stmt]) -> bool:
    return isinstance(body[-1], ast.Return | ast.Raise)


def _asks_dialect(test: ast.expr, frame: Frame) -> bool:
    """Tell whether a test is about which database this is."""
    return any(
        _names_dialect(word) for node in ast.walk(test) for word in _words(node, frame)
    )


_DIALECTS = ("dialect", "drivername", "postgres", "mysql", "mariadb", "sqlite", "is_pg")


def _names_dialect(word: str) -> bool:
    return any(name in word.lower() for name in _DIALECTS)


def _words(node: ast.AST, frame: Frame) -> t.Iterator[str]:
    if isinstance(node, ast.Attribute):
        yield node.attr
    elif isinstance(node, ast.Constant) and isinstance(node.value, str):
        yield node.value
    elif isinstance(node, ast.Name):
        yield node.id
        value, _ = frame.value(node)
        if value is not node and value is not None:
            yield _unparsed(value)


@functools.lru_cache(maxsize=256)
def _unparsed(node: ast.expr) -> str:
    return ast.unparse(node)
