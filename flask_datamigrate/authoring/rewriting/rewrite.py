"""Rewrites one revision, and shows the difference."""

from __future__ import annotations

import ast
import dataclasses
import difflib
import os
import pathlib
import typing as t

from alembic.util import CommandError
from flask import current_app

from ... import scripts
from ...errors import AuthoringError
from ...errors import RevisionError
from ...frozen import history
from .. import freeze
from ..source import Source
from . import imports
from . import uses

_FROZEN = "from flask_datamigrate import frozen"


@dataclasses.dataclass(frozen=True, slots=True)
class Rewritten:
    """A revision before and after.

    :param path: its file, as it still is.
    :param models: the models that were frozen, as the script calls them.
    """

    revision: str
    path: pathlib.Path
    encoding: str
    before: str
    after: str
    models: dict[str, type[t.Any]]

    def diff(self) -> str:
        """Return the difference, as lines with plus and minus."""
        name = os.path.relpath(self.path)
        return "".join(
            difflib.unified_diff(
                self.before.splitlines(keepends=True),
                self.after.splitlines(keepends=True),
                name,
                name,
            )
        )

    def write(self) -> None:
        """Write the file; as a whole, so that no crash leaves half of it."""
        scratch = self.path.with_name(f".{self.path.name}.new")
        scratch.write_bytes(self.after.encode(self.encoding))
        os.replace(scratch, self.path)


def rewrite(revision: str, bind: str | None = None) -> Rewritten:
    """Replace the models that a revision imports by frozen ones.

    The body stays as it is. A frozen model has the columns that the script uses, with
    the types they had by then.

    :param revision: the revision, in any form Alembic takes.
    :param bind: the bind key of the database of its tables.
    :raises AuthoringError: naming the line of what cannot be rewritten.
    """
    migrate = current_app.extensions["migrate"]
    tree = scripts.directory(migrate.migrate.get_config())
    try:
        with scripts.errors_in(tree.dir):
            script = tree.get_revision(revision)
    except CommandError as error:
        raise scripts.advised(error) from error
    if script is None:
        raise AuthoringError(f"there is no revision {revision}", where="--rewrite")
    source = Source(pathlib.Path(script.path), script.revision)
    imported = imports.find(source, migrate.db)
    if not imported:
        raise AuthoringError(
            "it imports no model of the app",
            where=f"revision {script.revision} ({source.path.name})",
            state="There is nothing to rewrite",
        )
    models = uses.find(source, imported)
    blocks, lines = _frozen(source, script, models, bind)
    source.define(blocks, freeze.in_order(lines))
    return Rewritten(
        script.revision,
        source.path,
        source.encoding,
        source.text,
        source.edited(),
        {model.name: model.mapper.class_ for model in models},
    )


def _frozen(
    source: Source, script: t.Any, models: list[uses.Model], bind: str | None
) -> tuple[list[str], set[str]]:
    """Return the code of the frozen models, and the imports it needs."""
    wanted = {model.name: model for model in models}
    blocks: dict[str, str] = {}
    lines = {_FROZEN} if models else set()
    if _lacks_sqlalchemy(source):
        lines.add("import sqlalchemy as sa")
    places = [script._all_down_revisions]
    # The revision itself may add the columns it fills. Run as it is, a query of the
    # app's session would ask the app's database.
    if not any(model.queried for model in models):
        places.append((script.revision,))
    for place in places:
        if not wanted:
            break
        try:
            with history.replayed(place, bind) as replay:
                for name, model in list(wanted.items()):
                    found = _try(replay, model)
                    if found is not None:
                        blocks[name] = found.code.rstrip()
                        lines |= set(found.imports)
                        del wanted[name]
        except RevisionError as error:
            raise AuthoringError(
                f"the columns as of the revision are not known: {error.what}",
                where=error.where,
                state="Nothing was written",
                next=f"Rewrite that revision first: {error.next}",
            ) from error
    if wanted:
        model = next(iter(wanted.values()))
        raise source.refusal(
            next(iter(model.named.values()), source.tree.body[0]),
            f'as of the revision, table "{model.table.name}" does not have all of '
            f"the columns {', '.join(sorted(model.named)) or '(it is not there)'}",
            "See: flask db data freeze "
            f"{model.table.name} --at {script.down_revision or script.revision}",
        )
    return [blocks[model.name] for model in models], lines


def _try(replay: history.Replay, model: uses.Model) -> freeze.Frozen | None:
    """Freeze a model, if the database has all that the script is sure to use."""
    table = model.table
    try:
        return freeze.as_model(
            replay,
            model.name,
            table.fullname,
            required=set(model.named),
            wanted=model.mentioned,
            attributes=model.attributes,
        )
    except AuthoringError:
        return None


def _lacks_sqlalchemy(source: Source) -> bool:
    """Tell whether ``sa`` is still to be imported."""
    return not any(
        isinstance(node, ast.Import)
        and any(a.name == "sqlalchemy" and a.asname == "sa" for a in node.names)
        for node in source.tree.body
    )
