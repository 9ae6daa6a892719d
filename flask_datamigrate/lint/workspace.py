"""A Flask app's migrations, and which of them are to be read."""

from __future__ import annotations

import dataclasses
import functools
import pathlib
import typing as t

import sqlalchemy as sa
from alembic.script import ScriptDirectory
from alembic.util import CommandError
from flask import Flask
from sqlalchemy import exc

from .. import scripts
from .. import settings
from ..errors import ConfigError
from ..errors import LintError
from . import history
from . import live
from . import project
from .conventions import Conventions
from .findings import Severity
from .findings import Table
from .linter import Options
from .linter import Report
from .linter import lint
from .rules import IDS


@dataclasses.dataclass(frozen=True, slots=True)
class Selection:
    """The revisions to read.

    :param tree: whether the tree as a whole is looked at.
    :param remark: what the user should know about the choice.
    """

    revisions: frozenset[str]
    tree: bool = True
    remark: str = ""


class Workspace:
    """The migrations of an app.

    :param app: the app, whose context is active.
    :param directory: the directory of its migrations.
    :raises LintError: when there are none.
    :raises ConfigError: for a rule that does not exist.
    """

    def __init__(self, app: Flask, directory: str | None) -> None:
        self.app = app
        self._migrate = app.extensions["migrate"]
        self.config = self._migrate.migrate.get_config(directory)
        self.tree = scripts.directory(self.config)
        self.settings = settings.read(app.config)
        self.options = _options(self.settings.lint)

    @functools.cached_property
    def history(self) -> history.History:
        """Every revision, read from its file."""
        directories = _versions(self.tree)
        recursive = bool(getattr(self.tree, "recursive_version_locations", False))
        return history.load(directories, recursive=recursive)

    @functools.cached_property
    def project(self) -> project.Project:
        """What is known of the app."""
        migrations = pathlib.Path(self.tree.dir).resolve()
        engines: t.Mapping[t.Any, sa.Engine] = self._migrate.db.engines
        names = self.settings.lint.get("dialects") or [
            engine.dialect.name for engine in engines.values()
        ]
        return project.Project(
            migrations,
            frozenset({self.app.import_name.partition(".")[0]}),
            project.roots(migrations, pathlib.Path.cwd()),
            project.dialects(names),
            Conventions(self._migrate.db.metadata.naming_convention),
        )

    def lint(self, selection: Selection) -> Report:
        """Run the rules over a selection."""
        return lint(
            self.history,
            selection.revisions,
            self.project,
            self.options,
            tree=selection.tree,
        )

    def live(self, report: Report) -> Report:
        """Weigh the findings of a report by the tables as they are.

        :raises LintError: when a database cannot be asked.
        """
        tables = {x.table for x in report.findings if x.table and x.size_matters}
        known: dict[Table, live.Known] = {}
        for engine in self._migrate.db.engines.values():
            try:
                with engine.connect() as connection:
                    known |= live.ask(connection, tables - set(known))
            except exc.SQLAlchemyError as error:
                raise LintError(
                    f"the database cannot be asked: {_reason(error)}",
                    where="--live",
                    next="Start it, or lint without --live",
                ) from error
        return live.sharpen(report, known, self.settings.atomic_rows)

    def forget(self) -> None:
        """Read the files again next time: they were rewritten."""
        self.__dict__.pop("history", None)

    def everything(self) -> Selection:
        """Choose every revision."""
        return Selection(frozenset(self.history.headers))

    def named(self, names: t.Iterable[str]) -> Selection:
        """Choose revisions by name.

        :raises LintError: for a name that no revision has.
        """
        found = (name for given in names for name in self.history.resolve(given))
        return Selection(frozenset(found), tree=False)

    def since(self, name: str) -> Selection:
        """Choose the revisions that are not, or not before, a revision.

        :raises LintError: for a name that no revision has.
        """
        before = self.history.ancestors(self.history.resolve(name))
        return Selection(frozenset(self.history.headers) - before)

    def unapplied(self) -> Selection:
        """Choose the revisions that the database does not have yet; all without one."""
        applied: set[str] = set()
        try:
            for place in self._places():
                applied |= self.history.ancestors(place.heads)
        except _NoDatabase as error:
            every = self.everything()
            remark = f"The database cannot be asked ({error}): every revision is read."
            return dataclasses.replace(every, remark=remark)
        return Selection(frozenset(self.history.headers) - applied)

    def _places(self) -> t.Sequence[t.Any]:
        from ..upgrading.places import places

        for engine in self._migrate.db.engines.values():
            path = engine.url.database
            # Asking would make an empty file.
            if engine.dialect.name == "sqlite" and path and path != ":memory:":
                if not path.startswith("file:") and not pathlib.Path(path).exists():
                    raise _NoDatabase("there is no file of it yet")
        try:
            return places(self.config, self.tree)
        except exc.SQLAlchemyError as error:
            raise _NoDatabase(_reason(error)) from error
        except (CommandError, ImportError, OSError) as error:
            raise _NoDatabase(str(error)) from error


class _NoDatabase(Exception):
    pass


def _reason(error: exc.SQLAlchemyError) -> str:
    lines = str(getattr(error, "orig", None) or error).strip().splitlines()
    return lines[0] if lines else type(error).__name__


def _versions(tree: ScriptDirectory) -> t.Sequence[pathlib.Path]:
    paths = map(pathlib.Path, tree._version_locations)
    found = [path for path in paths if path.is_dir()]
    if not found:
        raise LintError(
            "there is no directory of versions",
            where=str(tree.dir),
            next="Change to the directory of the project, or name the directory of the "
            "migrations with -d",
        )
    return found


def _options(given: t.Mapping[str, t.Any]) -> Options:
    disabled = frozenset(given.get("disable", ()))
    severities = {
        name: Severity(value) for name, value in given.get("severity", {}).items()
    }
    for name in sorted(disabled | set(severities)):
        if name not in IDS:
            raise ConfigError(
                f"DATAMIGRATE_LINT names a rule {name!r}, which does not exist",
                where="app.config",
                next=f"The rules are: {', '.join(sorted(IDS))}",
            )
    return Options(disabled, severities)
