"""What the code of an app is told of a change, while requests come in."""

from __future__ import annotations

import threading
import typing as t

import pytest
import sqlalchemy as sa
from flask import Flask
from flask import request

from flask_datamigrate import DataMigrate
from flask_datamigrate.errors import ConfigError

from .conftest import DEFERRED
from .conftest import Split


def with_view(split: Split, stage: str, **config: t.Any) -> Flask:
    """Return the app with a view that tells what it may do."""
    migrate = DataMigrate()
    change = migrate.change("split")
    app = split.make_app(migrate=migrate, DATAMIGRATE_STAGES={"split": stage}, **config)

    @app.get("/")
    def show() -> dict[str, t.Any]:
        return {
            "stage": change.stage,
            "reads_new": change.reads_new,
            "writes_old": change.writes_old,
            "writes_new": change.writes_new,
        }

    return app


def told(app: Flask) -> tuple[t.Any, ...]:
    return tuple(app.test_client().get("/").get_json().values())


def test_the_flip_comes_by_itself_when_the_data_is_verified(split: Split) -> None:
    split.write(migrate=DEFERRED)
    code = with_view(split, "migrate", DATAMIGRATE_STAGE_TTL=0)
    # reads_new, stage, writes_new, writes_old: in the order of JSON.
    assert told(code) == (False, "migrate", True, True)
    split.at("migrate").upgrade()
    assert told(code) == (False, "migrate", True, True)
    assert split.flask("db", "data", "run").exit_code == 0
    assert told(code) == (True, "migrate", True, True)
    split.downgrade("r2")
    assert told(code) == (False, "migrate", True, True)


def test_a_change_whose_data_needs_no_backfill_flips_too(split: Split) -> None:
    statement = """
change = "split"
stage = "migrate"

def upgrade():
    op.execute("UPDATE people SET first_name = full_name")

def downgrade():
    pass
"""
    split.write(migrate=statement)
    code = with_view(split, "migrate", DATAMIGRATE_STAGE_TTL=0)
    split.at("migrate").upgrade("r2")
    assert told(code)[0] is False
    split.upgrade()
    assert told(code)[0] is True


def test_code_at_the_other_stages_asks_nothing(split: Split) -> None:
    for stage, expected in (
        ("expand", (False, "expand", False, True)),
        ("contract", (True, "contract", True, False)),
    ):
        code = with_view(split, stage)
        asked: list[str] = []
        with code.app_context():
            engine = code.extensions["sqlalchemy"].engine

        @sa.event.listens_for(engine, "before_cursor_execute")
        def note(*arguments: t.Any, asked: list[str] = asked) -> None:
            asked.append(arguments[2])

        assert told(code) == expected
        assert asked == []


def test_one_query_serves_many_requests(split: Split) -> None:
    split.write()
    split.at("migrate").upgrade()
    code = with_view(split, "migrate", DATAMIGRATE_STAGE_TTL=3600)
    assert told(code)[0] is True
    asked: list[str] = []
    with code.app_context():
        engine = code.extensions["sqlalchemy"].engine
    sa.event.listen(engine, "before_cursor_execute", lambda *a: asked.append(a[2]))
    split.downgrade("r2")
    assert told(code)[0] is True
    assert asked == []


def test_the_answer_is_the_same_for_the_whole_of_a_request(split: Split) -> None:
    split.write(migrate=DEFERRED)
    split.at("migrate").upgrade()
    code = with_view(split, "migrate", DATAMIGRATE_STAGE_TTL=0)
    change = code.extensions["migrate"].migrate.change("split")

    @code.get("/twice")
    def twice() -> list[bool]:
        before = change.reads_new
        if request.args:
            worker = threading.Thread(target=split.flask, args=("db", "data", "run"))
            worker.start()
            worker.join()
        return [before, change.reads_new]

    client = code.test_client()
    assert client.get("/twice?run=1").get_json() == [False, False]
    assert client.get("/twice").get_json() == [True, True]


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
def test_a_misspelt_change_in_the_code(split: Split) -> None:
    app = split.make_app(DATAMIGRATE_STAGES={"split": "expand"})
    change = app.extensions["migrate"].migrate.change("splt")
    with app.app_context(), pytest.raises(ConfigError, match='did you mean "split"'):
        assert change.reads_new


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
def test_one_migrate_serves_apps_at_different_stages(split: Split) -> None:
    migrate = DataMigrate()
    change = migrate.change("split")
    for stage in ("expand", "contract"):
        app = split.make_app(migrate=migrate, DATAMIGRATE_STAGES={"split": stage})
        with app.app_context():
            assert change.stage == stage


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
def test_a_database_in_memory_keeps_what_a_request_has_begun(split: Split) -> None:
    split.project.url = "sqlite://"
    split.write()
    app = with_view(split, "migrate", DATAMIGRATE_STAGE_TTL=0)
    split.app = app
    split.upgrade()
    db = app.extensions["migrate"].db
    change = app.extensions["migrate"].migrate.change("split")
    with app.app_context():
        db.session.execute(sa.text("DELETE FROM people WHERE id = 1"))
        assert change.reads_new
        db.session.commit()
    with app.app_context():
        assert db.session.scalar(sa.text("SELECT count(*) FROM people")) == 1


def test_the_first_request_refuses_code_that_is_ahead(split: Split) -> None:
    split.write(migrate=DEFERRED)
    split.at("migrate").upgrade()
    code = with_view(split, "contract", DATAMIGRATE_CHECK="error")
    assert code.test_client().get("/").status_code == 503
    assert split.flask("db", "data", "run").exit_code == 0
    assert code.test_client().get("/").status_code == 200


def test_the_first_request_may_only_warn(split: Split) -> None:
    split.write()
    split.at("contract").upgrade()
    code = with_view(split, "expand", DATAMIGRATE_CHECK="warn")
    logged: list[str] = []
    code.logger.addFilter(lambda record: not logged.append(record.getMessage()))
    # The logging of env.py, which no serving process runs.
    code.logger.disabled = False
    client = code.test_client()
    assert [client.get("/").status_code for _ in range(2)] == [200, 200]
    (message,) = logged
    assert "the code is at expand, and its contract is applied" in message
    # It can be typed, and is what flask db data check says.
    check = split.at("expand").flask("db", "data", "check")
    assert check.stderr == f"Conflict: {message}\n"
    assert "flask db downgrade r4-1" in message
    # Where the folder is not there, it says where to ask.
    split.project.migrations.rename(split.project.path / "elsewhere")
    code = with_view(split, "expand", DATAMIGRATE_CHECK="warn")
    code.logger.addFilter(lambda record: not logged.append(record.getMessage()))
    code.logger.disabled = False
    assert code.test_client().get("/").status_code == 200
    assert "which flask db data check names" in logged[1]


@pytest.mark.parametrize(("check", "status"), [("warn", 200), ("error", 503)])
def test_the_first_request_goes_on_without_a_database(
    split: Split, check: str, status: int
) -> None:
    url = sa.make_url(split.project.url)
    down = url.set(port=1) if url.host else url.set(database="no/such/directory/app.db")
    split.project.url = down.render_as_string(hide_password=False)
    code = with_view(split, "migrate", DATAMIGRATE_CHECK=check)
    code.add_url_rule("/still", view_func=lambda: "up")
    logged: list[str] = []
    code.logger.addFilter(lambda record: not logged.append(record.getMessage()))
    code.logger.disabled = False
    assert code.test_client().get("/still").status_code == status
    (message,) = logged
    assert message.startswith("The stages of changes could not be compared with the")
