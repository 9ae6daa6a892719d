"""Every backfill of an app: those its databases know and those still to come."""

from __future__ import annotations

import contextlib
import dataclasses
import typing as t

import sqlalchemy as sa
from alembic.script import ScriptDirectory
from flask import current_app
from sqlalchemy import exc

from .. import scripts
from ..backfill.fingerprint import fingerprint
from ..backfill.keys import describe
from ..backfill.orders import NOTHING
from ..backfill.orders import Order
from ..backfill.processes import describe as describe_process
from ..backfill.progress import fraction
from ..backfill.ranges import BACK
from ..backfill.ranges import FORWARD
from ..backfill.ranges import Range
from ..backfill.ranges import Total
from ..backfill.refusals import Refusal
from ..backfill.runner import Task
from ..backfill.states import ENDED
from ..backfill.states import State
from ..backfill.store import Record
from ..backfill.store import Store
from ..errors import DataMigrateError
from ..operations import naming
from .places import Place
from .places import places
from .unfinished import in_order
from .unfinished import is_applied


@dataclasses.dataclass(frozen=True, slots=True)
class Entry:
    """One backfill on one database.

    :param bind: the bind key of the database; ``None`` for the default one, and for
        a backfill that no database knows yet.
    :param place: that database; ``None`` where it is not known yet.
    :param record: its row; ``None`` when it was never begun.
    :param ranges: the ranges it walks; none when it was never begun.
    :param runners: the live processes that have one, for people.
    :param task: its definition; ``None`` when its file is gone.
    :param applied: whether its revision is applied there.
    :param has_file: whether the file of its revision is there.
    :param order: what an operator asks of it there.
    :param set_aside: the indexes it has dropped and is to make again.
    :param refusals: the rows it could not change and left out.
    :param edited: whether it changed rows by another definition than it has now.
    :param restored: how many rows an undo of it had restored when it was given up.
    """

    name: str
    bind: str | None
    place: Place | None
    record: Record | None
    ranges: tuple[Range, ...]
    runners: tuple[str, ...]
    task: Task | None
    applied: bool
    has_file: bool = True
    order: Order = NOTHING
    set_aside: tuple[str, ...] = ()
    refusals: tuple[Refusal, ...] = ()
    edited: bool = False
    restored: int = 0

    @property
    def state(self) -> State:
        """Its state; a run that no live process is at is shown as paused."""
        if self.record is None:
            return State.PENDING
        if self.is_orphaned:
            return State.PAUSED
        return self.record.state

    @property
    def is_orphaned(self) -> bool:
        """Whether its last process ended without writing down why."""
        at_work = (State.RUNNING, State.VERIFYING)
        return self.record is not None and (
            self.record.state in at_work and not self.runner
        )

    @property
    def is_done(self) -> bool:
        """Whether nothing is left to do or to wait for."""
        return self.state in ENDED or (self.record is None and self.applied)

    def as_json(self) -> dict[str, t.Any]:
        """Return what ``flask db data status --json`` prints of it."""
        record, total = self.record, self.total
        positions = []
        if self.task is not None:
            key = self.task.backfill.key
            if record is not None and record.state in (State.UNDOING, State.UNDONE):
                key = self.task.backfill.kept_key
            positions = [
                describe(key, span.position)
                for span in self.ranges
                if span.position is not None and span.position != span.low
            ]
        return {
            "name": self.name,
            "bind": self.bind,
            "revision": record.revision if record else self._revision,
            "kind": record.kind if record else self._kind,
            "table": record.table_name if record else self._table,
            "state": self.state.value,
            "applied": self.applied,
            "deferred": bool(record and record.deferred),
            "edited": self.edited,
            "rows_before": record.rows_before if record else None,
            "rows_before_exact": bool(record and record.rows_before_exact),
            "rows_changed": total.changed,
            "rows_restored": self.restored,
            "rows_skipped": max(total.skipped - len(self.refusals), 0),
            "rows_refused": [
                {"row": row, "error": refusal.error, "accepted": refusal.accepted}
                for row, refusal in self.refused
            ],
            "rows_left": record.rows_left if record else None,
            "conflicts": record.conflicts if record else 0,
            "batches": total.batches,
            "batch_size": total.batch_size or None,
            "seconds": round(total.seconds, 3),
            "fraction": self.fraction,
            "position": positions[0] if len(positions) == 1 else None,
            "ranges": total.ranges,
            "ranges_done": total.done,
            "runner": self.runner,
            "runners": list(self.runners),
            "started_at": record.started_at if record else None,
            "ended_at": record.ended_at if record else None,
            "error": record.error if record else None,
            "paused_by": self.paused_by,
            "waiting": self.waiting,
            "tuned": self.order.tuned,
            "indexes_set_aside": list(self.set_aside),
            "undo_table": record.undo_table if record else None,
        }

    @property
    def runner(self) -> str | None:
        """The live processes that have one of its ranges, for people."""
        return " and ".join(self.runners) or None

    @property
    def paused_by(self) -> str | None:
        """The process by which an operator paused it, for people."""
        by = self.order.pauser
        return None if by is None else describe_process(by)

    @property
    def waiting(self) -> str | None:
        """What its live runner waits for."""
        return self.order.waiting if self.runner else None

    @property
    def refused(self) -> list[tuple[str, Refusal]]:
        """The rows it left out, each with its key for people."""
        if self.task is None:
            return [(str(r.position), r) for r in self.refusals]
        key = self.task.backfill.key
        return [(describe(key, r.position), r) for r in self.refusals]

    @property
    def label(self) -> str:
        """How errors name it."""
        revision = self.record.revision if self.record else self._revision
        return f"revision {revision}, backfill {self.name}"

    @property
    def fraction(self) -> float | None:
        """How far it is, 0 to 1; ``None`` when that is not known."""
        if self.state in (State.FINISHED, State.UNDONE):
            return 1.0
        if self.restored:
            return None
        rows = self.record.rows_before if self.record else None
        return fraction(self.ranges, rows) if self.ranges else None

    @property
    def total(self) -> Total:
        """What its ranges come to."""
        return Total.of(self.ranges)

    @property
    def _revision(self) -> str | None:
        return self.task.revision if self.task else None

    @property
    def _kind(self) -> str | None:
        return self.task.backfill.job.kind if self.task else None

    @property
    def _table(self) -> str | None:
        return self.task.backfill.table.fullname if self.task else None


def entries(directory: str | None) -> list[Entry]:
    """Return every backfill, those begun first, then those still to come."""
    migrate = current_app.extensions["migrate"]
    config = migrate.migrate.get_config(directory)
    tree = scripts.directory(config)
    with scripts.errors_in(tree.dir):
        found = places(config, tree)
    return entries_at(tree, found, migrate.db.engines)


def entries_at(
    tree: ScriptDirectory,
    found: t.Iterable[Place],
    engines: t.Mapping[str | None, sa.Engine],
) -> list[Entry]:
    """Return every backfill of the scripts, and those that some databases know.

    :param found: the databases.
    :param engines: the app's, by bind key.
    """
    tasks: dict[str, Task] = {}
    known: list[Entry] = []
    anywhere: set[str] = set()
    with scripts.errors_in(tree.dir):
        tasks.update({task.name: task for task in naming.all_of(tree)})
    # A version that none of these scripts has is left to the upgrade to complain of: it
    # may be of another directory that shares the database.
    revisions = {script.revision for script in tree.walk_revisions()}
    for place in found:
        here = scripts.ancestors(tree, revisions.intersection(place.heads))
        anywhere |= here
        known += _known(bind_of(place, engines), place, tasks, revisions, here)
    begun = {entry.name for entry in known}
    coming = [
        Entry(name, None, None, None, (), (), task, task.revision in anywhere)
        for name, task in tasks.items()
        if name not in begun
    ]
    return known + coming


def bind_of(place: Place, engines: t.Mapping[str | None, sa.Engine]) -> str | None:
    """Return the bind key of a database; ``None`` for the default one."""
    for bind, engine in engines.items():
        if engine is place.engine or engine.url == place.engine.url:
            return bind
    return None


def _known(
    bind: str | None,
    place: Place,
    tasks: t.Mapping[str, Task],
    revisions: t.Collection[str],
    applied: t.Collection[str],
) -> t.Iterator[Entry]:
    engine = place.engine
    lost = set(place.heads).difference(revisions)
    store = Store(place.schema, engine.dialect)
    with contextlib.closing(engine.connect()) as connection:
        if not store.exists(connection):
            return
        orders = store.orders.all(connection)
        aside = store.indexes.all(connection)
        for record in in_order(store.all(connection), list(tasks)):
            direction = (
                BACK if record.state in (State.UNDOING, State.UNDONE) else FORWARD
            )
            ranges = store.ranges.all(connection, record.name, direction)
            refusals: tuple[Refusal, ...] = ()
            if direction == FORWARD:
                refusals = tuple(store.refusals.of(connection, record.name))
            given_up = record.state is State.CANCELLED
            back = store.ranges.all(connection, record.name, BACK) if given_up else ()
            owners = [span.owner for span in ranges if span.owner and span.is_held]
            yield Entry(
                record.name,
                bind,
                place,
                record,
                tuple(ranges),
                tuple(dict.fromkeys(map(describe_process, owners))),
                tasks.get(record.name),
                # What lies below a version without a file, no file can tell.
                is_applied(record, applied) or (bool(lost) and record.applied),
                record.revision is None or record.revision in revisions,
                orders.get(record.name, NOTHING),
                tuple(found.name for found in aside if found.backfill == record.name),
                refusals,
                _is_edited(record, ranges, tasks.get(record.name), engine.dialect),
                Total.of(back).changed,
            )


def _is_edited(
    record: Record,
    ranges: t.Sequence[Range],
    task: Task | None,
    dialect: sa.Dialect,
) -> bool:
    """Tell whether the next run is refused, for the sake of the rows done so far."""
    begun = record.state not in (*ENDED, State.UNDOING) and Total.of(ranges).batches
    if task is None or not begun:
        return False
    try:
        return fingerprint(task.backfill, dialect) != record.fingerprint
    except (DataMigrateError, exc.SQLAlchemyError):
        # Of what was run there is SQL.
        return True
