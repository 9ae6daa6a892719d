"""How the database would run the statements of a batch: which tables it reads whole."""

from __future__ import annotations

import contextlib
import dataclasses
import json
import re
import typing as t

import sqlalchemy as sa
from sqlalchemy import event
from sqlalchemy.sql import operators
from sqlalchemy.sql import visitors

from ..dialects import family
from . import estimates
from .definition import Backfill
from .jobs import Delete
from .jobs import Insert
from .jobs import Rows

SMALL = 10_000
"""Up to this many rows a scan for each batch costs less than to speak of, and the
database may well choose one although there is an index."""

_EXPLAINED = re.compile(r"\s*(SELECT|UPDATE|DELETE|INSERT|WITH)\b", re.IGNORECASE)

_Run: t.TypeAlias = "tuple[str, t.Any]"


@dataclasses.dataclass(frozen=True, slots=True)
class Scan:
    """A table that is read whole for each batch.

    :param rows: how many it has, as the database estimates it.
    :param columns: what an index against it would be on; none when that is not known.
    """

    table: str
    rows: int
    columns: tuple[str, ...]

    @property
    def index(self) -> str | None:
        """The operation that makes that index."""
        if not self.columns:
            return None
        name = "_".join(["ix", self.table, *self.columns])[:60]
        columns = ", ".join(f'"{column}"' for column in self.columns)
        return f'op.create_index_online("{name}", "{self.table}", [{columns}])'


@contextlib.contextmanager
def recorded(connection: sa.Connection) -> t.Iterator[list[_Run]]:
    """Collect the statements that are run in a block, with their values."""
    found: list[_Run] = []

    def record(
        _: t.Any, cursor: t.Any, sql: str, values: t.Any, context: t.Any, many: bool
    ) -> None:
        if _EXPLAINED.match(sql):
            found.append((sql, values[0] if many and values else values))

    event.listen(connection, "before_cursor_execute", record)
    try:
        yield found
    finally:
        event.remove(connection, "before_cursor_execute", record)


def scans(
    connection: sa.Connection,
    backfill: Backfill,
    statements: t.Iterable[_Run],
    *,
    whole: bool,
) -> tuple[Scan, ...]:
    """Return the larger tables that statements read whole.

    :param statements: what :func:`recorded` collected.
    :param whole: whether they are of the first batch, for which the database may
        well begin to read its table without a search.
    """
    read = _READ[family(connection.dialect)]
    names = {name for run in statements for name in read(connection, *run)}
    found = []
    for table in _tables(backfill):
        if table.name not in names or (whole and table is backfill.table):
            continue
        rows, _ = estimates.rows(connection, table)
        if rows is not None and rows > SMALL:
            found.append(Scan(table.name, rows, _wanted(backfill, table)))
    return tuple(found)


def _on_postgresql(
    connection: sa.Connection, sql: str, values: t.Any
) -> t.Iterator[str]:
    plan = connection.exec_driver_sql(f"EXPLAIN (FORMAT JSON) {sql}", values).scalar()
    todo = [json.loads(plan) if isinstance(plan, str) else plan]
    while todo:
        node = todo.pop()
        if isinstance(node, list):
            todo += node
        elif isinstance(node, dict):
            if node.get("Node Type") == "Seq Scan":
                yield str(node["Relation Name"])
            todo += [value for value in node.values() if isinstance(value, dict | list)]


def _on_mysql(connection: sa.Connection, sql: str, values: t.Any) -> t.Iterator[str]:
    # An alias is shown in the place of its table.
    aliases = {
        alias: name
        for name, alias in re.findall(r"`?(\w+)`?\s+AS\s+`?(\w+)`?", sql, re.IGNORECASE)
    }
    for row in connection.exec_driver_sql(f"EXPLAIN {sql}", values).mappings():
        if row["type"] in ("ALL", "index") and row["table"]:
            yield aliases.get(row["table"], row["table"])


def _on_sqlite(connection: sa.Connection, sql: str, values: t.Any) -> t.Iterator[str]:
    rows = connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {sql}", values)
    for row in rows:
        # https://www.sqlite.org/eqp.html: "SCAN t" or "SCAN t USING INDEX i"; the
        # first column of the key in order, with a limit, is no scan of the table.
        found = re.match(r"SCAN (?:TABLE )?(\w+)(?! USING)(?: AS \w+)?$", row[3])
        if found:
            yield found[1]


_READ: dict[str, t.Callable[[sa.Connection, str, t.Any], t.Iterator[str]]] = {
    "postgresql": _on_postgresql,
    "mysql": _on_mysql,
    "sqlite": _on_sqlite,
}


def _tables(backfill: Backfill) -> list[sa.Table]:
    """Return the tables that a backfill reads and writes."""
    found: dict[int, sa.Table] = {id(backfill.table): backfill.table}
    for part in _parts(backfill):
        for element in visitors.iterate(part):
            if isinstance(element, sa.Table):
                found[id(element)] = element
            elif isinstance(element, sa.Column) and isinstance(element.table, sa.Table):
                found[id(element.table)] = element.table
    return list(found.values())


def _parts(backfill: Backfill) -> list[t.Any]:
    job = backfill.job
    if isinstance(job, Rows):
        return [] if job.where is None else [job.where]
    if isinstance(job, Insert):
        return [job.statement.select]
    if isinstance(job, Delete) or job.joined is None:
        return [job.statement]
    return [job.joined.update]


def _wanted(backfill: Backfill, table: sa.Table) -> tuple[str, ...]:
    """Return the columns by which a batch looks rows of a table up."""
    if table is backfill.table:
        return tuple(column.name for column in backfill.key)
    columns: dict[str, None] = {}
    for part in _parts(backfill):
        for element in visitors.iterate(part):
            if isinstance(element, sa.BinaryExpression) and (
                element.operator is operators.eq
            ):
                for side in (element.left, element.right):
                    if isinstance(side, sa.Column) and side.table is table:
                        columns[side.name] = None
    return tuple(columns)
