"""Writes the revisions of a change, through Alembic's own autogenerate."""

from __future__ import annotations

import contextlib
import dataclasses
import pathlib
import typing as t

from alembic import command
from alembic import util
from alembic.operations import ops
from alembic.script import Script

from ... import scripts
from ...errors import AuthoringError
from .. import naming
from ..body import MARK
from ..freeze import in_order
from ..source import Source
from . import keys
from .defaults import Decide
from .defaults import Doubt
from .parts import Part
from .parts import parts
from .plan import divide

if t.TYPE_CHECKING:
    from alembic.config import Config
    from alembic.runtime.migration import MigrationContext


@dataclasses.dataclass(frozen=True, slots=True)
class Revision:
    """A revision that was written.

    :param marks: how many expressions are left to fill in.
    """

    path: pathlib.Path
    part: Part
    marks: int


@dataclasses.dataclass(frozen=True, slots=True)
class Scaffold:
    """A change that was written.

    :param revisions: in their order.
    :param advice: what is to be written in the models.
    """

    revisions: list[Revision]
    advice: list[str]


def change(
    config: Config,
    name: str,
    message: str,
    decide: Decide,
    *,
    apart: bool = False,
    **options: t.Any,
) -> Scaffold:
    """Write the difference between models and database as the revisions of a change.

    A ``process_revision_directives`` of the app sees all of them, as Alembic's own.

    :param config: from ``migrate.get_config(opts=["autogenerate"])``.
    :param name: the change; no revision may belong to it yet.
    :param message: what it does, in a few words.
    :param decide: says what only the author can know.
    :param apart: whether the author has said that there is something to decide, and
        that it is no part of what goes.
    :param options: what ``alembic.command.revision`` takes of ``head``, ``splice``,
        ``branch_label`` and ``version_path``.
    :raises AuthoringError: when there is nothing to stage, and for what cannot be.
    """
    naming.check_change(name)
    tree = scripts.directory(config)
    known = _check_name(tree, name)
    planned: list[Part] = []
    advice: list[str] = []

    def stage(
        context: MigrationContext, revision: t.Any, directives: list[t.Any]
    ) -> None:
        script = directives[0]
        doubts: list[Doubt] = []

        def noted(doubt: Doubt) -> bool | None:
            doubts.append(doubt)
            return decide(doubt)

        planned[:], advice[:] = _planned(script, name, context, noted)
        if apart and not doubts:
            raise AuthoringError(
                "--apart is for a new column with a default, beside one that takes the "
                "place of what goes, and there is none; columns without a default that "
                "come beside each other are taken as parts of what goes",
                where=f"change {name}",
                state="Nothing was written",
                next="Leave it out; or add the column that is one of its own first: "
                "flask db migrate, flask db upgrade",
            )
        directives[:] = _directives(script, planned, message)

    try:
        written = command.revision(
            config,
            message,
            autogenerate=True,
            process_revision_directives=stage,
            **options,
        )
        found = written if isinstance(written, list) else [written]
        made = [script for script in found if script is not None]
        revisions = [
            _finished(script, part, name)
            for script, part in zip(made, planned, strict=True)
        ]
    except Exception:
        _take_back(config, known)
        raise
    return Scaffold(revisions, advice)


def _check_name(tree: t.Any, name: str) -> set[str]:
    known = set()
    with scripts.errors_in(tree.dir):
        for script in tree.walk_revisions():
            known.add(script.revision)
            if vars(script.module).get("change") == name:
                raise AuthoringError(
                    f"revision {script.revision} belongs to a change of that name",
                    where=f"change {name}",
                    state="Nothing was written",
                    next="Choose another name; or add to the change with flask db "
                    f"data new --change {name} --stage STAGE",
                )
    return known


def _planned(
    script: ops.MigrationScript, name: str, context: MigrationContext, decide: Decide
) -> tuple[list[Part], list[str]]:
    """Return the revisions, and what is to be written in the models."""
    metadata = context.opts["target_metadata"]
    if len(script.upgrade_ops_list) != 1 or isinstance(metadata, (list, tuple)):
        raise AuthoringError(
            "there are several databases, whose differences are not told apart here",
            where=f"change {name}",
            state="Nothing was written",
            next="Write the revisions by hand: flask db migrate, and flask db data "
            f"new --bind KEY --change {name} --stage migrate",
        )
    difference, connection = script.upgrade_ops, context.connection
    assert difference is not None and connection is not None
    # Where the database has none, the models name one for SQLAlchemy's sake.
    other = [str(one) for one in keys.changed(metadata, connection) if one.had]
    if difference.is_empty():
        but = f", but for what is not staged: {'; '.join(other)}" if other else ""
        raise AuthoringError(
            f"models and database are alike{but}",
            where=f"change {name}",
            state="Nothing was written",
            next=keys.NEXT
            if other
            else "Change the models first, as they shall be in the end",
        )
    plan = divide(difference, metadata, connection, decide)
    if plan.is_additive:
        raise AuthoringError(
            "there is nothing to stage: all of it is added, and old code can live "
            "with that",
            where=f"change {name}",
            state="Nothing was written",
            next="Write it as one revision: flask db migrate",
        )
    advice = [one.advice for fill in plan.fills.values() for one in fill.shadows]
    for table in plan.renamed:
        advice += table.advice(connection)
    advice += [f"No part of the change: {one}." for one in other]
    return parts(plan, name, metadata), advice


def _directives(
    script: ops.MigrationScript, planned: list[Part], message: str
) -> list[ops.MigrationScript]:
    made: list[ops.MigrationScript] = []
    up, down = script.upgrade_ops, script.downgrade_ops
    assert up is not None and down is not None
    for part in planned:
        back = [operation.reverse() for operation in reversed(part.operations)]
        one = ops.MigrationScript(
            util.rev_id(),
            ops.UpgradeOps(part.operations, upgrade_token=up.upgrade_token),
            ops.DowngradeOps(back, downgrade_token=down.downgrade_token),
            message=f"{message}: {part.stage}, {part.what}",
            head=made[-1].rev_id if made else script.head,
            splice=None if made else script.splice,
            branch_label=None if made else script.branch_label,
            version_path=script.version_path,
            depends_on=None if made else script.depends_on,
        )
        one._needs_render = True
        made.append(one)
    return made


def _finished(script: Script, part: Part, name: str) -> Revision:
    """Add what Alembic's template has no place for."""
    path = pathlib.Path(script.path)
    source = Source(path, script.revision)
    identifiers = [f'change = "{name}"', f'stage = "{part.stage}"']
    source.define(part.blocks, in_order(part.imports), identifiers)
    source.write()
    return Revision(path, part, source.edited().count(MARK))


def _take_back(config: Config, known: set[str]) -> None:
    """Remove the files of a change that could not be written whole."""
    with contextlib.suppress(Exception):
        for script in scripts.directory(config).walk_revisions():
            if script.revision not in known:
                pathlib.Path(script.path).unlink(missing_ok=True)
