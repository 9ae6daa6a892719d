"""The gates of an upgrade: what it holds, and what it tells the running app."""

from __future__ import annotations

import typing as t

import sqlalchemy as sa

from .. import scripts
from ..backfill.signals import gate_held
from ..errors import GateError
from ..operations.ddl import sync_notes
from ..settings import STAGES
from ..settings import Settings
from ..settings import Stage
from ..stages import beats
from ..stages import changes as staged
from ..stages import gates
from ..stages import marks
from .report import UpgradeReport

if t.TYPE_CHECKING:
    from alembic.runtime.migration import RevisionStep
    from alembic.script import ScriptDirectory


class Place(t.Protocol):
    """A database, and where it is."""

    @property
    def engine(self) -> sa.Engine: ...

    @property
    def schema(self) -> str | None: ...

    @property
    def heads(self) -> tuple[str, ...]: ...


class Steps(Place, t.Protocol):
    """A database, and the steps it has still to take."""

    steps: list[RevisionStep]


class Gates:
    """The gates of one upgrade.

    :param changes: the changes of the project, by name.
    :param through: the last stage to apply, if an operator says so.
    """

    def __init__(
        self,
        tree: ScriptDirectory,
        changes: t.Mapping[str, staged.Change],
        settings: Settings,
        through: Stage | None,
    ) -> None:
        self._tree = tree
        self._changes = changes
        self._stages = settings.stages
        self._heartbeat = settings.heartbeat
        self._through = through
        self._opened: set[str] = set()
        self._held: dict[str, gates.Held] = {}
        self.at_once: frozenset[str] = frozenset()
        """The revisions whose backfills are not deferred: of changes that an empty
        database takes as a whole, where nothing runs that could be in the way."""
        self._contracts = {
            revision: change
            for change in self._changes.values()
            for revision in change.ids("contract")
        }

    @property
    def held(self) -> tuple[gates.Held, ...]:
        """What is held, one entry a change."""
        return tuple(self._held.values())

    def hold(self, databases: t.Sequence[Steps]) -> None:
        """Take out of the steps what the config does not allow yet.

        :raises ConfigError: for a config that does not fit the revisions.
        """
        self._held = {}
        self._keep_triggers(databases)
        for database in databases:
            fresh = not database.heads
            database.steps[:] = self.allowed(database.steps, fresh=fresh)

    def allowed(
        self, steps: t.Sequence[RevisionStep], *, fresh: bool
    ) -> list[RevisionStep]:
        """Return the steps that the config allows, and note what is held.

        :param fresh: whether no revision is applied to the database yet.
        :raises ConfigError: for a config that does not fit the revisions.
        """
        staged.check_config(self._changes, self._stages)
        limits = {
            name: gates.limit(name, self._stages, self._through, fresh=fresh)
            for name in self._changes
        }
        kept, held = gates.hold(steps, self._changes, limits)
        self._note(held)
        if fresh:
            whole = {step.revision.revision for step in kept} & self._contracts.keys()
            self.at_once = self.at_once.union(
                *(self._contracts[revision].ids(*STAGES[:-1]) for revision in whole)
            )
        return kept

    def stops(self, step: RevisionStep) -> bool:
        """Tell whether a step is a contract revision whose gate was not opened."""
        revision = step.revision.revision
        return revision in self._contracts and revision not in self._opened

    def contract_of(self, revision: str) -> str | None:
        """Return the change whose contract a revision is; ``None`` if of none."""
        change = self._contracts.get(revision)
        return None if change is None else change.name

    def is_stopped(self, database: Steps) -> bool:
        """Tell whether a database stands in front of a gate."""
        return bool(database.steps) and self.stops(database.steps[0])

    def decide(self, databases: t.Sequence[Steps]) -> None:
        """Open the gates that databases stand in front of, or hold what is behind.

        First every database comes as far as it can.
        """
        stopped = [self.is_stopped(d) for d in databases if d.steps]
        if not stopped or not all(stopped):
            return
        known = [r for d in databases for r in gates.records(d.engine, d.schema)]
        for database in databases:
            if not self.is_stopped(database):
                continue
            revision = database.steps[0].revision
            change = self._contracts[revision.revision]
            # They come before it, so they are applied.
            applied = scripts.ancestors(self._tree, [revision.revision])
            left = gates.unfinished(change, known, applied)
            busy = beats.before_contract(change.name, self._alive(databases))
            lacking = [
                one
                for one in self._lacking(databases)
                if one.change == change.name and not one.dropping
            ]
            if change.name in self._begun(database):
                lacking = []
            if not (left or busy or lacking):
                self._opened.update(change.ids("contract"))
                continue
            over = dict.fromkeys(change.ids("contract"), change.name)
            kept, held, behind = gates.divide(database.steps, over)
            database.steps[:] = kept
            waiting = (change, held[change.name], behind[change.name])
            if left:
                self._note([gates.closed(*waiting, left)])
            elif lacking:
                self._note([gates.apart(*waiting, lacking)])
            else:
                self._note([gates.occupied(*waiting, busy)])

    def _begun(self, place: Place) -> set[str]:
        """Return the changes of whose contract a part is applied."""
        applied = scripts.ancestors(self._tree, place.heads)
        return {c.name for r, c in self._contracts.items() if r in applied}

    def _lacking(self, places: t.Sequence[Place]) -> list[sync_notes.Lack]:
        found = []
        for place in places:
            with place.engine.connect() as connection:
                found += sync_notes.lacking(connection, place.schema)
        return found

    def _keep_triggers(self, places: t.Sequence[Place]) -> None:
        """See that a contract that was cut off is not gone on with unasked.

        Code at an earlier stage is here again, and may have written since.
        """
        early = [n for n, stage in self._stages.items() if stage != "contract"]
        for place in places if early else ():
            with place.engine.begin() as connection:
                for name in early:
                    sync_notes.keep(connection, place.schema, name)

    def _alive(self, databases: t.Sequence[Steps]) -> list[beats.Beat]:
        """Return the processes of the app, if they say that they are alive."""
        if self._heartbeat is None:
            return []
        found = []
        for database in databases:
            with database.engine.connect() as connection:
                found += beats.alive(connection, database.schema)
        return found

    def passed(self, report: UpgradeReport) -> UpgradeReport:
        """Tell of what is held at the end of an upgrade.

        :raises GateError: when it is data that keeps a gate closed.
        """
        for held in report.held:
            gate_held.send(held.change, held=held)
        closed = [held for held in report.held if held.closed]
        if not closed:
            return report
        first, *others = closed
        error = GateError(
            f"held is {first.named}, since {first.reason}",
            where=f"change {first.change}",
            state=first.waiting,
            next=" ".join([f"{first.next}.", *map(str, others)]),
        )
        error.report = report
        raise error

    # What the running app reads.

    def is_stale(self, places: t.Sequence[Place]) -> bool:
        """Tell whether what the app reads is not what is so."""
        if not self._changes:
            return False
        wanted = self._marks(places, ())
        for place, mark in zip(places, wanted, strict=True):
            with place.engine.connect() as connection:
                before = marks.read(connection, place.schema)
            if any(before.get(name) != new for name, new in mark.items()):
                return True
        return False

    def tell(self, places: t.Sequence[Place], taken: t.Collection[str] = ()) -> None:
        """Write down for the running app what is so.

        :param taken: revisions that are about to be taken back.
        """
        if not self._changes:
            return
        wanted = self._marks(places, taken)
        for place, mark in zip(places, wanted, strict=True):
            with place.engine.begin() as connection:
                marks.write(connection, place.schema, mark)

    def _marks(
        self, places: t.Sequence[Place], taken: t.Collection[str]
    ) -> list[dict[str, marks.Mark]]:
        names = [
            {r.name for r in gates.records(place.engine, place.schema)}
            for place in places
        ]
        anywhere = set().union(*names)
        found = []
        for place, here in zip(places, names, strict=True):
            applied = scripts.ancestors(self._tree, place.heads).difference(taken)
            found.append(
                {
                    change.name: marks.of(change, applied, here, anywhere)
                    for change in self._changes.values()
                }
            )
        return found

    def _note(self, held: t.Iterable[gates.Held]) -> None:
        for one in held:
            self._held[one.change] = one
