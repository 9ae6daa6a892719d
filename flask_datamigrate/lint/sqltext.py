"""The SQL texts in a script, with what is formatted into them kept apart."""

from __future__ import annotations

import ast
import dataclasses
import re
import string
import typing as t

from .reach import Frame
from .reach import Site
from .reach import returned
from .rows import calls_of
from .rows import executed
from .rows import method
from .source import literal


@dataclasses.dataclass(frozen=True, slots=True)
class Hole:
    """A value that is formatted into a text when the migration runs.

    :param name: what stands in the text in its place.
    :param node: the expression.
    :param frame: where its names stand.
    """

    name: str
    node: ast.expr
    frame: Frame


@dataclasses.dataclass(frozen=True, slots=True)
class SqlText:
    """A SQL text that a call runs.

    :param text: the text, with the names of the holes in it.
    :param node: the expression in the script.
    :param raw: whether it goes to the connection as a plain ``str``.
    """

    text: str
    holes: tuple[Hole, ...]
    node: ast.expr
    site: Site


@dataclasses.dataclass(frozen=True, slots=True)
class Computed:
    """A call that runs a statement which cannot be read from the script."""

    node: ast.expr
    site: Site


_LIBRARIES = ("sqlalchemy.", "flask_datamigrate.", "alembic.")
_VERBS = ("delete", "from_select", "insert", "select", "update", "values", "where")
_WRAPPERS = ("text", "DDL", "dedent", "strip", "format")
_FORMAT = re.compile(r"%(?:\((\w+)\))?[sdrif]")


def texts(site: Site) -> t.Iterator[SqlText | Computed]:
    """Return the SQL texts that a call runs; nothing for SQLAlchemy constructs."""
    run = executed(site)
    if run is None:
        return
    value, frame = run
    options = list(_options(value, frame, site))
    for option, inside in options:
        reader = _Reader()
        text = reader.read(option, inside)
        if text is not None:
            # Several texts of one loop each have a place of their own.
            node = option if len(options) > 1 or frame is site.frame else site.call
            yield SqlText(text, tuple(reader.holes), node, site)
        elif not _is_construct(option, inside):
            yield Computed(site.call, site)


def _options(
    value: ast.expr, frame: Frame, site: Site
) -> t.Iterator[tuple[ast.expr, Frame]]:
    """Return what an argument may be: one thing, or each of a literal list."""
    wrapped = value
    if isinstance(value, ast.Call) and method(value) in _WRAPPERS and value.args:
        wrapped = value.args[0]
    if isinstance(wrapped, ast.Name):
        for loop in site.loops:
            if isinstance(loop, ast.For) and _is_name(loop.target, wrapped.id):
                items, inside = frame.value(loop.iter)
                if isinstance(items, ast.List | ast.Tuple):
                    yield from ((item, inside) for item in items.elts)
                    return
    results = returned(value, frame) if isinstance(value, ast.Call) else []
    yield from results or [(value, frame)]


def _is_name(node: ast.expr, name: str) -> bool:
    return isinstance(node, ast.Name) and node.id == name


def _is_construct(node: ast.expr, frame: Frame) -> bool:
    """Tell whether an expression is a statement of SQLAlchemy or one of ours."""
    chain = calls_of(node)
    if not chain or method(chain[0]) in _WRAPPERS:
        return False
    origin = frame.origin(chain[-1].func)
    return origin.startswith(_LIBRARIES) or any(method(c) in _VERBS for c in chain)


class _Reader:
    """Reads the text of an expression, and collects its holes."""

    def __init__(self) -> None:
        self.holes: list[Hole] = []

    def read(self, node: ast.expr, frame: Frame) -> str | None:
        """Return the text of an expression, ``None`` if it is not one."""
        node_, frame = frame.value(node)
        if isinstance(node_, ast.Constant):
            return node_.value if isinstance(node_.value, str) else None
        if isinstance(node_, ast.JoinedStr):
            return "".join(self._part(part, frame) for part in node_.values)
        if isinstance(node_, ast.BinOp):
            return self._operation(node_, frame)
        if isinstance(node_, ast.Call):
            return self._call(node_, frame)
        return None

    def _part(self, node: ast.expr, frame: Frame) -> str:
        if isinstance(node, ast.Constant):
            return str(node.value)
        inner = node.value if isinstance(node, ast.FormattedValue) else node
        return self._filled(inner, frame)

    def _filled(self, node: ast.expr | None, frame: Frame) -> str:
        """Return the text of a value that is formatted in, or a hole for it."""
        if node is None:
            return "_hole"
        value, inside = frame.value(node)
        if isinstance(value, ast.Constant):
            return str(value.value)
        mark = len(self.holes)
        text = self.read(node, frame)
        if text is not None:
            return text
        del self.holes[mark:]
        hole = Hole(f"_hole_{len(self.holes)}_", value or node, inside)
        self.holes.append(hole)
        return hole.name

    def _operation(self, node: ast.BinOp, frame: Frame) -> str | None:
        if isinstance(node.op, ast.Add):
            left = self.read(node.left, frame)
            if left is None and self.read(node.right, frame) is None:
                return None
            before = self._filled(node.left, frame) if left is None else left
            return before + self._filled(node.right, frame)
        if isinstance(node.op, ast.Mod):
            text = self.read(node.left, frame)
            return None if text is None else self._percent(text, node.right, frame)
        return None

    def _percent(self, text: str, right: ast.expr, frame: Frame) -> str:
        value, frame = frame.value(right)
        listed = list(value.elts) if isinstance(value, ast.Tuple) else [right]
        named = _named(value) if isinstance(value, ast.Dict) else {}
        following = iter(listed)

        def fill(match: re.Match[str]) -> str:
            if match[1]:
                return self._filled(named.get(match[1]), frame)
            return self._filled(next(following, None), frame)

        return _FORMAT.sub(fill, text).replace("%%", "%")

    def _call(self, node: ast.Call, frame: Frame) -> str | None:
        name = method(node)
        if name == "format" and isinstance(node.func, ast.Attribute):
            text = self.read(node.func.value, frame)
            return None if text is None else self._format(text, node, frame)
        if name == "strip" and isinstance(node.func, ast.Attribute):
            return self.read(node.func.value, frame)
        if name in ("bindparams", "columns", "execution_options"):
            assert isinstance(node.func, ast.Attribute) or not node.args
            if isinstance(node.func, ast.Attribute):
                return self.read(node.func.value, frame)
        if name in ("text", "DDL", "dedent") and node.args:
            return self.read(node.args[0], frame)
        return None

    def _format(self, text: str, node: ast.Call, frame: Frame) -> str:
        named = {item.arg: item.value for item in node.keywords if item.arg}
        parts: list[str] = []
        position = 0
        try:
            fields = list(string.Formatter().parse(text))
        except ValueError:
            return text
        for before, field, _, _ in fields:
            parts.append(before)
            if field is None:
                continue
            key = re.split(r"[.\[]", field)[0]
            if key == "":
                key, position = str(position), position + 1
            if key.isdigit():
                index = int(key)
                found = node.args[index] if index < len(node.args) else None
            else:
                found = named.get(key)
            parts.append(self._filled(found, frame))
        return "".join(parts)


def _named(node: ast.Dict) -> dict[str, ast.expr]:
    return {
        str(literal(key)): value
        for key, value in zip(node.keys, node.values, strict=True)
        if literal(key) is not None
    }
