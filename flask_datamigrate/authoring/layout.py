"""Lay generated expressions out over lines, as a formatter would."""

from __future__ import annotations

import ast

from .naming import quoted

WIDTH = 88
_STEP = 4


def laid_out(source: str, *, indent: int = 0, tail: str = "") -> str:
    """Break the calls in an expression so that no line is too long.

    :param source: one Python expression.
    :param indent: the columns in front of its first line, which count but are not
        written.
    :param tail: what will stand behind its last line.
    """
    return _render(ast.parse(source, mode="eval").body, indent, len(tail)) + tail


def excused(code: str) -> str:
    """Tell linters of the lines that cannot be broken, such as a very long name.

    :param code: lines of code.
    """
    return "".join(
        f"{line}  # noqa: E501\n" if len(line) > WIDTH else f"{line}\n"
        for line in code.splitlines()
    )


def _render(node: ast.expr, indent: int, tail: int) -> str:
    flat = _flat(node)
    fits = indent + len(flat) + tail <= WIDTH
    if fits or not isinstance(node, ast.Call) or not (node.args or node.keywords):
        return flat
    inner = indent + _STEP
    parts = [_render(arg, inner, 1) for arg in node.args]
    for item in node.keywords:
        prefix = f"{item.arg}="
        parts.append(prefix + _render(item.value, inner + len(prefix), 1))
    lines = "".join(f"{' ' * inner}{part},\n" for part in parts)
    return f"{_render(node.func, indent, 1)}(\n{lines}{' ' * indent})"


def _flat(node: ast.expr) -> str:
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return quoted(node.value)
    if isinstance(node, ast.Attribute):
        return f"{_flat(node.value)}.{node.attr}"
    if isinstance(node, ast.Call):
        parts = [_flat(arg) for arg in node.args]
        parts += [f"{item.arg}={_flat(item.value)}" for item in node.keywords]
        return f"{_flat(node.func)}({', '.join(parts)})"
    return ast.unparse(node)
