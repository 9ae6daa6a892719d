"""The gates under plain Alembic and ``flask_migrate.upgrade()``.

They run revisions without asking anybody. But the ``env.py`` of a Flask app reads its
``configure_args``, and with that the steps it is about to take are put under guard.
"""

from __future__ import annotations

import typing as t

from alembic import context as proxy

from ..operations.segment import current

if t.TYPE_CHECKING:
    from alembic.runtime.migration import MigrationContext
    from alembic.runtime.migration import RevisionStep

Take: t.TypeAlias = "t.Callable[[t.Any, MigrationContext], t.Iterable[RevisionStep]]"


def guard() -> None:
    """Put the steps of the environment at hand under guard, if there is one."""
    environment = getattr(proxy, "_proxy", None)
    options = getattr(environment, "context_opts", {})
    take = options.get("fn")
    # flask db upgrade has looked at the gates itself.
    if take is not None and not isinstance(take, Guarded) and current.get() is None:
        options["fn"] = Guarded(take)


class Guarded:
    """Steps that stop in front of a closed gate.

    :param take: returns the steps of a command.
    """

    def __init__(self, take: Take) -> None:
        self._take = take

    def __call__(
        self, heads: t.Any, context: MigrationContext
    ) -> t.Iterator[RevisionStep]:
        watch: t.Any = None
        for step in self._take(heads, context):
            if watch is None:
                # Most commands take no step, and need not read the changes.
                from .guards import Guard

                watch = Guard(context, fresh=not heads)
            watch.look(step)
            yield step
