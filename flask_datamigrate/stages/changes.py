"""The staged changes of a project, as its revisions spell them.

A revision belongs to a change by two variables of its file, ``change`` and ``stage``.
"""

from __future__ import annotations

import contextlib
import dataclasses
import typing as t

from .. import scripts
from ..errors import ConfigError
from ..errors import StageError
from ..frozen.names import nearest
from ..frozen.names import suggestion
from ..operations import naming
from ..settings import STAGES
from ..settings import Stage
from . import columns
from . import overlaps

if t.TYPE_CHECKING:
    from alembic.script import Script
    from alembic.script import ScriptDirectory

    from ..backfill.task import Task

KEY = 'app.config["DATAMIGRATE_STAGES"]'
"""How errors name the config."""

_UNCHANGED = "Nothing was changed"


@dataclasses.dataclass(frozen=True, slots=True)
class Change:
    """One staged change.

    :param revisions: its revisions by stage, each stage's in the order they are
        applied. A stage it does not have is left out.
    """

    name: str
    revisions: t.Mapping[Stage, tuple[Script, ...]]

    def ids(self, *stages: Stage) -> list[str]:
        """Return the ids of its revisions of some stages."""
        return [s.revision for stage in stages for s in self.revisions.get(stage, ())]

    @property
    def backfills(self) -> list[Task]:
        """The backfills that have to be finished before it may be contracted."""
        return [
            task
            for stage in STAGES[:-1]
            for script in self.revisions.get(stage, ())
            for task in naming.backfills_of(script)
        ]


@dataclasses.dataclass(frozen=True, slots=True)
class Mark:
    """What a revision says of itself."""

    change: str
    stage: Stage


def mark(script: Script) -> Mark | None:
    """Return the change and the stage of a revision; ``None`` if it is of none.

    :raises StageError: for a misspelt stage, and for one variable without the other.
    """
    module = vars(script.module)
    change, stage = module.get("change"), module.get("stage")
    where = f"revision {script.revision}"
    if not isinstance(change, str):
        if stage in STAGES:
            raise StageError(
                f"it says stage = {stage!r}, and not of which change",
                where=where,
                state=_UNCHANGED,
                next='Write change = "NAME" beside it, or leave both out',
            )
        return None
    if stage is None:
        raise StageError(
            f"it says change = {change!r}, and not at which stage",
            where=where,
            state=_UNCHANGED,
            next=f"Write stage = {_quoted(STAGES)} beside it, or leave both out",
        )
    if stage not in STAGES:
        meant = nearest(str(stage), STAGES)
        raise StageError(
            f"its stage is {stage!r}, which is none of {', '.join(STAGES)}",
            where=where,
            state=_UNCHANGED,
            next=f'Write stage = "{meant}"' if meant else "Mend it in the file",
        )
    return Mark(change, stage)


def read(tree: ScriptDirectory) -> dict[str, Change]:
    """Return the changes of a project by name, the first begun first.

    :raises StageError: for a change whose stages make no sense, and for two under way
        at once that touch one column.
    """
    changes, errors = survey(tree)
    if errors:
        raise errors[0]
    return changes


def survey(tree: ScriptDirectory) -> tuple[dict[str, Change], list[StageError]]:
    """Return the changes of a project as far as they can be told, and what is wrong.

    For a command that takes back or shows what is applied: revisions still to come
    need not be right for that. One that does not say its change and stage is of none.
    """
    errors: list[StageError] = []
    found: dict[str, dict[Stage, list[Script]]] = {}
    with scripts.errors_in(tree.dir):
        walked = list(reversed(list(tree.walk_revisions())))
        for script in walked:
            with _noted(errors):
                of = mark(script)
                if of is not None:
                    by_stage = found.setdefault(of.change, {})
                    by_stage.setdefault(of.stage, []).append(script)
    changes = {
        name: Change(name, {stage: tuple(by[stage]) for stage in STAGES if stage in by})
        for name, by in found.items()
    }
    if not errors:
        # What follows from a revision without its marks would be said in vain.
        for change in changes.values():
            with _noted(errors):
                _check_stages(tree, change, changes)
        with _noted(errors):
            _check_columns(tree, list(changes.values()))
        with _noted(errors):
            overlaps.check(tree, walked, changes)
    return changes, errors


@contextlib.contextmanager
def _noted(errors: list[StageError]) -> t.Iterator[None]:
    try:
        yield
    except StageError as error:
        errors.append(error)


def check_config(
    changes: t.Mapping[str, Change], stages: t.Mapping[str, Stage]
) -> None:
    """See that the config names changes there are, and stages they have.

    :param stages: the stage of each change, from the config.
    :raises ConfigError: naming the change, and the nearest one.
    """
    for name, stage in stages.items():
        if name not in changes:
            known = suggestion(name, changes)
            raise ConfigError(
                f"no revision belongs to a change {name!r}: {known}",
                where=KEY,
                state=_UNCHANGED,
                next="Mend the name, or take it out of the config",
            )
        change = changes[name]
        if stage != "expand" and stage not in change.revisions:
            has = ", ".join(change.revisions)
            raise ConfigError(
                f"it says {stage} for {name}, and no revision here is of that stage "
                f"(there are: {has})",
                where=KEY,
                state=_UNCHANGED,
                next=f"Add the revision (flask db data new --change {name} "
                f"--stage {stage}, or change and stage in its file), or set an earlier "
                "stage",
            )


def _check_stages(
    tree: ScriptDirectory, change: Change, changes: t.Mapping[str, Change]
) -> None:
    has = change.revisions
    if "contract" in has and "migrate" not in has:
        contract = has["contract"][0].revision
        between = "it has no migrate revision"
        if "expand" in has:
            between = "the stage between, migrate, is missing after expand "
            between += f"({', '.join(change.ids('expand'))})"
        raise StageError(
            f"revision {contract} is its contract, and {between}: nothing would fill "
            "the new columns before the old ones go",
            where=f"change {change.name}",
            state=_UNCHANGED,
            next=_misspelt(change, changes)
            + f"Write it: flask db data new --change {change.name} --stage migrate; "
            "or take change and stage out of the file",
        )
    order = [stage for stage in STAGES if stage in has]
    for early, late in zip(order, order[1:], strict=False):
        for script in has[late]:
            below = scripts.ancestors(tree, [script.revision])
            loose = [r for r in change.ids(early) if r not in below]
            if loose:
                raise StageError(
                    f"revision {script.revision} is of stage {late}, and does not come "
                    f"after {', '.join(loose)} of stage {early}",
                    where=f"change {change.name}",
                    state=_UNCHANGED,
                    next="Mend down_revision (or depends_on), or the stage",
                )


def _misspelt(change: Change, changes: t.Mapping[str, Change]) -> str:
    """Say which other change may be meant to be this one, if its stages are others."""
    meant = nearest(change.name, changes.keys() - {change.name})
    if meant is None or changes[meant].revisions.keys() & change.revisions.keys():
        return ""
    few, many = sorted((change, changes[meant]), key=lambda one: len(one.ids(*STAGES)))
    listed = ", ".join(few.ids(*STAGES))
    return (
        f'Is change "{few.name}" of {listed} a misspelt "{many.name}"? Then write '
        f'change = "{many.name}" there. Or else: '
    )


def _check_columns(tree: ScriptDirectory, changes: list[Change]) -> None:
    """Refuse two changes that are under way at once and touch one column."""
    touched = {c.name: columns.touched(c) for c in changes}
    for number, first in enumerate(changes):
        for second in changes[number + 1 :]:
            both = sorted(touched[first.name] & touched[second.name])
            if both and not _is_after(tree, second, first):
                table, column = both[0]
                raise StageError(
                    f"it touches column {column} of table {table}, and so does change "
                    f"{first.name}, which is not contracted before it begins: each "
                    "would drop or fill what the other goes by",
                    where=f"change {second.name}",
                    state=_UNCHANGED,
                    next=_misspelt(second, {c.name: c for c in (first, second)})
                    + f"Make them one change, or put {second.name} behind the "
                    f"contract revision of {first.name}",
                )


def _is_after(tree: ScriptDirectory, later: Change, earlier: Change) -> bool:
    """Tell whether a change begins when another is over."""
    ends = earlier.ids("contract")
    for revision in later.ids(*STAGES):
        if not ends or not scripts.ancestors(tree, [revision]).issuperset(ends):
            return False
    return True


def _quoted(names: t.Iterable[str]) -> str:
    return " or ".join(f'"{name}"' for name in names)
