"""The tables this package keeps: there, and of this release's layout."""

from __future__ import annotations

import typing as t

import sqlalchemy as sa

from ...backfill.tables import tables
from ...operations import naming
from ...stages import beats
from ...stages import marks
from ..check import Check
from ..findings import Finding
from ..subjects import Patient


def look(patient: Patient) -> t.Iterator[Finding]:
    schema = patient.place.schema
    own = tables(schema)
    # Made together, the others when they are needed.
    together = [one for one in own.metadata.tables.values() if one is not own.lock]
    others = [
        own.lock,
        beats.table(schema),
        *marks.tables(schema).metadata.tables.values(),
    ]
    there = [table for table in together if table.name in patient.tables]
    for table in together if there else ():
        if table not in there:
            create = _sql(patient, sa.schema.CreateTable(table))
            yield Finding(
                "problem",
                f"the state table {table.name} is missing, beside others that are "
                "there: every command for backfills fails",
                f"Bring it back from a backup, or make it anew: {create}",
            )
    for table in [*there, *others]:
        if table.name in patient.tables:
            yield from _older(patient, table)
    if not there:
        yield from _forgotten(patient)


def _older(patient: Patient, table: sa.Table) -> t.Iterator[Finding]:
    inspector = sa.inspect(patient.connection)
    columns = inspector.get_columns(table.name, table.schema)
    known = {column["name"] for column in columns}
    for column in table.columns:
        if column.name not in known:
            yield Finding(
                "problem",
                f"the state table {table.name} is of an older layout: it has no "
                f"column {column.name}",
                _added(patient, column),
            )


def _added(patient: Patient, column: sa.Column[t.Any]) -> str:
    """Return what adds a column to a table with rows."""
    table = column.table
    name = patient.quoted(table.name, table.schema)
    if column.primary_key:
        return (
            "Let every backfill end with the release that made it, or give it up "
            f"there (flask db data cancel); then DROP TABLE {name}, and make it anew: "
            f"{_sql(patient, sa.schema.CreateTable(table))}"
        )
    return f"ALTER TABLE {name} ADD COLUMN {_definition(patient, column)}"


def _definition(patient: Patient, column: sa.Column[t.Any]) -> str:
    """Return a column as ALTER TABLE adds it to rows that are there."""
    if column.nullable:
        return _sql(patient, sa.schema.CreateColumn(column))
    empty: sa.ColumnElement[t.Any] | sa.TextClause = sa.text("0")
    if column.type.python_type is bool:
        empty = sa.false()
    elif column.type.python_type is str:
        empty = sa.text("''")
    filled = sa.Column(column.name, column.type, nullable=False, server_default=empty)
    sa.Table(column.table.name, sa.MetaData(), filled)
    return _sql(patient, sa.schema.CreateColumn(filled))


def _sql(patient: Patient, element: sa.ClauseElement) -> str:
    return " ".join(str(element.compile(patient.connection)).split())


def _forgotten(patient: Patient) -> t.Iterator[Finding]:
    """Find revisions with backfills that are applied, and that nobody ever ran here."""
    tree = patient.project.tree
    applied = [
        revision
        for revision in sorted(patient.applied)
        if naming.backfills_of(tree.get_revision(revision))
    ]
    if applied:
        yield Finding(
            "note",
            "there are no state tables, though revisions with backfills are applied "
            f"({', '.join(applied)}): they were stamped, or the tables were dropped",
            "See that their rows are done; to run one after all, flask db stamp the "
            "revision before it, then flask db upgrade",
        )


CHECK = Check("state tables", "as they should be", look)
