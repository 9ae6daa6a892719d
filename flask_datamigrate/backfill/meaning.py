"""What a Python function and a value mean, as text that is the same in each process."""

from __future__ import annotations

import ast
import datetime
import decimal
import enum
import functools
import inspect
import re
import types
import typing as t
import uuid

_PLAIN = (
    type(None),
    bool,
    int,
    float,
    complex,
    str,
    bytes,
    decimal.Decimal,
    datetime.date,
    datetime.time,
    datetime.timedelta,
    uuid.UUID,
    enum.Enum,
    re.Pattern,
)


def of_function(function: t.Any) -> str:
    """Return the source of a function, without comments, layout and docstring.

    With it come the constants and the functions of its own module that it refers
    to, since a change of them changes what it returns.
    """
    return "\n".join(_parts(function, set()))


def of_value(value: t.Any) -> str:
    """Return a constant as text; of anything else, its type.

    The order of a set differs from process to process, so it is written sorted.
    """
    if isinstance(value, _PLAIN):
        return repr(value)
    if isinstance(value, list | tuple):
        return f"[{', '.join(map(of_value, value))}]"
    if isinstance(value, set | frozenset):
        return f"{{{', '.join(sorted(map(of_value, value)))}}}"
    if isinstance(value, dict):
        pairs = sorted(f"{of_value(k)}: {of_value(v)}" for k, v in value.items())
        return f"{{{', '.join(pairs)}}}"
    return type(value).__qualname__


def _parts(function: t.Any, seen: set[int]) -> t.Iterator[str]:
    if isinstance(function, functools.partial):
        yield of_value(function.args)
        yield of_value(function.keywords)
        function = function.func
    function = inspect.unwrap(function)
    function = getattr(function, "__func__", function)
    code = getattr(function, "__code__", None)
    if code is None:
        # An object that can be called: its own values, and the method behind it.
        yield of_value(getattr(function, "__dict__", {}))
        function = type(function).__call__
        code = getattr(function, "__code__", None)
    if code is None or id(code) in seen:
        return
    seen.add(id(code))
    yield _source(function, code) or _compiled(code)
    for name, value in _referred(function, code):
        if isinstance(value, types.FunctionType):
            if value.__module__ == function.__module__:
                yield from _parts(value, seen)
        else:
            yield f"{name}={of_value(value)}"


def _referred(
    function: types.FunctionType, code: types.CodeType
) -> t.Iterator[tuple[str, t.Any]]:
    """Return what a function takes from around it, by name."""
    cells = zip(code.co_freevars, function.__closure__ or (), strict=True)
    yield from sorted((name, cell.cell_contents) for name, cell in cells)
    around = function.__globals__
    names = {name for nested in _codes(code) for name in nested.co_names}
    yield from ((name, around[name]) for name in sorted(names) if name in around)


def _codes(code: types.CodeType) -> t.Iterator[types.CodeType]:
    yield code
    for constant in code.co_consts:
        if isinstance(constant, types.CodeType):
            yield from _codes(constant)


def _source(function: types.FunctionType, code: types.CodeType) -> str:
    """Return the source; of a lambda, no more of its line than other lambdas."""
    try:
        lines, _ = inspect.findsource(function)
        tree = ast.parse("".join(lines))
    except (OSError, SyntaxError):
        return ""
    found = [node for node in ast.walk(tree) if _is_of(node, code)]
    return "\n".join(map(_unparsed, found))


def _is_of(node: ast.AST, code: types.CodeType) -> bool:
    if isinstance(node, ast.Lambda):
        return code.co_name == "<lambda>" and node.lineno == code.co_firstlineno
    if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
        return False
    first = min([node.lineno, *(d.lineno for d in node.decorator_list)])
    return node.name == code.co_name and first == code.co_firstlineno


def _unparsed(node: ast.AST) -> str:
    body = getattr(node, "body", None)
    if isinstance(body, list) and ast.get_docstring(t.cast(ast.FunctionDef, node)):
        del body[0]
    return ast.unparse(node)


def _compiled(code: types.CodeType) -> str:
    """Return the instructions, where no source can be had."""
    parts = []
    for nested in _codes(code):
        constants = [c for c in nested.co_consts if not inspect.iscode(c)]
        parts.append(f"{nested.co_code!r} {nested.co_names} {of_value(constants)}")
    return "\n".join(parts)
