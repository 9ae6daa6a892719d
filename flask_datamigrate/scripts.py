"""What goes wrong in a project's own migration scripts."""

from __future__ import annotations

import contextlib
import pathlib
import traceback
import typing as t

from alembic.config import Config
from alembic.script import ScriptDirectory
from alembic.util import CommandError
from sqlalchemy import exc

from .errors import DataMigrateError
from .errors import DefinitionError
from .errors import RevisionError


@contextlib.contextmanager
def errors_in(directory: str) -> t.Iterator[None]:
    """Turn an exception of a script that is loaded in the block into one message.

    :param directory: the directory of the scripts.
    :raises RevisionError: naming the file and the line.
    """
    try:
        yield
    except DefinitionError as error:
        raise located(error, directory) from error
    except (CommandError, exc.DBAPIError):
        raise
    except Exception as error:
        raise explain(error, directory) from error


def directory(config: Config) -> ScriptDirectory:
    """Return the migration scripts of a project.

    :raises RevisionError: when there are none where they should be.
    """
    try:
        return ScriptDirectory.from_config(config)
    except CommandError as error:
        raise RevisionError(
            str(error),
            where="migrations",
            state="Nothing was changed",
            next="Change to the directory of the project, or name the directory of "
            "the migrations with -d; a new project begins with flask db init",
        ) from error


def ancestors(tree: ScriptDirectory, heads: t.Iterable[str]) -> set[str]:
    """Return the revisions that heads stand for, with all they depend on."""
    found: set[str] = set()
    waiting = list(heads)
    while waiting:
        script = tree.get_revision(waiting.pop())
        if script.revision not in found:
            found.add(script.revision)
            waiting += script._all_down_revisions
    return found


def advised(error: CommandError) -> CommandError:
    """Return an error of Alembic with what to do, where Alembic leaves that open."""
    if isinstance(error, DataMigrateError) or "Can't locate revision" not in str(error):
        return error
    return RevisionError(
        str(error),
        where="migrations",
        state="Nothing was changed",
        next="No file of that revision is here: bring it back (is this another branch "
        "of the code?), or look the name up with flask db history",
    )


def explain(
    error: Exception, directory: str, *, revision: str | None = None, state: str = ""
) -> RevisionError:
    """Return what a script's exception means to its author.

    :param directory: the directory of the scripts.
    :param revision: the revision that was running.
    :param state: what is now true of the data.
    """
    line = _line_of(error, pathlib.Path(directory).resolve())
    if isinstance(error, KeyError) and not line and revision is None:
        # Alembic's way to say that a down_revision or a depends_on leads nowhere.
        return RevisionError(
            f"another revision stands on {error.args[0]}, and no file has that",
            where="migrations",
            state=state or "Nothing was changed",
            next="Bring the file back (is this another branch of the code?), or mend "
            "the down_revision that names it",
        )
    where = f"revision {revision}" if revision else "migrations"
    said = error.msg if isinstance(error, SyntaxError) else str(error)
    text = said.splitlines()[0] if said else ""
    return RevisionError(
        f"{type(error).__name__}: {text}",
        where=f"{where} ({line})" if line else where,
        state=state,
        next="Mend the script, and run the same command again; for the traceback set "
        "FLASK_DEBUG=1",
    )


def located(error: DefinitionError, directory: str) -> DefinitionError:
    """Return the error of a definition with the line of the script it stands in.

    One that names its revision says enough.

    :param directory: the directory of the scripts.
    """
    line = _line_of(error, pathlib.Path(directory).resolve())
    if not line or "revision " in error.where:
        return error
    return DefinitionError(
        error.what,
        where=f"{line}, {error.where}" if error.where else line,
        state=error.state,
        next=error.next,
    )


def _line_of(error: Exception, root: pathlib.Path) -> str:
    """Return the innermost line of a script an error is from, if there is one."""
    if isinstance(error, SyntaxError) and error.filename:
        name = pathlib.Path(error.filename).name
        # Of an encoding that is not known, no line is given.
        return f"{name}, line {error.lineno}" if error.lineno else name
    for frame in reversed(traceback.extract_tb(error.__traceback__)):
        path = pathlib.Path(frame.filename).resolve()
        if path.is_relative_to(root):
            return f"{path.name}, line {frame.lineno}"
    return ""
