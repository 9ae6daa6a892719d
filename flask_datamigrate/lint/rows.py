"""What a script does to rows, whether by SQL or by a SQLAlchemy construct."""

from __future__ import annotations

import ast
import dataclasses
import typing as t

from .findings import Table
from .reach import Frame
from .reach import Site
from .source import literal

Verb: t.TypeAlias = t.Literal["update", "delete", "insert"]


@dataclasses.dataclass(frozen=True, slots=True)
class RowChange:
    """One statement that changes rows.

    :param table: the table; ``None`` where it cannot be told.
    :param filtered: whether it has a condition.
    :param written: the columns it sets, as far as they can be told.
    :param tested: the columns of its condition, as far as they can be told.
    :param fills: whether its condition is that a column it sets is NULL, and no more.
    :param limited: whether it has a LIMIT of its own.
    :param paged: whether its condition takes some rows only, by a LIMIT within.
    :param copies: for an insert, whether it takes its rows from a query.
    :param node: the statement in the script.
    """

    verb: Verb
    table: Table | None
    node: ast.expr
    site: Site
    filtered: bool = False
    written: frozenset[str] = frozenset()
    tested: frozenset[str] = frozenset()
    fills: bool = False
    limited: bool = False
    paged: bool = False
    copies: bool = False


_RUNNERS = ("execute", "scalar", "scalars", "execute_logged", "exec_driver_sql")
_TABLES = ("table", "Table", "model")
_COLUMNS = ("column", "literal_column")
_NARROWS = ("where", "filter", "filter_by", "having")


def executed(site: Site) -> tuple[ast.expr, Frame] | None:
    """Return the statement that a call runs, if it is one that runs statements."""
    called, frame = site.frame.value(site.call.func)
    name = called.attr if isinstance(called, ast.Attribute) else ""
    if not name:
        name = frame.origin(called).rpartition(".")[2]
    if name not in _RUNNERS:
        return None
    given = site.call.args[:1] or [
        item.value
        for item in site.call.keywords
        if item.arg in ("sqltext", "statement", "clause", "object_", "object")
    ]
    if not given:
        return None
    statement, inside = site.frame.value(given[0])
    return None if statement is None else (statement, inside)


def constructed(site: Site) -> RowChange | None:
    """Return the change of rows that a call makes by a SQLAlchemy construct."""
    run = executed(site)
    if run is not None:
        statement, frame = run
        return change(statement, frame, site)
    return _query(site)


def calls_of(node: ast.expr) -> list[ast.Call]:
    """Return the calls of a chain ``a.b().c()``, the last one first."""
    found: list[ast.Call] = []
    current: ast.expr = node
    while isinstance(current, ast.Call):
        found.append(current)
        if not isinstance(current.func, ast.Attribute):
            break
        current = current.func.value
    return found


def method(call: ast.Call) -> str:
    """Return the last part of the name of what is called."""
    if isinstance(call.func, ast.Attribute):
        return call.func.attr
    return call.func.id if isinstance(call.func, ast.Name) else ""


def change(node: ast.expr, frame: Frame, site: Site) -> RowChange | None:
    """Return the change that a construct stands for: ``sa.update(t).where(…)``."""
    chain = calls_of(node)
    if not chain:
        return None
    base = chain[-1]
    origin = frame.origin(base.func)
    verb = _verb(origin.rpartition(".")[2])
    if verb is None:
        return None
    narrowing = [call for call in chain[:-1] if method(call) in _NARROWS]
    conditions = [argument for call in narrowing for argument in call.args]
    if origin.startswith("sqlalchemy."):
        subject = base.args[0] if base.args else None
    else:
        # users.update(): the condition may be its first argument.
        assert isinstance(base.func, ast.Attribute)
        subject = base.func.value
        conditions += base.args[:1]
        conditions += [i.value for i in base.keywords if i.arg == "whereclause"]
    setting = [call for call in [*chain[:-1], base] if method(call) in ("values", verb)]
    return RowChange(
        verb,
        table_of(subject, frame),
        node,
        site,
        filtered=bool(conditions) or bool(narrowing),
        written=frozenset(name for call in setting for name in _written(call)),
        tested=frozenset(_tested(conditions, frame)),
        fills=_fills(conditions, setting),
        paged=any(_has_limit(condition, frame) for condition in conditions),
        copies=any(method(call) == "from_select" for call in chain),
    )


def _query(site: Site) -> RowChange | None:
    """Return the change of ``session.query(X)….update()`` and the like."""
    verb = _verb(method(site.call))
    if (
        verb is None
        or verb == "insert"
        or not isinstance(site.call.func, ast.Attribute)
    ):
        return None
    chain = calls_of(site.call.func.value)
    subject: ast.expr | None = None
    asked = [call for call in chain if method(call) == "query"]
    if asked:
        subject = asked[-1].args[0] if asked[-1].args else None
    else:
        bottom: ast.expr = chain[-1].func if chain else site.call.func
        while isinstance(bottom, ast.Attribute) and bottom.attr != "query":
            bottom = bottom.value
        if not isinstance(bottom, ast.Attribute):
            return None
        subject = bottom.value
    narrowing = [call for call in chain if method(call) in _NARROWS]
    conditions = [argument for call in narrowing for argument in call.args]
    return RowChange(
        verb,
        table_of(subject, site.frame),
        site.call,
        site,
        filtered=bool(narrowing),
        written=frozenset(_written(site.call)),
        tested=frozenset(_tested(conditions, site.frame)),
        fills=_fills(conditions, [site.call]),
        paged=any(method(call) in ("limit", "slice") for call in chain),
    )


def table_of(node: ast.expr | None, frame: Frame) -> Table | None:
    """Return the table that an expression stands for, by the script's definitions."""
    while isinstance(node, ast.Attribute) and node.attr in ("__table__", "c"):
        node = node.value
    value, frame = frame.value(node)
    if isinstance(value, ast.Call):
        last = method(value)
        if is_table(value) and value.args:
            name = literal(value.args[0])
            schema = next((i.value for i in value.keywords if i.arg == "schema"), None)
            if isinstance(name, str):
                return Table(name, literal(schema))
        if last in ("alias", "aliased"):
            inner = value.args[:1] or [t.cast(ast.Attribute, value.func).value]
            return table_of(inner[0], frame)
    if isinstance(value, ast.Name):
        return _mapped(value.id, frame)
    return None


def _mapped(name: str, frame: Frame) -> Table | None:
    """Return the table of a mapped class that the script defines."""
    for node in frame.names.classes(name):
        for statement in node.body:
            if isinstance(statement, ast.Assign):
                if getattr(statement.targets[0], "id", "") == "__tablename__":
                    found = literal(statement.value)
                    return Table(found) if isinstance(found, str) else None
    return None


def _verb(name: str) -> Verb | None:
    return t.cast(Verb, name) if name in ("update", "delete", "insert") else None


def _written(call: ast.Call) -> t.Iterator[str]:
    for item in call.keywords:
        if item.arg == "values" and isinstance(item.value, ast.Dict):
            yield from _keys(item.value)
        elif item.arg:
            yield item.arg
    for argument in call.args:
        if isinstance(argument, ast.Dict):
            yield from _keys(argument)


def _keys(node: ast.Dict) -> t.Iterator[str]:
    for key in node.keys:
        value = literal(key)
        if isinstance(value, str):
            yield value
        elif isinstance(key, ast.Attribute):
            yield key.attr


def _tested(conditions: t.Iterable[ast.expr], frame: Frame) -> t.Iterator[str]:
    """Return the columns conditions name: ``t.c.x``, ``Model.x``, ``column("x")``."""
    for condition in conditions:
        nodes = list(followed(condition, frame))
        methods = {id(node.func) for node in nodes if isinstance(node, ast.Call)}
        for node in nodes:
            if isinstance(node, ast.Attribute):
                if id(node) not in methods and node.attr not in ("c", "columns"):
                    yield node.attr
            elif isinstance(node, ast.Call) and method(node) in _COLUMNS:
                value = literal(node.args[0]) if node.args else None
                if isinstance(value, str):
                    yield value
            elif isinstance(node, ast.Subscript):
                value = literal(node.slice)
                if isinstance(value, str):
                    yield value


def followed(node: ast.AST, frame: Frame, depth: int = 0) -> t.Iterator[ast.AST]:
    """Walk an expression, and the expressions that its names stand for."""
    for inner in ast.walk(node):
        yield inner
        if isinstance(inner, ast.Name) and depth < 5:
            value, inside = frame.value(inner)
            if value is not None and value is not inner and not is_table(value):
                yield from followed(value, inside, depth + 1)


def is_table(node: ast.expr) -> bool:
    """Tell whether an expression defines a table."""
    return isinstance(node, ast.Call) and method(node) in _TABLES


def _fills(conditions: t.Sequence[ast.expr], setting: t.Iterable[ast.Call]) -> bool:
    if len(conditions) != 1:
        return False
    column = _null_column(conditions[0])
    return column is not None and any(column in _written(call) for call in setting)


def _null_column(node: ast.expr) -> str | None:
    """Return the column that a condition asks to be NULL, if it is all it asks."""
    subject: ast.expr | None = None
    if isinstance(node, ast.Call) and method(node) in ("is_", "isnot_distinct_from"):
        if isinstance(node.func, ast.Attribute) and _is_null(node.args[:1]):
            subject = node.func.value
    elif isinstance(node, ast.Compare) and isinstance(node.ops[0], ast.Eq | ast.Is):
        subject = node.left if _is_null(node.comparators) else None
    if isinstance(subject, ast.Attribute):
        return subject.attr
    if isinstance(subject, ast.Call) and subject.args and method(subject) in _COLUMNS:
        name = literal(subject.args[0])
        return name if isinstance(name, str) else None
    return None


def _is_null(nodes: t.Sequence[ast.expr]) -> bool:
    if len(nodes) != 1:
        return False
    node = nodes[0]
    if isinstance(node, ast.Constant):
        return node.value is None
    return isinstance(node, ast.Call) and method(node) == "null"


def _has_limit(node: ast.expr, frame: Frame) -> bool:
    return any(
        isinstance(inner, ast.Call) and method(inner) in ("limit", "slice")
        for inner in followed(node, frame)
    )
