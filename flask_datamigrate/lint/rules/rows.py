"""Statements that change rows."""

from __future__ import annotations

import ast
import typing as t

from .. import queries
from ..findings import Finding
from ..findings import Severity
from ..project import Project
from ..rows import RowChange
from ..schema import Kind
from ..script import Script
from .base import Rule
from .base import variable


class WholeTable(Rule):
    """One statement over every row of a table."""

    id = "DM103"
    title = "one statement over a whole table"
    severity = Severity.WARNING
    size_matters = True
    breaks = (
        "One statement over all rows keeps every row it has changed locked until the "
        "migration ends. On a table of a million rows that is seconds to minutes in "
        "which requests that write to the table wait, and time out; when it is killed "
        "half way, all of it is rolled back and begins anew."
    )
    wrong = """
def upgrade():
    op.execute("UPDATE users SET active = true")
"""
    right = """
users = frozen.table(
    "users",
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("active", sa.Boolean),
)
backfill = Backfill(sa.update(users).values(active=True))

def upgrade():
    op.backfill(backfill)
"""

    def check(self, script: Script, project: Project) -> t.Iterator[Finding]:
        for change in script.up.rows:
            if change.verb == "insert" or (change.filtered and not change.fills):
                continue
            if change.limited or change.paged or script.up.is_new(change.table):
                continue
            rows = f"every row of {change.table or 'the table'}"
            if change.fills and not _fills_all(script, change):
                rows += f" in which {_filled(change)} is NULL"
            yield self.finding(
                script,
                change.node,
                f"this {change.verb.upper()} takes {rows} in one statement and keeps "
                "them locked until the migration ends; when that is a million rows, "
                "writing requests wait for it and time out",
                *_backfill(change),
                table=change.table,
            )


class RowByRow(Rule):
    """A statement for each row of a query."""

    id = "DM104"
    title = "row by row"
    severity = Severity.WARNING
    size_matters = True
    breaks = (
        "A statement for each row costs a round trip for each row: ten to thirty times "
        "what one statement for a batch of rows takes, with all rows in memory, and "
        "the changed ones locked, until the end."
    )
    wrong = """
def upgrade():
    connection = op.get_bind()
    for row in connection.execute(sa.select(users)):
        connection.execute(
            sa.update(users).where(users.c.id == row.id).values(score=score(row))
        )
"""
    right = """
def new_values(row):
    return {"score": score(row)}

backfill = Backfill.rows(users, new_values, reads=["full_name"], writes=["score"])

def upgrade():
    op.backfill(backfill)
"""

    def check(self, script: Script, project: Project) -> t.Iterator[Finding]:
        seen: set[ast.AST] = set()
        for change in script.up.rows:
            loop = queries.row_loop(change.site)
            if loop is None or loop in seen or script.up.is_new(change.table):
                continue
            seen.add(loop)
            name = str(change.table) if change.table else "the table"
            yield self.finding(
                script,
                change.node,
                f"this {change.verb.upper()} runs once for each row of the query in "
                f"line {loop.iter.lineno}: a round trip a row, ten to thirty times the "
                f"time of a batch, and what it changed in {name} stays locked to the "
                "end",
                *_rows(change),
                table=change.table,
            )
        for loop, target in queries.assigning_loops(script.up):
            if loop not in seen:
                seen.add(loop)
                yield self.finding(
                    script,
                    target,
                    "an attribute is set on each object of the query in line "
                    f"{loop.iter.lineno}: all of them are loaded into memory, and "
                    "written back with one statement a row",
                    "def new_values(row):",
                    f'    return {{"{target.attr}": …}}',
                    "",
                    "backfill = Backfill.rows(table, new_values, reads=[…], "
                    f'writes=["{target.attr}"])',
                )
        for loop, call in queries.flushing_loops(script.up):
            if loop not in seen:
                seen.add(loop)
                yield self.finding(
                    script,
                    call,
                    "what is in the session is sent once for each row of the query in "
                    f"line {loop.iter.lineno}: a round trip a row, ten to thirty times "
                    "the time of a batch",
                    "# for rows that follow from others: one statement",
                    "sa.insert(new).from_select([…], sa.select(…))",
                    "# for values that Python computes:",
                    "backfill = Backfill.rows(table, new_values, reads=[…], "
                    "writes=[…])",
                )


class OffsetPaging(Rule):
    """Pages of a query that are found by OFFSET."""

    id = "DM105"
    title = "paging by OFFSET"
    severity = Severity.WARNING
    size_matters = True
    breaks = (
        "OFFSET reads and throws away all rows of the pages before: each page is "
        "slower than the last, and the whole takes a time that grows with the square "
        "of the table. When rows leave the query because they were changed, the pages "
        "shift, and rows are skipped."
    )
    wrong = """
def upgrade():
    offset = 0
    while True:
        rows = connection.execute(sa.select(users).limit(1000).offset(offset)).all()
        ...
        offset += 1000
"""
    right = """
last = 0
while True:
    rows = connection.execute(
        sa.select(users).where(users.c.id > last).order_by(users.c.id).limit(1000)
    ).all()
    ...
    last = rows[-1].id
# or, with the position kept after a crash: op.backfill(Backfill.rows(users, ...))
"""

    def check(self, script: Script, project: Project) -> t.Iterator[Finding]:
        for direction in (script.up, script.down):
            for node in queries.offset_pages(direction):
                yield self.finding(
                    script,
                    node,
                    "OFFSET in a loop reads all earlier pages again for each page, and "
                    "skips rows when changed rows leave the query",
                    "# page by the key: remember the last one, and ask for what "
                    "follows",
                    ".where(table.c.id > last).order_by(table.c.id).limit(1000)",
                    "# or let op.backfill(…) do the paging",
                )


class NeverClears(Rule):
    """Batches that always find the same rows."""

    id = "DM106"
    title = "condition that never clears"
    severity = Severity.ERROR
    breaks = (
        "A loop that takes the next rows by a condition ends when no row meets it any "
        "more. When the statement does not set a column of the condition, and no key "
        "is remembered, every turn finds the same rows: the migration never ends. A "
        "`Backfill` has its position in the key and would end, but its check, that no "
        "row matches the `where` any more, fails at the first batch."
    )
    wrong = """
def upgrade():
    while connection.execute(sa.text(
        "UPDATE users SET score = 0 WHERE id IN "
        "(SELECT id FROM users WHERE active LIMIT 1000)"
    )).rowcount:
        pass
"""
    right = """
# A column that is set is part of the condition:
sa.update(users).where(users.c.score.is_(None)).values(score=0)
# or, in a Backfill whose condition is meant to stay:
Backfill(sa.update(users).where(users.c.active).values(score=0), verify=False)
"""

    def check(self, script: Script, project: Project) -> t.Iterator[Finding]:
        for direction in (script.up, script.down):
            for change in queries.endless(direction):
                written = ", ".join(sorted(change.written))
                tested = sorted(change.tested)
                yield self.finding(
                    script,
                    change.node,
                    f"each turn of the loop sets {written} of the same rows: the "
                    "condition does not ask for it, and no key is remembered, so the "
                    "migration never ends",
                    "# ask for what is still to do",
                    f".where({variable(change.table)}.c.{sorted(change.written)[0]}"
                    ".is_(None))",
                    "# or let op.backfill(Backfill(…, verify=False)) page by the key",
                    table=change.table,
                )
        for change in queries.unverifiable(script):
            tested = sorted(change.tested)
            written = ", ".join(sorted(change.written))
            yield self.finding(
                script,
                change.node,
                f"the backfill sets {written}, which its where does not ask for, so "
                "rows still match after they were changed and the check after the "
                f"first batch fails; its where names {', '.join(tested)}",
                "# where the condition is meant to stay:",
                "Backfill(…, verify=False)",
                "# or ask for what is still to do:",
                f".where({variable(change.table)}.c.{sorted(change.written)[0]}"
                ".is_(None))",
                table=change.table,
            )


def _filled(change: RowChange) -> str:
    """Return the column that a change fills where it is NULL."""
    return min(change.written & change.tested)


def _fills_all(script: Script, change: RowChange) -> bool:
    """Tell whether the column that a change fills is added here, and NULL in all."""
    column = _filled(change)
    added = any(
        made.kind is Kind.ADD_COLUMN
        and made.table == change.table
        and made.name == column
        for made in script.up.schema
    )
    others = (x for x in script.up.rows if x is not change and x.table == change.table)
    return added and not any(column in other.written for other in others)


def _backfill(change: RowChange) -> t.Iterator[str]:
    table = variable(change.table)
    name = change.table.name if change.table else "table"
    yield from _frozen(table, name, change.written)
    if change.verb == "delete":
        yield f"backfill = Backfill(sa.delete({table}))"
    else:
        values = ", ".join(f"{column}=…" for column in sorted(change.written)) or "…"
        condition = ""
        if change.fills:
            condition = f".where({table}.c.{_filled(change)}.is_(None))"
        yield f"backfill = Backfill(sa.update({table}){condition}.values({values}))"
    yield "# in upgrade(): op.backfill(backfill)"


def _rows(change: RowChange) -> t.Iterator[str]:
    table = variable(change.table)
    columns = sorted(change.written) or ["column"]
    yield "def new_values(row):"
    yield "    return {" + ", ".join(f'"{name}": …' for name in columns) + "}"
    yield ""
    listed = ", ".join(f'"{name}"' for name in columns)
    yield f"backfill = Backfill.rows({table}, new_values, reads=[…], writes=[{listed}])"
    yield "# in upgrade(): op.backfill(backfill)"


def _frozen(table: str, name: str, columns: t.Collection[str]) -> t.Iterator[str]:
    option = f" --columns {','.join(sorted(columns))}" if columns else ""
    yield f"{table} = frozen.table(…)  # print it: flask db data freeze {name}{option}"
