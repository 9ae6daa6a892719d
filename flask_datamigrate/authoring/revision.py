"""New revisions: a data migration written through Alembic's own script directory."""

from __future__ import annotations

import dataclasses
import os
import pathlib
import shutil
import tempfile
import typing as t

from alembic import util
from alembic.script import ScriptDirectory

from ..errors import AuthoringError
from ..scripts import errors_in
from ..settings import STAGES as STAGES
from . import body
from . import naming
from .freeze import Frozen
from .freeze import Table
from .layout import WIDTH
from .naming import literal

if t.TYPE_CHECKING:
    from alembic.config import Config

Kind = t.Literal["update", "rows", "insert", "delete", "sql"]

KINDS: tuple[Kind, ...] = t.get_args(Kind)

TEMPLATE = "data.py.mako"

_PACKAGED = pathlib.Path(__file__).with_name(TEMPLATE)


@dataclasses.dataclass(frozen=True, slots=True)
class Options:
    """What ``flask db data new`` was asked for.

    :param message: the revision's message.
    :param kind: what it does: ``update``, ``rows``, ``insert``, ``delete``, ``sql``.
    :param frozen: the frozen tables; for an insert, the source and the target.
    :param change: the staged change it belongs to.
    :param stage: its stage: ``expand``, ``migrate`` or ``contract``.
    :param deferred: leave the work to ``flask db data run``.
    :param atomic: run in the revision's own transaction.
    :param binds: the app's bind keys beside the default database.
    :param bind: the bind key of the database the work is for.
    :param head: as in ``flask db revision``, and so the rest.
    """

    message: str
    kind: Kind = "update"
    frozen: Frozen = dataclasses.field(default_factory=Frozen)
    change: str | None = None
    stage: str | None = None
    deferred: bool = False
    atomic: bool = False
    binds: tuple[str, ...] = ()
    bind: str | None = None
    head: str = "head"
    splice: bool = False
    branch_label: str | None = None
    version_path: str | None = None
    rev_id: str | None = None


def new(config: Config, options: Options) -> pathlib.Path:
    """Write a revision that migrates data.

    A ``data.py.mako`` beside ``script.py.mako`` replaces the packaged template.

    :param config: Alembic's config, from ``migrate.get_config()``.
    :param options: what to write.
    :returns: the path of the new file.
    :raises AuthoringError: for a revision id that exists or cannot be one, a head
        or a version location that does not exist, options that do not go together,
        and a template that fails.
    """
    _check(options)
    if options.change is not None:
        naming.check_change(options.change)
    scripts = _script_directory(config)
    template = _template(scripts)
    functions = _functions(scripts, options)
    docstring = _docstring(options.message)
    rev_id = util.rev_id() if options.rev_id is None else options.rev_id
    naming.check_revision_id(rev_id)
    _check_free(scripts, rev_id)
    _check_location(scripts, options.version_path)
    with tempfile.TemporaryDirectory() as directory:
        _use_template(scripts, template, pathlib.Path(directory))
        try:
            script = scripts.generate_revision(
                rev_id,
                options.message,
                head=options.head,
                splice=options.splice,
                branch_labels=options.branch_label,
                version_path=options.version_path,
                config=config,
                docstring=docstring,
                literal=literal,
                docstring_end="  # noqa: E501" if len(docstring) > WIDTH - 3 else "",
                body=body.written(options),
                change=options.change,
                stage=options.stage,
                functions=functions,
                frozen=options.frozen,
                kind=options.kind,
                upgrades=None,
                downgrades=None,
                imports=None,
            )
        except util.CommandError as error:
            raise _explained(error, scripts, template) from error
        except OSError as error:
            raise AuthoringError(
                f"the revision could not be written, or a post-write hook not run: "
                f"{error}",
                next="Check `file_template` and `[post_write_hooks]` in alembic.ini",
            ) from error
        except Exception as error:
            # The template is the user's to write, so anything may be wrong in it.
            raise AuthoringError(
                f"the template, or the revision it wrote, fails: {error!r}",
                where=str(template),
                next="Correct the template, and the file it has written",
            ) from error
    if script is None:
        raise AuthoringError(
            "the new file is not recognised as a revision",
            where=str(template),
            next="Check `file_template` in alembic.ini",
        )
    return pathlib.Path(script.path)


def conflict(
    *,
    kind: str,
    tables: int,
    change: str | None,
    stage: str | None,
    deferred: bool,
    atomic: bool,
) -> str | None:
    """Say which options do not go together; ``None`` when all do.

    :param tables: how many tables are named.
    """
    if (change is None) != (stage is None):
        return "--change and --stage belong together: give both or none"
    if deferred and atomic:
        return "--deferred and --atomic exclude each other: now, or later"
    if kind == "sql" and (deferred or atomic):
        return "--deferred and --atomic are for backfills, and --kind sql has none"
    if kind == "insert" and tables != 2:
        return "--kind insert needs --table twice: the source, then the target"
    return None


@dataclasses.dataclass(frozen=True, slots=True)
class Functions:
    """The functions of the revision: one of each, or one of each for every database.

    :param binds: for the multi-database template, the bind keys, ``""`` for the
        default database; ``None`` otherwise.
    :param bind: the one the work is for.
    """

    binds: tuple[str, ...] | None
    bind: str


def _check(options: Options) -> None:
    what = conflict(
        kind=options.kind,
        tables=len(options.frozen.tables),
        change=options.change,
        stage=options.stage,
        deferred=options.deferred,
        atomic=options.atomic,
    )
    if options.kind not in KINDS:
        what = f"the kind {options.kind!r} is none of {', '.join(KINDS)}"
    elif options.stage is not None and options.stage not in STAGES:
        what = f"the stage {options.stage!r} is none of {', '.join(STAGES)}"
    if what:
        raise AuthoringError(what, state="Nothing was written")
    if options.frozen.tables and options.kind != "sql":
        _check_table(options.frozen.tables[0], options.kind)


def _check_table(table: Table, kind: Kind) -> None:
    if not any(column.key for column in table.columns):
        raise AuthoringError(
            f'table "{table.name}" has no primary key for the batches to follow',
            state="Nothing was written",
            next="Add one, or write the revision by hand: `flask db data freeze "
            f"{table.name}` prints the table, and `Backfill(..., key=[...])` takes "
            "columns that are unique and not null; --kind sql needs no key",
        )
    if kind in ("update", "rows") and all(column.key for column in table.columns):
        raise AuthoringError(
            f'table "{table.name}" has no column to fill beside its key',
            state="Nothing was written",
            next="First run the migration that adds the column, or name it in "
            "--columns",
        )


def _docstring(message: str) -> str:
    return message.strip().replace("\\", "\\\\").replace('"""', '\\"\\"\\"')


def _functions(scripts: ScriptDirectory, options: Options) -> Functions:
    own = pathlib.Path(scripts.dir, "script.py.mako")
    # The function Flask-Migrate's multi-database env.py calls has this parameter.
    multidb = own.is_file() and "engine_name" in own.read_text(encoding="utf-8")
    if options.bind is not None and options.bind not in options.binds:
        known = ", ".join(options.binds) or "none"
        raise AuthoringError(
            f'the app has no database with the bind key "{options.bind}"',
            state="Nothing was written",
            next=f"The keys of SQLALCHEMY_BINDS are: {known}",
        )
    if not multidb:
        if options.bind is not None:
            raise AuthoringError(
                "the migrations are of the template for one database, which knows "
                "no bind keys",
                where=str(own),
                state="Nothing was written",
                next="Leave --bind out, or begin with `flask db init --multidb`",
            )
        return Functions(None, "")
    for bind in options.binds:
        if not f"upgrade_{bind}".isidentifier():
            raise AuthoringError(
                f'the bind key "{bind}" cannot be part of the name of a function, '
                "which the multi-database template needs",
                where="SQLALCHEMY_BINDS",
                state="Nothing was written",
                next="Rename it, with letters, digits and underscores only",
            )
    return Functions(("", *options.binds), options.bind or "")


def _script_directory(config: Config) -> ScriptDirectory:
    try:
        return ScriptDirectory.from_config(config)
    except util.CommandError as error:
        raise AuthoringError(
            str(error),
            state="Nothing was written",
            next="Run `flask db init` first, or name the directory with --directory",
        ) from error


def _template(scripts: ScriptDirectory) -> pathlib.Path:
    own = pathlib.Path(scripts.dir, TEMPLATE)
    return own if own.is_file() else _PACKAGED


def _use_template(
    scripts: ScriptDirectory, template: pathlib.Path, directory: pathlib.Path
) -> None:
    """Let Alembic find another template where it looks for ``script.py.mako``.

    ``generate_revision`` reads ``script.py.mako`` in ``dir``, and uses ``dir`` for
    nothing else once the version locations are named; so hooks, file names, time
    zones and encodings stay as they are configured.
    """
    scripts.version_locations = scripts.version_locations or [
        str(pathlib.Path(scripts.dir, "versions"))
    ]
    scripts.dir = str(directory)
    shutil.copyfile(template, directory / "script.py.mako")


def _check_free(scripts: ScriptDirectory, rev_id: str) -> None:
    with errors_in(scripts.dir):
        known = list(scripts.walk_revisions())
    for script in known:
        if script.revision == rev_id:
            raise AuthoringError(
                f"the revision {rev_id} exists: {script.path}",
                state="Nothing was written",
                next="Choose another --rev-id, or leave it out",
            )


def _check_location(scripts: ScriptDirectory, version_path: str | None) -> None:
    known = scripts._version_locations
    if version_path is None or any(
        os.path.abspath(version_path) == os.path.abspath(path) for path in known
    ):
        return
    raise AuthoringError(
        f"{version_path} is none of the version locations",
        where="--version-path",
        state="Nothing was written",
        next=f"Give one of them: {', '.join(map(os.path.relpath, known))}; or list it "
        "under version_locations in alembic.ini first",
    )


def _explained(
    error: util.CommandError, scripts: ScriptDirectory, template: pathlib.Path
) -> AuthoringError:
    # Alembic's words for whatever went wrong in the template; they name a file with
    # the traceback, but not the template.
    if str(error).startswith("Template rendering failed"):
        return AuthoringError(
            str(error), where=str(template), next="Correct the template"
        )
    return AuthoringError(
        str(error),
        state=f"The heads are: {', '.join(scripts.get_heads()) or 'none'}",
        next="`flask db history` lists all revisions",
    )
