"""Where ``env.py`` migrates: the databases, and what it says of each."""

from __future__ import annotations

import dataclasses
import typing as t

import sqlalchemy as sa
from alembic.config import Config
from alembic.runtime.environment import EnvironmentContext
from alembic.script import ScriptDirectory

from . import said

if t.TYPE_CHECKING:
    from alembic.runtime.migration import MigrationContext


@dataclasses.dataclass(frozen=True, slots=True)
class Place:
    """One database that ``env.py`` migrates.

    :param schema: the schema of its ``alembic_version``, and of the state tables.
    :param heads: the versions it is at.
    :param in_transaction: whether ``env.py`` has begun a transaction of its own.
    :param options: what it gives ``context.configure``.
    """

    engine: sa.Engine
    schema: str | None
    heads: tuple[str, ...]
    in_transaction: bool
    options: t.Mapping[str, t.Any]


def places(config: Config, tree: ScriptDirectory) -> list[Place]:
    """Ask ``env.py`` for its databases, and each of them for its version.

    Only ``env.py`` knows: what it gives ``context.configure`` itself is in no config.
    Nothing is changed.

    :param config: as ``DataMigrate.get_config`` returns it.
    """
    found: list[Place] = []

    def look(heads: tuple[str, ...], context: MigrationContext) -> list[t.Any]:
        assert context.connection is not None
        engine, schema = context.connection.engine, context.version_table_schema
        found.append(
            Place(
                engine,
                schema,
                tuple(heads),
                context._in_external_transaction,
                dict(context.opts),
            )
        )
        return []

    with (
        EnvironmentContext(config, tree, fn=look, as_sql=False, dont_mutate=True),
        said.less(),
    ):
        tree.run_env()
    return found
