"""What stands in front of each step that plain Alembic takes."""

from __future__ import annotations

import typing as t

from alembic.runtime.migration import RevisionStep

from .. import scripts
from ..errors import GateError
from ..operations import configured
from ..operations.ddl import sync_notes
from ..settings import STAGES
from . import beats
from . import changes as staged
from . import gates
from . import marks

if t.TYPE_CHECKING:
    from alembic.runtime.migration import MigrationContext


class Guard:
    """Refuses revisions whose gate is closed, and keeps the marks right.

    :param fresh: whether no revision is applied to the database yet.
    """

    def __init__(self, context: MigrationContext, *, fresh: bool) -> None:
        assert context.script is not None
        self._context = context
        self._tree = context.script
        self._fresh = fresh
        settings = configured.settings()
        self._stages, self._heartbeat = settings.stages, settings.heartbeat
        changes = staged.read(self._tree)
        self._changes = {r: c for c in changes.values() for r in c.ids(*STAGES)}
        if changes and not context.as_sql:
            context.on_version_apply_callbacks = (
                self._applied,
                *context.on_version_apply_callbacks,
            )

    def look(self, step: RevisionStep) -> None:
        """Let a step pass, or refuse it.

        :raises GateError: naming what it waits for.
        """
        if not isinstance(step, RevisionStep):
            # A stamp runs nothing.
            return
        revision = step.revision.revision
        change = self._changes.get(revision)
        if change is None:
            return
        if step.is_upgrade:
            self._check(change, revision)
        elif not self._context.as_sql:
            # Before its backfill is undone, the app has to read the old columns.
            applied = scripts.ancestors(self._tree, self._heads())
            self._mark(change, applied - {revision})

    def _check(self, change: staged.Change, revision: str) -> None:
        limit = gates.limit(change.name, self._stages, None, fresh=self._fresh)
        over = change.ids(*STAGES[STAGES.index(limit.stage) + 1 :])
        if revision in over:
            _refuse(change, revision, limit.reason, limit.next)
        if self._context.as_sql or revision not in change.ids("contract"):
            return
        connection = self._context.connection
        assert connection is not None
        known = gates.records_on(connection, self._context.version_table_schema)
        applied = scripts.ancestors(self._tree, [revision])
        left = gates.unfinished(change, known, applied)
        if left:
            held = gates.closed(change, [revision], (), left)
            _refuse(change, revision, held.reason, held.next)
        lacking = [
            one
            for one in sync_notes.lacking(
                connection, self._context.version_table_schema
            )
            if one.change == change.name and not one.dropping
        ]
        if lacking and revision == change.ids("contract")[0]:
            held = gates.apart(change, [revision], (), lacking)
            _refuse(change, revision, held.reason, held.next)
        if self._heartbeat is None:
            return
        busy = beats.before_contract(
            change.name, beats.alive(connection, self._context.version_table_schema)
        )
        if busy:
            held = gates.occupied(change, [revision], (), busy)
            _refuse(change, revision, held.reason, held.next)

    def _heads(self) -> tuple[str, ...]:
        return self._context.get_current_heads()

    def _applied(self, *, step: t.Any, heads: t.Any, **others: t.Any) -> None:
        """Write down what a step has changed, in the transaction of its version."""
        for change in {c.name: c for c in self._changes.values()}.values():
            if step.is_stamp or set(step.up_revision_ids).intersection(
                change.ids(*STAGES)
            ):
                self._mark(change, scripts.ancestors(self._tree, heads))

    def _mark(self, change: staged.Change, applied: t.Collection[str]) -> None:
        connection, schema = (
            self._context.connection,
            self._context.version_table_schema,
        )
        assert connection is not None
        here = {r.name for r in gates.records_on(connection, schema)}
        mark = marks.of(change, applied, here, here)
        marks.write(connection, schema, {change.name: mark})


def _refuse(
    change: staged.Change, revision: str, reason: str, advice: str
) -> t.NoReturn:
    raise GateError(
        f"held is {revision}, since {reason}",
        where=f"change {change.name}",
        state="Nothing of this revision was run",
        next=advice,
    )
