"""Loops in migrations: over the rows of a query, over its pages, and without end."""

from __future__ import annotations

import ast
import typing as t

from . import statements
from .reach import Frame
from .reach import Site
from .rows import RowChange
from .rows import calls_of
from .rows import change as change_of
from .rows import followed
from .rows import method

if t.TYPE_CHECKING:
    from .script import Direction
    from .script import Script

_ASKED = frozenset({"execute", "query", "scalars", "select", "exec_driver_sql"})
_OF_QUERIES = frozenset({"filter", "limit", "order_by", "query", "select", "where"})
# What hands on the rows of its first argument, one by one.
_PASS_ON = frozenset(
    {"enumerate", "iter", "list", "reversed", "set", "sorted", "tqdm", "tuple", "zip"}
)
_CATALOGS = ("information_schema", "pg_", "sqlite_master", "alembic_version")


def row_loop(site: Site) -> ast.For | None:
    """Return the loop around a call that takes the rows of a query one by one."""
    for loop in site.loops:
        if isinstance(loop, ast.For) and _over_rows(loop, site.frame):
            return loop
    return None


def assigning_loops(
    direction: Direction,
) -> t.Iterator[tuple[ast.For, ast.Attribute]]:
    """Return the loops over a query that set an attribute of each object."""
    for loop, frame in direction.reached.loops:
        if isinstance(loop, ast.For) and isinstance(loop.target, ast.Name):
            target = _assigned(loop, loop.target.id)
            if target is not None and _over_rows(loop, frame):
                yield loop, target


def flushing_loops(direction: Direction) -> t.Iterator[tuple[ast.For, ast.Call]]:
    """Return the loops over a query that send a session's objects at each turn."""
    for loop, frame in direction.reached.loops:
        if not isinstance(loop, ast.For) or not _over_rows(loop, frame):
            continue
        for node in loop.body:
            # Not what is behind an if, which may be once for a thousand rows.
            if isinstance(node, ast.Expr) and isinstance(node.value, ast.Call):
                if _sends(node.value):
                    yield loop, node.value
                    break


def offset_pages(direction: Direction) -> t.Iterator[ast.expr]:
    """Return what pages by OFFSET within a loop."""
    for site in direction.sites:
        if site.loops and method(site.call) == "offset" and site.call.args:
            if not isinstance(site.call.args[0], ast.Constant) and _is_query(site):
                yield site.call
    for sql in direction.sql:
        if not sql.parsed or not sql.written.site.loops:
            continue
        if statements.pages(sql.parsed):
            yield sql.written.node


def endless(direction: Direction) -> t.Iterator[RowChange]:
    """Return the updates in a loop that find the same rows at each turn."""
    looping = [
        change
        for change in direction.rows
        if any(isinstance(loop, ast.While) for loop in change.site.loops)
    ]
    for change in looping:
        others = [c for c in looping if c.site.loops[-1] is change.site.loops[-1]]
        if change.verb != "update" or len(others) > 1:
            continue
        if not (change.limited or change.paged):
            continue
        known = bool(change.written and change.tested)
        if known and not change.written & change.tested and not _varies(change):
            yield change


def unverifiable(script: Script) -> t.Iterator[RowChange]:
    """Return the updates of backfills whose check cannot hold."""
    if not any(x.module.startswith("flask_datamigrate") for x in script.names.imports):
        return
    top = Frame(None, {}, None, script.names)
    for node in ast.walk(script.source.tree):
        if not isinstance(node, ast.Call) or not node.args:
            continue
        if not top.origin(node.func).startswith("flask_datamigrate."):
            continue
        if method(node) != "Backfill":
            continue
        if {item.arg for item in node.keywords} & {"verify", "atomic", None}:
            continue
        statement, frame = top.value(node.args[0])
        site = Site(node, frame, (), False)
        change = change_of(statement, frame, site) if statement else None
        if change is None or change.verb != "update":
            continue
        known = bool(change.written and change.tested)
        if known and not change.written & change.tested:
            yield change


def _over_rows(loop: ast.For, frame: Frame) -> bool:
    for place in _frames(frame):
        value, inside = place.value(loop.iter)
        if value is not None and _asks(value, inside):
            return True
    return False


def _frames(frame: Frame | None) -> t.Iterator[Frame]:
    """Return a frame and its callers: the loop may be around a helper's call."""
    while frame is not None:
        yield frame
        frame = frame.caller


def _asks(value: ast.expr, frame: Frame) -> bool:
    """Tell whether an expression is the rows of a query."""
    chain = calls_of(value)
    if not chain or any(method(call) == "partitions" for call in chain):
        return False
    if method(chain[0]) in _PASS_ON and chain[0].args:
        inner, inside = frame.value(chain[0].args[0])
        return inner is not None and _asks(inner, inside)
    names = {method(call) for call in chain}
    asked = bool(names & _ASKED)
    bottom: ast.expr = chain[-1].func
    while isinstance(bottom, ast.Attribute):
        asked |= bottom.attr == "query"
        bottom = bottom.value
    if not asked and isinstance(bottom, ast.Name):
        inner, inside = frame.value(bottom)
        return isinstance(inner, ast.Call) and _asks(inner, inside)
    return asked and not _of_catalog(value, frame)


def _of_catalog(value: ast.expr, frame: Frame) -> bool:
    """Tell whether a query asks what tables there are, and not for rows of one."""
    return any(
        isinstance(node, ast.Constant)
        and isinstance(node.value, str)
        and any(name in node.value.lower() for name in _CATALOGS)
        for node in followed(value, frame)
    )


def _is_query(site: Site) -> bool:
    """Tell whether a call is a part of a query, by the calls before it."""
    names = {method(call) for call in calls_of(site.call)}
    base: ast.expr = calls_of(site.call)[-1].func
    while isinstance(base, ast.Attribute):
        base = base.value
    value, _ = site.frame.value(base)
    if isinstance(value, ast.Call):
        names |= {method(call) for call in calls_of(value)}
    called_so = isinstance(base, ast.Name) and "query" in base.id.lower()
    return bool(names & _OF_QUERIES) or called_so


def _assigned(loop: ast.For, name: str) -> ast.Attribute | None:
    for node in ast.walk(loop):
        targets: list[ast.expr] = []
        if isinstance(node, ast.Assign):
            targets = node.targets
        elif isinstance(node, ast.AugAssign):
            targets = [node.target]
        for target in targets:
            if isinstance(target, ast.Attribute) and isinstance(target.value, ast.Name):
                if target.value.id == name:
                    return target
    return None


def _sends(call: ast.Call) -> bool:
    return (
        isinstance(call.func, ast.Attribute)
        and call.func.attr in ("commit", "flush")
        and "session" in ast.unparse(call.func.value).lower()
    )


def _varies(change: RowChange) -> bool:
    """Tell whether a statement has something in it that the loop may change."""
    loop = change.site.loops[-1]
    bound = {
        node.id
        for node in ast.walk(loop)
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)
    }
    run, frame = change.site.call, change.site.frame
    names = {
        node.id
        for node in followed(run, frame)
        if isinstance(node, ast.Name) and frame.value(node)[0] is node
    }
    return bool(bound & names) or len(run.args) > 1
