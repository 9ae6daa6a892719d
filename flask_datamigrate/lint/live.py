"""What a live database says of the tables that findings are about."""

from __future__ import annotations

import dataclasses
import typing as t

import sqlalchemy as sa

from ..backfill import estimates
from ..counting import counted
from ..dialects import family
from .findings import Finding
from .findings import Severity
from .findings import Table
from .linter import Report

HARMLESS: t.Mapping[tuple[str, str], str] = {
    ("DM115", "mysql"): "InnoDB lets others write while it builds an index",
}
"""The findings that a kind of database makes harmless, and why."""


@dataclasses.dataclass(frozen=True, slots=True)
class Known:
    """A table in a database.

    :param rows: how many it has; ``None`` when that cannot be told.
    :param server: the database, with its version.
    :param family: its kind.
    """

    rows: int | None
    server: str
    family: str


def ask(connection: sa.Connection, tables: t.Iterable[Table]) -> dict[Table, Known]:
    """Return what a database knows of those of the tables that it has."""
    inspector = sa.inspect(connection)
    found: dict[Table, Known] = {}
    for table in tables:
        if not inspector.has_table(table.name, schema=table.schema):
            continue
        there = sa.Table(table.name, sa.MetaData(), schema=table.schema)
        rows, _ = estimates.rows(connection, there)
        found[table] = Known(rows, _server(connection), family(connection.dialect))
    return found


def sharpen(report: Report, known: t.Mapping[Table, Known], small: int) -> Report:
    """Weigh findings by the tables as they are.

    What is harmless on a small table becomes a note there, and an error on a larger
    one; a table that is not known leaves a finding as it is.

    :param small: the most rows of a small table.
    """
    findings = tuple(_weighed(x, known, small) for x in report.findings)
    return dataclasses.replace(report, findings=findings)


def _weighed(finding: Finding, known: t.Mapping[Table, Known], small: int) -> Finding:
    facts = known.get(finding.table) if finding.table else None
    if facts is None or not finding.size_matters:
        return finding
    why = HARMLESS.get((finding.rule, facts.family))
    if why is not None:
        return _changed(finding, Severity.NOTE, f"{why} ({facts.server})")
    if facts.rows is None:
        return finding
    severity = Severity.NOTE if facts.rows <= small else Severity.ERROR
    has = f"{finding.table} has {counted(facts.rows, 'row')} now ({facts.server})"
    return _changed(finding, severity, has)


def _changed(finding: Finding, severity: Severity, more: str) -> Finding:
    return dataclasses.replace(
        finding, severity=severity, message=f"{finding.message}; {more}"
    )


def _server(connection: sa.Connection) -> str:
    dialect = connection.dialect
    names = {"postgresql": "PostgreSQL", "mysql": "MySQL", "sqlite": "SQLite"}
    name = names[family(dialect)]
    if getattr(dialect, "is_mariadb", False):
        name = "MariaDB"
    version = ".".join(str(part) for part in dialect.server_version_info or ())
    return f"{name} {version}".strip()
