"""Scripts as strings, and what the linter finds in them."""

from __future__ import annotations

import pathlib
import textwrap
import typing as t

import pytest

from flask_datamigrate.lint import history
from flask_datamigrate.lint.conventions import Conventions
from flask_datamigrate.lint.findings import Finding
from flask_datamigrate.lint.linter import Options
from flask_datamigrate.lint.linter import Report
from flask_datamigrate.lint.linter import lint
from flask_datamigrate.lint.project import Project

# With the extra "test" it is there.
pytest.importorskip("sqlglot", reason="half of the rules read SQL")

HEADER = '''"""A revision."""
import sqlalchemy as sa
from alembic import op

revision = "r1"
down_revision = None
'''

ALL = ("postgresql", "mysql", "sqlite")


def report(
    path: pathlib.Path,
    *bodies: str,
    header: str = HEADER,
    options: Options = Options(),  # noqa: B008
    dialects: t.Sequence[str] = ALL,
    conventions: t.Mapping[t.Any, t.Any] = {},  # noqa: B006
) -> Report:
    """Lint scripts whose app is the package ``myapp``.

    :param path: an empty directory.
    :param bodies: what follows the identifiers of ``r1``, ``r2`` and so on.
    :param conventions: the ``naming_convention`` of the models' metadata.
    """
    for number, body in enumerate(bodies, start=1):
        down = f'"r{number - 1}"' if number > 1 else "None"
        text = header.replace('"r1"', f'"r{number}"')
        text = text.replace("down_revision = None", f"down_revision = {down}")
        file = path / f"r{number}.py"
        file.write_text(text + textwrap.dedent(body), encoding="utf-8")
    known = history.load([path])
    project = Project(
        path,
        frozenset({"myapp"}),
        dialects=tuple(dialects),
        conventions=Conventions(conventions),
    )
    return lint(known, set(known.headers), project, options)


def findings(path: pathlib.Path, body: str, **options: t.Any) -> list[Finding]:
    """Return what is found in one script."""
    return list(report(path, body, **options).findings)


def rules(path: pathlib.Path, body: str, **options: t.Any) -> set[str]:
    """Return the ids of the rules that find something in one script."""
    return {finding.rule for finding in findings(path, body, **options)}
