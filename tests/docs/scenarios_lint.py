"""Mistakes of the page on troubleshooting that the linter meets."""

from __future__ import annotations

import os
import shutil

from flask_datamigrate.lint.workspace import Workspace
from tests.docs.scenarios import SCENARIOS
from tests.docs.scenarios import Scene
from tests.docs.scenarios import scenario

__all__ = ["SCENARIOS"]


def workspace(scene: Scene, **config: object) -> Workspace:
    """Return what the linter knows of a project, read from within its directory."""
    with scene.app(**config) as app:
        return Workspace(app, str(scene.project.migrations))


@scenario
def lint_no_such_revision(scene: Scene) -> None:
    workspace(scene).named(["6c55"])


@scenario
def lint_several_revisions(scene: Scene) -> None:
    scene.project.revision("b2c1", "", down="a1")
    scene.project.revision("b2c4", "", down="b2c1")
    workspace(scene).named(["b2c"])


@scenario
def lint_unreadable_revision(scene: Scene) -> None:
    versions = scene.project.migrations / "versions"
    (versions / "6c55_lower_emails.py").write_text("def upgrade(:")
    workspace(scene).named(["6c55"])


@scenario
def lint_no_such_rule(scene: Scene) -> None:
    workspace(scene, DATAMIGRATE_LINT={"disable": ["DM127"]})


@scenario
def lint_wrong_key(scene: Scene) -> None:
    workspace(scene, DATAMIGRATE_LINT={"disabled": ["DM112"]})


@scenario
def lint_no_versions(scene: Scene) -> None:
    shutil.rmtree(scene.project.migrations / "versions")
    back = os.getcwd()
    os.chdir(scene.project.path)
    try:
        with scene.app() as app:
            Workspace(app, "migrations").everything()
    finally:
        os.chdir(back)


@scenario
def lint_live(scene: Scene) -> None:
    url = "postgresql+psycopg2://postgres@127.0.0.1:1/app"
    scene.project.revision("b2", INDEX, down="a1")
    with scene.app(SQLALCHEMY_DATABASE_URI=url) as app:
        read = Workspace(app, str(scene.project.migrations))
        read.live(read.lint(read.everything()))


INDEX = """
def upgrade():
    op.create_index("ix_users_email", "users", ["email"])

def downgrade():
    op.drop_index("ix_users_email", "users")
"""
