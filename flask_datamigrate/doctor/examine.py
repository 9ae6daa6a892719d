"""Goes through the checks, as far as there is something to look at."""

from __future__ import annotations

import contextlib
import dataclasses
import typing as t

import sqlalchemy as sa
from alembic.util import CommandError
from flask import current_app
from sqlalchemy import exc

from .. import scripts
from .. import settings
from ..backfill import faults
from ..backfill.connections import OwnTransactions
from ..dialects import family
from ..errors import ConfigError
from ..errors import DataMigrateError
from ..upgrading.overview import bind_of
from ..upgrading.places import Place
from ..upgrading.places import places
from . import checks
from .check import Check
from .check import Subject
from .findings import Examination
from .findings import Finding
from .findings import Level
from .subjects import Installation
from .subjects import Patient
from .subjects import Project


def examine(directory: str | None) -> Examination:
    """Look the current app, its migrations and its databases over.

    Nothing is changed, and no lock is taken.

    :param directory: of the migrations; ``None`` for the app's own.
    """
    return _Examiner(directory).examine()


class _Examiner:
    def __init__(self, directory: str | None) -> None:
        self._directory = directory
        self._found: list[Finding] = []
        self._blind = False
        self._told: dict[str, str] = {}

    def examine(self) -> Examination:
        app = current_app._get_current_object()  # type: ignore[attr-defined]
        try:
            values = settings.read(app.config)
        except ConfigError:
            # The check of the keys says so; the rest goes by the defaults.
            values = settings.read({})
        installation = Installation(app, values)
        self._go(checks.OF_THE_APP, installation, None)
        reached = [self._reach(*item) for item in installation.engines.items()]
        if not all(reached):
            what = "not looked at, since env.py needs every database"
            self._say("note", "scripts", what, "", None)
            return Examination(tuple(self._found), self._blind)
        project = self._read(installation)
        if project is not None:
            self._go(checks.OF_THE_MIGRATIONS, project, None)
            for place in project.places:
                self._visit(project, place)
        return Examination(tuple(self._found), self._blind)

    def _reach(self, bind: str | None, engine: sa.Engine) -> bool:
        """Tell whether a database answers; say so where it does not."""
        try:
            with engine.connect():
                return True
        except exc.DBAPIError as error:
            said = faults.explain(error)
            self._cannot("connection", said.what, said.next, bind)
        except exc.SQLAlchemyError as error:
            # As of a driver that only works with asyncio.
            what = str(error).splitlines()[0]
            self._cannot("connection", what, "Take another driver in the URL", bind)
        return False

    def _read(self, installation: Installation) -> Project | None:
        """Read the scripts and ask ``env.py``; say so where that cannot be done."""
        try:
            config = installation.migrate.migrate.get_config(self._directory)
            tree = scripts.directory(config)
            with scripts.errors_in(tree.dir):
                list(tree.walk_revisions())
                found = places(config, tree)
        except CommandError as error:
            self._cannot("scripts", *_said(error), None)
            return None
        except exc.DBAPIError as error:
            said = faults.explain(error)
            self._cannot("scripts", said.what, said.next, None)
            return None
        return Project(installation, config, tree, tuple(found))

    def _visit(self, project: Project, place: Place) -> None:
        bind = bind_of(place, project.installation.engines)
        values = project.installation.settings
        with contextlib.closing(
            OwnTransactions(
                place.engine, values.row_lock_timeout, pooled=values.lock == "row"
            )
        ) as transactions:
            for check in checks.OF_A_DATABASE:
                if check.only and family(place.engine.dialect) not in check.only:
                    continue
                # A look that fails must not fail those after it.
                with self._looked_at(check, bind), transactions.reading() as connection:
                    patient = Patient(project, place, bind, connection)
                    self._take(check, patient, bind)

    def _go(
        self, of: t.Iterable[Check[Subject]], subject: Subject, bind: str | None
    ) -> None:
        for check in of:
            with self._looked_at(check, bind):
                self._take(check, subject, bind)

    def _take(self, check: Check[Subject], subject: Subject, bind: str | None) -> None:
        found = list(check.look(subject)) or [Finding("ok", check.fine)]
        self._found += [
            dataclasses.replace(one, check=check.name, bind=one.bind or bind)
            for one in found
        ]

    @contextlib.contextmanager
    def _looked_at(self, check: Check[t.Any], bind: str | None) -> t.Iterator[None]:
        """Go on after a check that the database, or a script, does not allow."""
        try:
            yield
        except exc.DBAPIError as error:
            said = faults.explain(error)
            self._say("warning", check.name, f"not looked at: {said.what}", "", bind)
        except CommandError as error:
            what, following = _said(error)
            told = self._told.setdefault(what, check.name)
            if told != check.name:
                what = f"not looked at, for the same reason as {told}"
                self._say("note", check.name, what, "", bind)
            else:
                self._say("problem", check.name, what, following, bind)

    def _cannot(self, check: str, what: str, next: str, bind: str | None) -> None:
        self._blind = True
        self._say("problem", check, what, next, bind)

    def _say(
        self, level: Level, check: str, what: str, next: str, bind: str | None
    ) -> None:
        self._found.append(Finding(level, what, next, check, bind))


def _said(error: CommandError) -> tuple[str, str]:
    """Return what an error says, and what to do."""
    if not isinstance(error, DataMigrateError):
        return str(error), ""
    what = f"{error.where}: {error.what}" if error.where else error.what
    return what, error.next
