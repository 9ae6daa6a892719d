"""``env.py``: Flask-Migrate's own, an old one, or one with ways of its own."""

from __future__ import annotations

import pathlib
import typing as t

import flask_migrate

from ...upgrading.overview import bind_of
from ..check import Check
from ..findings import Finding
from ..subjects import Project

_FILTERS = ("include_name", "include_object")


def look(project: Project) -> t.Iterator[Finding]:
    path = pathlib.Path(project.tree.dir) / "env.py"
    text = path.read_text(encoding="utf-8")
    template = _template(text)
    if template:
        yield Finding("ok", f"as Flask-Migrate wrote it ({template})")
    elif "configure_args" not in text:
        yield Finding(
            "warning",
            "it does not pass on configure_args, as Flask-Migrate has done since 2.0: "
            "what the app gives DataMigrate(…), as compare_type, render_as_batch or "
            "version_table_schema, does not reach Alembic",
            "Write a new one beside it (flask db init -d migrations_new), and take "
            f"its env.py in the place of {path.name}",
        )
    else:
        yield Finding("note", "it was changed since Flask-Migrate wrote it")
    yield from _ways(project)
    yield from _left_out(project)


def _template(text: str) -> str:
    """Return the template of the installed Flask-Migrate that a text is of."""
    assert flask_migrate.__file__ is not None
    directory = pathlib.Path(flask_migrate.__file__).parent / "templates"
    for path in sorted(directory.glob("*/env.py")):
        if path.read_text(encoding="utf-8").split() == text.split():
            return path.parent.name
    return ""


def _ways(project: Project) -> t.Iterator[Finding]:
    if any(place.in_transaction for place in project.places):
        yield Finding(
            "note",
            "it begins a transaction around all revisions, so that backfills and "
            "changes without locks run under flask db upgrade, and not under plain "
            "alembic upgrade",
        )
    own = [
        name
        for name in _FILTERS
        if any(place.options.get(name) is not None for place in project.places)
    ]
    if own:
        yield Finding(
            "note",
            f"autogenerate goes by {' and '.join(own)} of the app's own; the tables "
            "of this package are passed over before it is asked",
        )


def _left_out(project: Project) -> t.Iterator[Finding]:
    engines = project.installation.engines
    migrated = {bind_of(place, engines) for place in project.places}
    for bind in engines:
        if bind not in migrated and project.installation.models(bind).tables:
            yield Finding(
                "warning",
                f"the models have tables in the bind {bind!r}, and env.py does not "
                "migrate it",
                "Begin with the template for several databases: flask db init "
                "--multidb -d migrations_new",
                bind=bind,
            )


CHECK = Check("env.py", "", look)
