"""Tests that run once for each legal pair of code stage and database stage."""

from __future__ import annotations

import contextlib
import dataclasses
import typing as t

from .. import scripts
from ..errors import StageError
from ..frozen.names import suggestion
from ..settings import STAGES
from ..settings import Stage
from ..stages import changes
from ..stages import compatibility
from .migrations import Migrations

if t.TYPE_CHECKING:
    from .plugin import Inserted

_DATABASE: t.Mapping[str, tuple[Stage | None, bool]] = {
    "before": (None, False),
    "expand": ("expand", False),
    "filled": ("migrate", True),
    "contract": ("contract", True),
}
"""How far a database may be: the last stage applied, and whether it is verified."""


@dataclasses.dataclass(frozen=True, slots=True)
class Pair:
    """Code at a stage, on a database at another.

    :param database: ``before``, ``expand``, ``filled`` or ``contract``.
    """

    change: str
    code: Stage
    database: str

    def __str__(self) -> str:
        return f"code at {self.code}, database {self.database}"


def legal(change: str) -> list[Pair]:
    """Return the pairs of a change that ``flask db data check`` lets pass."""
    return [
        Pair(change, code, database)
        for database, (stage, verified) in _DATABASE.items()
        for code in STAGES
        if compatibility.conflict(change, code, stage, verified) is None
    ]


def unwritten(pair: Pair, migrations: Migrations) -> Stage | None:
    """Return a stage of a pair that the change has no revision of yet.

    In the midst of a rollout, the contract revision is mostly still to be written.

    :raises StageError: for a change that no revision belongs to.
    """
    there = _change(pair, migrations).revisions
    wanted = (pair.code, _DATABASE[pair.database][0])
    return next((stage for stage in wanted if stage and stage not in there), None)


@contextlib.contextmanager
def at(pair: Pair, migrations: Migrations, inserted: Inserted) -> t.Iterator[None]:
    """Bring app and database to a pair of stages, for the time of a block.

    :param inserted: rows by table by revision, put in on the way.
    :raises StageError: for a change that no revision belongs to.
    """
    config = migrations.app.config
    tree = migrations.scripts()
    change = _change(pair, migrations)
    stages = dict(config.get("DATAMIGRATE_STAGES", {}))
    ttl = config.get("DATAMIGRATE_STAGE_TTL")
    # The gates let pass what the data allows.
    last = [stage for stage in STAGES if stage in change.revisions][-1]
    config["DATAMIGRATE_STAGES"] = {**stages, pair.change: last}
    try:
        targets = _targets(change, pair.database)
        below = scripts.ancestors(tree, targets)
        for revision in migrations.revisions():
            if revision in below and revision in inserted:
                migrations.upgrade_to(revision)
                for table, rows in inserted[revision].items():
                    migrations.insert(table, rows)
        contract = change.ids("contract")
        for revision in targets:
            if contract and revision == contract[0]:
                migrations.run_deferred()
            migrations.upgrade_to(revision)
        if pair.database == "filled":
            migrations.run_deferred()
        config["DATAMIGRATE_STAGES"] = {**stages, pair.change: pair.code}
        config["DATAMIGRATE_STAGE_TTL"] = 0
        yield
    finally:
        config["DATAMIGRATE_STAGES"] = stages
        if ttl is None:
            config.pop("DATAMIGRATE_STAGE_TTL", None)
        else:
            config["DATAMIGRATE_STAGE_TTL"] = ttl


def _change(pair: Pair, migrations: Migrations) -> changes.Change:
    found = changes.read(migrations.scripts())
    if pair.change not in found:
        raise StageError(
            f"no revision belongs to a change {pair.change!r}: "
            f"{suggestion(pair.change, found)}",
            where="datamigrate_stages",
        )
    return found[pair.change]


def _targets(change: changes.Change, database: str) -> list[str]:
    """Return the revisions that bring a database to a stage."""
    stage, _ = _DATABASE[database]
    if stage is not None:
        reached = STAGES[: STAGES.index(stage) + 1]
        return change.ids(*reached)
    first = next(scripts for scripts in change.revisions.values())[0]
    return list(first._all_down_revisions)
