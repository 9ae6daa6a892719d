"""The marker ``datamigrate_stages`` in a project's own run of pytest."""

from __future__ import annotations

import pytest

from tests.apps import Project
from tests.databases.database import Database
from tests.stages.conftest import CONTRACT
from tests.stages.conftest import DEFERRED
from tests.stages.conftest import EXPAND
from tests.stages.conftest import PEOPLE

CONFTEST = """
import pytest
import sqlalchemy as sa
from flask_datamigrate import DataMigrate
from tests.apps import make_app

@pytest.fixture
def app():
    migrate = DataMigrate()
    split = migrate.change("split")
    app = make_app({url!r}, directory={directory!r}, migrate=migrate)

    @app.get("/")
    def show():
        column = "first_name" if split.reads_new else "full_name"
        db = app.extensions["sqlalchemy"]
        query = sa.text(f"SELECT {{column}} FROM people ORDER BY id")
        names = [name.split()[0] for name in db.session.scalars(query)]
        return {{"stage": split.stage, "names": names}}

    return app

@pytest.fixture
def datamigrate_rows():
    return {{"r1": {{"people": [{{"id": 3, "full_name": "Grace Hopper"}}]}}}}
"""


def test_a_marked_test_runs_for_each_legal_pair(
    pytester: pytest.Pytester, project: Project, database: Database
) -> None:
    for stale in project.migrations.glob("versions/*.py"):
        stale.unlink()
    down = None
    for number, body in enumerate((PEOPLE, EXPAND, DEFERRED, CONTRACT), 1):
        project.revision(f"r{number}", body, down=down)
        down = f"r{number}"
    pytester.makeconftest(
        CONFTEST.format(url=project.url, directory=str(project.migrations))
    )
    pytester.makepyfile(
        """
        import pytest

        seen = []

        @pytest.mark.datamigrate_stages("split")
        def test_names(client, datamigrate):
            answer = client.get("/").json
            assert answer["names"] == ["Ada", "Alan", "Grace"]
            seen.append((answer["stage"], datamigrate.heads))

        def test_seen():
            assert sorted(seen) == [
                ("contract", ("r3",)),
                ("contract", ("r4",)),
                ("expand", ("r1",)),
                ("expand", ("r2",)),
                ("expand", ("r3",)),
                ("migrate", ("r2",)),
                ("migrate", ("r3",)),
            ]

        @pytest.mark.datamigrate_stages("splitt")
        def test_misspelt(client):
            pass
        """
    )
    result = pytester.runpytest_inprocess("-p", "no:randomly", "-p", "no:xdist")
    result.assert_outcomes(passed=8, errors=7)
    printed = result.stdout.str()
    said = "test_misspelt*datamigrate_stages: no revision belongs to a change 'splitt'*"
    result.stdout.fnmatch_lines([f'*{said}did you mean "split"*'])
    assert "Traceback" not in printed and "flask_datamigrate/" not in printed
    assert database.tables() == []


def test_pairs_whose_revision_is_still_to_be_written_are_skipped(
    pytester: pytest.Pytester, project: Project
) -> None:
    for stale in project.migrations.glob("versions/*.py"):
        stale.unlink()
    down = None
    for number, body in enumerate((PEOPLE, EXPAND, DEFERRED), 1):
        project.revision(f"r{number}", body, down=down)
        down = f"r{number}"
    pytester.makeconftest(
        CONFTEST.format(url=project.url, directory=str(project.migrations))
    )
    pytester.makepyfile(
        """
        import pytest

        @pytest.mark.datamigrate_stages("split")
        def test_names(client):
            assert client.get("/").json["names"] == ["Ada", "Alan", "Grace"]
        """
    )
    result = pytester.runpytest_inprocess("-rs", "-p", "no:xdist")
    result.assert_outcomes(passed=5, skipped=2)
    result.stdout.fnmatch_lines(["*the change split has no contract revision yet*"])
