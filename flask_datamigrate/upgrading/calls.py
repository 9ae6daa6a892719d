"""``upgrade()`` and ``downgrade()``, for the command line and for programs."""

from __future__ import annotations

import logging
import threading
import typing as t

from flask import current_app

from .. import settings
from ..backfill.reporting import LogReporter
from ..backfill.reporting import Reporter
from ..operations.log import LOGGER
from ..settings import Stage
from . import script
from .report import UpgradeReport
from .segments import Direction
from .segments import Migration

XArg: t.TypeAlias = "str | t.Sequence[str] | None"


def upgrade(
    directory: str | None = None,
    revision: str = "head",
    sql: bool = False,
    tag: str | None = None,
    x_arg: XArg = None,
    *,
    through: Stage | None = None,
    wait: float | None = None,
    defer: bool | None = None,
    reporter: Reporter | None = None,
    stop: threading.Event | None = None,
) -> UpgradeReport:
    """Upgrade to a revision, schema and data; what ``flask db upgrade`` calls.

    Takes what ``flask_migrate.upgrade`` takes, but raises where that exits.

    :param through: the last stage of staged changes to apply: ``"expand"``,
        ``"migrate"`` or ``"contract"``. ``DATAMIGRATE_STAGES`` may allow less.
    :param wait: seconds to wait for another upgrade that is running;
        ``DATAMIGRATE_LOCK_WAIT`` by default.
    :param defer: whether to leave backfills that do not say to ``flask db data run``;
        ``DATAMIGRATE_BACKFILLS`` decides by default.
    :param reporter: gets the progress; it is logged by default.
    :param stop: set it from another thread to stop after the batch at hand.
    :raises GateError: when backfills that are not finished hold a contract revision;
        all in front of it is applied, as ``report`` of the error says.
    :raises DataMigrateError: with what failed, where, and what to do.
    """
    return _migrate(
        "up", directory, revision, sql, tag, x_arg, through, wait, defer, reporter, stop
    )


def downgrade(
    directory: str | None = None,
    revision: str = "-1",
    sql: bool = False,
    tag: str | None = None,
    x_arg: XArg = None,
    *,
    wait: float | None = None,
    reporter: Reporter | None = None,
    stop: threading.Event | None = None,
) -> UpgradeReport:
    """Downgrade to a revision, data and schema; what ``flask db downgrade`` calls.

    Takes what ``flask_migrate.downgrade`` takes, but raises where that exits.

    :param wait: seconds to wait for another upgrade that is running.
    :param reporter: gets the progress; it is logged by default.
    :param stop: set it from another thread to stop after the batch at hand.
    :raises UndoError: when a revision restores values that were not kept.
    :raises DataMigrateError: with what failed, where, and what to do.
    """
    return _migrate(
        "down", directory, revision, sql, tag, x_arg, None, wait, None, reporter, stop
    )


def _migrate(
    direction: Direction,
    directory: str | None,
    revision: str,
    sql: bool,
    tag: str | None,
    x_arg: XArg,
    through: Stage | None,
    wait: float | None,
    defer: bool | None,
    reporter: Reporter | None,
    stop: threading.Event | None,
) -> UpgradeReport:
    migrate = current_app.extensions["migrate"].migrate
    config = migrate.get_config(directory, x_arg=x_arg)
    values = settings.read(current_app.config)
    if sql:
        if direction == "down" and revision == "-1":
            # As flask_migrate.downgrade does: a script needs a place to start from.
            revision = "head:-1"
        held = script.write(config, direction, revision, tag, values, through)
        return UpgradeReport((), (), (), held)
    if reporter is None:
        logger = logging.getLogger(LOGGER)
        reporter = LogReporter(logger, values.log_seconds)
    migration = Migration(
        config,
        direction,
        revision,
        tag=tag,
        through=through,
        settings=values,
        wait=values.lock_wait if wait is None else wait,
        deferred=values.backfills == "deferred" if defer is None else defer,
        reporter=reporter,
        stop=stop or threading.Event(),
    )
    return migration.run()
