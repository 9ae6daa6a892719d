"""The pytest plugin in a project's own run of pytest."""

from __future__ import annotations

import pytest

from tests.apps import Project
from tests.databases.database import Database

CONFTEST = """
import pytest
from tests.apps import make_app

datamigrate_tests = {wanted!r}

@pytest.fixture
def app():
    app = make_app({url!r}, directory={directory!r}, **{config!r})
    return app

@pytest.fixture
def datamigrate_rows():
    return {rows!r}
"""

ROWS = {"r1": {"users": [{"id": 1, "email": "a@example.org", "visits": 7}]}}

MODEL = """
    db = app.extensions["sqlalchemy"]
    class User(db.Model):
        __tablename__ = "users"
        id = db.Column(db.Integer, primary_key=True)
        email = db.Column(db.String(200), nullable=False)
        visits = db.Column(db.Integer)
        name = db.Column(db.String(50))
    return app
"""


def write(
    pytester: pytest.Pytester,
    project: Project,
    *,
    wanted: object = True,
    rows: object = ROWS,
    models: bool = True,
) -> None:
    text = CONFTEST.format(
        wanted=wanted,
        url=project.url,
        directory=str(project.migrations),
        config=project.config,
        rows=rows,
    )
    if models:
        text = text.replace("    return app\n", MODEL)
    pytester.makeconftest(text)


def run(pytester: pytest.Pytester, *arguments: str) -> pytest.RunResult:
    return pytester.runpytest_inprocess("-p", "no:randomly", *arguments)


def test_one_line_switches_the_ready_made_tests_on(
    pytester: pytest.Pytester, project: Project, database: Database
) -> None:
    write(pytester, project)
    result = run(pytester, "-v")
    result.assert_outcomes(passed=6)
    result.stdout.fnmatch_lines(["conftest.py::test_up_down_up PASSED*"])
    assert database.tables() == []


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
def test_without_the_line_there_are_none(
    pytester: pytest.Pytester, project: Project
) -> None:
    write(pytester, project, wanted=False)
    assert run(pytester).ret == pytest.ExitCode.NO_TESTS_COLLECTED


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
def test_some_of_them(pytester: pytest.Pytester, project: Project) -> None:
    write(pytester, project, wanted=["upgrade", "single_head"])
    run(pytester).assert_outcomes(passed=2)
    write(pytester, project, wanted=["upgrades"])
    result = run(pytester)
    result.stdout.fnmatch_lines(["*names 'upgrades': did you mean \"upgrade\"?*"])
    write(pytester, project, wanted="upgrade")
    run(pytester).stdout.fnmatch_lines(["*datamigrate_tests is 'upgrade': give it*"])


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
def test_without_rows_the_undo_is_not_called_tested(
    pytester: pytest.Pytester, project: Project
) -> None:
    write(pytester, project, rows={})
    result = run(pytester, "-rs")
    result.assert_outcomes(passed=5, skipped=1)
    result.stdout.fnmatch_lines(["*override the fixture datamigrate_rows*"])


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
def test_each_of_them_fails_on_what_it_is_for(
    pytester: pytest.Pytester, project: Project
) -> None:
    project.revision(
        "r4",
        """
        def upgrade():
            op.create_index("ix_users_name", "users", ["name"])
            op.execute("UPDATE users SET email = lower(email) || '!'")

        def downgrade():
            pass
        """,
        down="r3",
    )
    write(pytester, project, models=False)
    result = run(pytester)
    result.assert_outcomes(passed=2, failed=4)
    result.stdout.fnmatch_lines_random(
        [
            "*r4, up and down, changes:*",
            "*users: + index ix_users_name name*",
            "*users: - row {'id': 1, 'email': 'a@example.org'*",
            "*write it down: flask db migrate*",
        ]
    )
    project.revision(
        "r4",
        """
        def upgrade():
            op.create_index("ix_users_name", "users", ["name"])

        def downgrade():
            raise RuntimeError("there is no way back")
        """,
        down="r3",
    )
    result = run(pytester, "-k", "up_down_up")
    result.stdout.fnmatch_lines(["r4 cannot be taken back: *there is no way back*"])
    project.revision("r5", "def upgrade(): pass\ndef downgrade(): pass", down="r3")
    result = run(pytester, "-k", "single_head")
    result.stdout.fnmatch_lines(["*merge them: flask db merge r? r?*"])


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
def test_the_fixture_in_a_test_of_the_project(
    pytester: pytest.Pytester, project: Project
) -> None:
    write(pytester, project, wanted=False)
    pytester.makepyfile(
        """
        def test_each_user_gets_a_visit(datamigrate):
            datamigrate.upgrade_to("r1")
            datamigrate.insert("users", {"id": 1, "email": "a", "visits": 7})
            datamigrate.upgrade_to("r2")
            assert datamigrate.rows("users")[0]["visits"] == 8

        def test_the_database_is_empty_again(datamigrate, client):
            assert datamigrate.heads == ()
            assert client.get("/").status_code == 404
        """
    )
    run(pytester).assert_outcomes(passed=2)
