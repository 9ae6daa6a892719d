"""Transactions that a migration ends, or holds too long."""

from __future__ import annotations

import ast
import typing as t

from .. import statements
from ..findings import Finding
from ..findings import Severity
from ..project import Project
from ..reach import Site
from ..rows import RowChange
from ..rows import method
from ..schema import Kind
from ..schema import SchemaChange
from ..schema import directive
from ..script import Direction
from ..script import Script
from .base import Rule


class SchemaBesideData(Rule):
    """DDL and a change of rows in one revision."""

    id = "DM107"
    title = "schema change beside data"
    severity = Severity.WARNING
    size_matters = True
    breaks = (
        "On PostgreSQL the lock of an ALTER TABLE is held until the revision ends, so "
        "nobody can read the table while the rows are changed. On MySQL and MariaDB, "
        "and on SQLite, the schema change is committed at once: when the change of "
        "the rows fails, the revision is half done, and running it again fails on the "
        "column that exists."
    )
    wrong = """
def upgrade():
    op.add_column("users", sa.Column("active", sa.Boolean))
    op.execute("UPDATE users SET active = true")
"""
    right = """
# revision 1
def upgrade():
    op.add_column("users", sa.Column("active", sa.Boolean))

# revision 2: flask db data new -m "fill active" --table users
def upgrade():
    op.backfill(backfill)
"""

    def check(self, script: Script, project: Project) -> t.Iterator[Finding]:
        schema = _live_changes(script.up)
        if not schema:
            return
        for call in _batched(script):
            yield self._beside(script, call.call, call, schema, "backfill")
            return
        for change in script.up.rows:
            if self._counts(change, script.up):
                name = f"{change.verb.upper()} of {change.table or 'a table'}"
                yield self._beside(
                    script, change.node, change.site, schema, name, change
                )
                return

    def _counts(self, change: RowChange, direction: Direction) -> bool:
        if direction.is_new(change.table):
            return False
        if change.verb == "insert":
            return change.copies
        return not change.filtered or change.fills

    def _beside(
        self,
        script: Script,
        node: ast.expr,
        site: Site,
        schema: list[SchemaChange],
        name: str,
        change: RowChange | None = None,
    ) -> Finding:
        order = {id(found): place for place, found in enumerate(script.up.sites)}
        before = [x for x in schema if order[id(x.site)] <= order[id(site)]]
        line = (before or schema)[0].node.lineno
        what = _BESIDE_EARLIER if before else _BESIDE_LATER
        return self.finding(
            script,
            node,
            f"the {name} runs in the revision that changes the schema in line {line}: "
            f"{what}",
            "# a revision of its own, written with",
            f'#   flask db data new -m "…"{_option(change)}',
            "def upgrade():",
            "    op.backfill(backfill)",
            table=change.table if change else None,
        )


_BESIDE_EARLIER = (
    "PostgreSQL keeps the table locked until both are done, and elsewhere a failure "
    "here leaves the schema change behind, on which the next try fails"
)
_BESIDE_LATER = (
    "the rows stay locked while that waits for every other transaction on its table, "
    "and MySQL and MariaDB commit the rows there, before the revision is done"
)


class ConnectionCommit(Rule):
    """``commit()`` on Alembic's own connection."""

    id = "DM108"
    title = "commit on the migration's connection"
    severity = Severity.ERROR
    breaks = (
        "The connection's transaction is Alembic's. After `op.get_bind().commit()` the "
        "version that Alembic writes last is not committed any more, and the command "
        "still says that all went well: the next upgrade runs the revision again."
    )
    wrong = """
def upgrade():
    connection = op.get_bind()
    connection.execute(sa.text("..."))
    connection.commit()
"""
    right = """
def upgrade():
    # What cannot run in a transaction:
    with op.get_context().autocommit_block():
        op.execute("ALTER TYPE status ADD VALUE 'paid'")
    # What is to be committed in batches: op.backfill(backfill)
"""

    def check(self, script: Script, project: Project) -> t.Iterator[Finding]:
        for direction in (script.up, script.down):
            for site in direction.sites:
                if method(site.call) == "commit" and _is_connection(site.call, site):
                    yield self.finding(
                        script,
                        site.call,
                        "this commits Alembic's own transaction: the version it writes "
                        "afterwards is lost, with exit code 0, and the next upgrade "
                        "runs this revision again",
                        *_OTHERWISE,
                    )


class OtherCommit(Rule):
    """``commit()`` on a session, or COMMIT as SQL."""

    id = "DM109"
    title = "commit in a migration"
    severity = Severity.WARNING
    breaks = (
        "A session on a connection of its own, such as `db.session`, commits beside "
        "Alembic's transaction: when the revision fails later, its changes stay, and "
        "on a table that this revision has altered it waits for Alembic's lock for "
        "ever. A session on `op.get_bind()` does not commit at all, or takes Alembic's "
        "transaction with it, by the release of SQLAlchemy and the database. After a "
        "COMMIT as SQL nothing is rolled back any more: a failure below it leaves the "
        "revision half done."
    )
    wrong = """
def upgrade():
    session = Session(bind=op.get_bind())
    session.add(...)
    session.commit()
"""
    right = """
def upgrade():
    session = Session(bind=op.get_bind())
    session.add(...)
    session.flush()  # Alembic commits
"""

    def check(self, script: Script, project: Project) -> t.Iterator[Finding]:
        for direction in (script.up, script.down):
            for site in direction.sites:
                call = site.call
                receiver = _session(call, site)
                if receiver is not None:
                    yield self.finding(
                        script,
                        call,
                        f"{receiver}.commit() does not commit what Alembic began, or "
                        "commits beside it: when the revision fails below, the rows "
                        "stay changed",
                        f"{receiver}.flush()  # Alembic commits at the end",
                        "# or, for batches that are committed: op.backfill(backfill)",
                    )
            for sql in direction.sql:
                if statements.commits(sql.written):
                    yield self.finding(
                        script,
                        sql.written.node,
                        "this ends the transaction that Alembic opened: when anything "
                        "below it fails, what is done by then stays, and the revision "
                        "is half done",
                        *_OTHERWISE,
                    )


_OTHERWISE = (
    "# what cannot run in a transaction:",
    "with op.get_context().autocommit_block():",
    "    op.execute(…)",
    "# what is to be committed in batches: op.backfill(backfill)",
)


def _is_connection(call: ast.Call, site: Site) -> bool:
    if not isinstance(call.func, ast.Attribute):
        return False
    value, frame = site.frame.value(call.func.value)
    if not isinstance(value, ast.Call):
        return False
    origin = frame.origin(value.func)
    return origin in ("alembic.op.get_bind", "alembic.op.get_context")


def _session(call: ast.Call, site: Site) -> str | None:
    """Return the session that a call commits, as it is written."""
    if method(call) != "commit" or not isinstance(call.func, ast.Attribute):
        return None
    if call.args or _is_connection(call, site):
        return None
    receiver = ast.unparse(call.func.value)
    if "session" in receiver.lower():
        return receiver
    value, _ = site.frame.value(call.func.value)
    made = method(value) if isinstance(value, ast.Call) else ""
    return receiver if "session" in made.lower() else None


def _live_changes(direction: Direction) -> list[SchemaChange]:
    """Return the schema changes, but for those of tables that are created here."""
    return [
        change
        for change in direction.schema
        if change.kind is not Kind.CREATE_TABLE
        and change.table is not None
        and not direction.is_new(change.table)
    ]


def _batched(script: Script) -> t.Iterator[Site]:
    for site in script.up.sites:
        found = directive(site)
        if found is not None and found[0] == "backfill" and site.call.args:
            value, _ = site.frame.value(site.call.args[0])
            options = value.keywords if isinstance(value, ast.Call) else []
            if not any(item.arg == "atomic" for item in options):
                yield site


def _option(change: RowChange | None) -> str:
    return f" --table {change.table.name}" if change and change.table else ""
