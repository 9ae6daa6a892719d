"""SQL that is written as text."""

from __future__ import annotations

import ast
import re
import typing as t

from .. import features
from ..findings import Finding
from ..findings import Severity
from ..fixed import is_fixed
from ..project import Project
from ..script import Script
from ..script import Sql
from ..sqltext import Hole
from .base import Rule

_PRODUCTS = {
    "postgresql": "PostgreSQL",
    "mysql": "MySQL and MariaDB",
    "sqlite": "SQLite",
}


class OneDialect(Rule):
    """SQL that a database of the project does not understand."""

    id = "DM110"
    title = "SQL of one dialect"
    severity = Severity.WARNING
    breaks = (
        "The statement is a syntax error, or means something else, on another database "
        "of the project: most often the SQLite of the tests, where the migration then "
        "is never tried. Which databases those are is read from the app's URLs, or "
        "from "
        '`DATAMIGRATE_LINT = {"dialects": ["postgresql", "sqlite"]}`. What stands '
        "behind an `if` on the dialect, or in `sn.branch`, is not reported."
    )
    wrong = """
def upgrade():
    op.execute("UPDATE users SET domain = split_part(email, '@', 2)")
"""
    right = """
def upgrade():
    op.execute(sa.update(users).values(domain=sn.split_part(users.c.email, "@", 2)))
"""

    def check(self, script: Script, project: Project) -> t.Iterator[Finding]:
        for direction in (script.up, script.down):
            for sql in direction.sql:
                if sql.written.site.guarded:
                    continue
                found = next(features.foreign(sql.written.text, project.dialects), None)
                if found is None:
                    continue
                feature, dialect = found
                product = _PRODUCTS[dialect]
                known = ", ".join(_PRODUCTS[name] for name in sorted(feature.known))
                instead = [feature.instead] if feature.instead else []
                yield self.finding(
                    script,
                    sql.written.node,
                    f"{product} does not know {feature.name}, which {known} has, and "
                    "this migration runs there too",
                    *instead,
                    "# or another SQL for each database:",
                    *(
                        f"op.execute(sn.branch({name}=…, default=…))"
                        for name in sorted(feature.known)[:1]
                    ),
                )


class LimitedChange(Rule):
    """LIMIT in an UPDATE or a DELETE."""

    id = "DM122"
    title = "LIMIT in UPDATE or DELETE"
    severity = Severity.WARNING
    breaks = (
        "PostgreSQL does not know it, SQLite is most often built without it, and on "
        "MySQL and MariaDB it takes rows in no particular order: a batch like this "
        "reads all rows that are done already before it finds one, so that the whole "
        "takes four to five times as long as pages by the key."
    )
    wrong = """
def upgrade():
    op.execute("DELETE FROM events WHERE old LIMIT 1000")
"""
    right = """
backfill = Backfill(sa.delete(events).where(events.c.old))

def upgrade():
    op.backfill(backfill)
"""

    def check(self, script: Script, project: Project) -> t.Iterator[Finding]:
        for direction in (script.up, script.down):
            for change in direction.rows:
                if not change.limited:
                    continue
                verb = change.verb.upper()
                yield self.finding(
                    script,
                    change.node,
                    f"PostgreSQL and most builds of SQLite do not know {verb} … LIMIT, "
                    "and MySQL reads past every row that is done to find the next",
                    f"backfill = Backfill(sa.{change.verb}(…).where(…))",
                    "# in upgrade(): op.backfill(backfill)",
                    table=change.table,
                )


class FormattedSql(Rule):
    """Data that is formatted into SQL."""

    id = "DM123"
    title = "values formatted into SQL"
    severity = Severity.WARNING
    breaks = (
        "A value with a quote in it (O'Brien) ends the literal: the statement is a "
        "syntax error, or, with a value that somebody chose for it, another statement. "
        "Names of tables, constants, and values from a list in the script are not "
        "reported."
    )
    wrong = """
def upgrade():
    for name, slug in rows:
        op.execute(f"UPDATE users SET slug = '{slug}' WHERE name = '{name}'")
"""
    right = """
def upgrade():
    for name, slug in rows:
        op.execute(
            sa.text("UPDATE users SET slug = :slug WHERE name = :name")
            .bindparams(slug=slug, name=name)
        )
"""

    def check(self, script: Script, project: Project) -> t.Iterator[Finding]:
        for direction in (script.up, script.down):
            for sql in direction.sql:
                values = [hole for hole in sql.written.holes if _is_value(sql, hole)]
                values = [hole for hole in values if not is_fixed(hole, sql.written)]
                if not values:
                    continue
                names = [_parameter(hole) for hole in values]
                given = [
                    f"{name}={ast.unparse(hole.node)}"
                    for name, hole in zip(names, values, strict=True)
                ]
                yield self.finding(
                    script,
                    sql.written.node,
                    f"{ast.unparse(values[0].node)} becomes part of the SQL: a quote "
                    "in it ends the text, and the statement fails or does something "
                    "else",
                    "op.execute(",
                    f'    sa.text("… :{names[0]} …").bindparams({", ".join(given)})',
                    ")",
                )


_BEFORE_VALUE = re.compile(
    r"(?:[=<>]|\blike|\bin\s*\(|\bvalues\s*\([^()]*|\bthen|\belse|,)\s*$", re.IGNORECASE
)


def _is_value(sql: Sql, hole: Hole) -> bool:
    """Tell whether a hole stands where a value does, and not a name or a keyword."""
    before, _, _ = sql.written.text.partition(hole.name)
    if before.count("'") % 2:
        return True
    if re.match(r"\s*(?:select|create|alter|drop)\b", before, re.IGNORECASE):
        return False
    found = _BEFORE_VALUE.search(before)
    # A comma is between values only behind VALUES or IN.
    return found is not None and (
        found[0].strip() != ","
        or re.search(r"(?i)\b(?:values|in)\s*\(", before) is not None
    )


def _parameter(hole: Hole) -> str:
    name = re.split(r"\W+", ast.unparse(hole.node).rstrip(")]'\""))[-1]
    return name if name.isidentifier() else "value"
