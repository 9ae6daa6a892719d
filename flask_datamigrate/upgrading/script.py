"""``--sql``: the upgrade as a script."""

from __future__ import annotations

import io
import sys
import typing as t

from alembic.config import Config
from alembic.runtime.environment import EnvironmentContext
from alembic.util import CommandError

from .. import scripts
from ..errors import DefinitionError
from ..errors import OfflineError
from ..settings import Settings
from ..settings import Stage
from ..stages import changes as staged
from . import sound
from .gated import Gates
from .segments import Direction

if t.TYPE_CHECKING:
    from alembic.runtime.migration import MigrationContext
    from alembic.runtime.migration import RevisionStep

    from ..stages.gates import Held

_NAMED = {"paramstyle": "named"}
"""A driver that takes ``%s`` for its parameters wants each other percent sign doubled.
A script meets no driver, and would store both."""


def write(
    config: Config,
    direction: Direction,
    revision: str,
    tag: str | None,
    settings: Settings,
    through: Stage | None,
) -> tuple[Held, ...]:
    """Write an upgrade or a downgrade to the output of ``config``, as SQL.

    All of it or nothing: half a script that is piped into a database is run.

    :param revision: the target, or ``FROM:TO``.
    :param through: the last stage of staged changes to write.
    :returns: what the config holds. Of unfinished backfills a script knows nothing.
    :raises CommandError: when a downgrade does not say where it begins.
    :raises OfflineError: for what cannot be in a script.
    :raises RevisionError: when a script raises an exception of its own.
    """
    output = config.output_buffer
    config.output_buffer = script = io.StringIO()
    try:
        held = _write(config, direction, revision, tag, settings, through)
    finally:
        config.output_buffer = output
    (sys.stdout if output is None else output).write(script.getvalue())
    return held


def _write(
    config: Config,
    direction: Direction,
    revision: str,
    tag: str | None,
    settings: Settings,
    through: Stage | None,
) -> tuple[Held, ...]:
    tree = scripts.directory(config)
    start: str | None = None
    if ":" in revision:
        start, revision = revision.split(":", 1)
    elif direction == "down":
        raise CommandError("downgrade with --sql requires <fromrev>:<torev>")
    read = staged.read if direction == "up" else sound.changes
    gates = Gates(tree, read(tree), settings, through)
    running: list[str] = []

    def steps(heads: t.Any, context: MigrationContext) -> t.Iterator[RevisionStep]:
        if direction == "down":
            planned = tree._downgrade_revs(revision, heads)
        else:
            planned = gates.allowed(
                tree._upgrade_revs(revision, heads), fresh=not heads
            )
        for step in planned:
            running[:] = [step.revision.revision]
            yield step

    environment = EnvironmentContext(
        config,
        tree,
        fn=steps,
        as_sql=True,
        starting_rev=start,
        destination_rev=revision,
        tag=tag,
    )
    # On the object, since Alembic's module proxy passes over classes derived from its.
    configure = _Configure(environment.configure)
    setattr(environment, "configure", configure)  # noqa: B010
    try:
        with environment:
            tree.run_env()
    except OfflineError as error:
        raise OfflineError(
            error.what, where=error.where, state=configure.written, next=error.next
        ) from error
    except DefinitionError as error:
        raise scripts.located(error, tree.dir) from error
    except CommandError as error:
        raise scripts.advised(error) from error
    except Exception as error:
        raise scripts.explain(
            error,
            tree.dir,
            revision=next(iter(running), None),
            state=configure.written,
        ) from error
    return gates.held


class _Configure:
    """Mends an ``env.py`` that says nothing of parameters in a script.

    Alembic's own template says it; that of Flask-Migrate does not.
    """

    def __init__(self, configure: t.Callable[..., None]) -> None:
        self.written = "No script was written"
        """What there is of a script that fails."""
        self._configure = configure

    def __call__(self, *args: t.Any, **options: t.Any) -> None:
        options["dialect_opts"] = {**_NAMED, **(options.get("dialect_opts") or {})}
        if options.get("output_buffer") is not None:
            # The env.py for many databases writes a file for each.
            self.written = "The script written so far is incomplete"
        self._configure(*args, **options)
