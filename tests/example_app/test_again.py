"""Requests that meet a schema change between their reading and their writing."""

from __future__ import annotations

import contextlib
import threading
import time
import typing as t

import pytest
import sqlalchemy as sa

from example_app.database import db
from example_app.views.again import TRIES
from tests.databases.database import Database
from tests.docs.blocks import ROOT
from tests.docs.blocks import blocks

from .conftest import Tracker

GUIDE = ROOT / "docs" / "guide" / "staged-changes.md"

CHANGE: dict[str, tuple[str, ...]] = {
    # The first lock lets readers be, the second does not.
    "postgresql": (
        "SET deadlock_timeout = '1h'",
        "BEGIN",
        "LOCK TABLE bugs IN SHARE ROW EXCLUSIVE MODE",
        "ALTER TABLE bugs ADD COLUMN IF NOT EXISTS noted integer",
        "COMMIT",
    ),
    "mysql": (
        "CREATE OR REPLACE TRIGGER noted BEFORE UPDATE ON bugs "
        "FOR EACH ROW SET @noted = NEW.id",
    ),
    "sqlite": ("BEGIN IMMEDIATE",),
}
WAITING = {
    "postgresql": "SELECT count(*) FROM pg_locks WHERE NOT granted "
    "AND relation = 'bugs'::regclass AND mode = 'AccessExclusiveLock'",
    "mysql": "SELECT count(*) FROM information_schema.processlist "
    "WHERE state = 'Waiting for table metadata lock' AND db = DATABASE()",
}


class Change:
    """A schema change that comes when a request has read a bug.

    :param often: behind how many of the reads.
    """

    def __init__(self, tracker: Tracker, database: Database, often: int) -> None:
        self.rolled_back = 0
        self.left = often
        self._database = database
        self._engine = database.engine(isolation_level="AUTOCOMMIT")
        self._under_way = contextlib.ExitStack()
        sa.event.listen(tracker.engine, "connect", self._hasten)
        sa.event.listen(tracker.engine, "after_cursor_execute", self._come)
        sa.event.listen(tracker.engine, "rollback", self._note)

    def end(self) -> None:
        """Wait for the last one to be done."""
        self._under_way.close()

    def _hasten(self, connection: t.Any, record: object) -> None:
        settings = {
            "postgresql": "SET deadlock_timeout = '10ms'",
            "sqlite": "PRAGMA busy_timeout = 0",
        }
        if setting := settings.get(self._database.name):
            with contextlib.closing(connection.cursor()) as cursor:
                cursor.execute(setting)
            connection.commit()

    def _come(self, connection: object, cursor: object, sql: str, *_: object) -> None:
        if self.left == 0 or not (sql.startswith("SELECT") and "FROM bugs" in sql):
            return
        self.left -= 1
        self.end()
        if self._database.name == "sqlite":
            writer = self._under_way.enter_context(self._engine.connect())
            writer.exec_driver_sql(*CHANGE["sqlite"])
            self._under_way.callback(writer.exec_driver_sql, "ROLLBACK")
            return
        change = threading.Thread(target=self._take)
        change.start()
        self._under_way.callback(change.join)
        while not self._database.scalar(WAITING[self._database.name]):
            assert change.is_alive()
            time.sleep(0.01)

    def _take(self) -> None:
        with self._engine.connect() as connection:
            for statement in CHANGE[self._database.name]:
                connection.exec_driver_sql(statement)

    def _note(self, connection: object) -> None:
        self.rolled_back += 1
        if self._database.name == "sqlite" and self.left == 0:
            self.end()


def test_a_request_that_meets_a_schema_change_is_begun_again(
    upgraded: Tracker, database: Database
) -> None:
    browser = upgraded.app.test_client()
    change = Change(upgraded, database, often=2)

    answer = browser.patch("/api/bugs/7", json={"root_cause": "solar flare"})

    change.end()
    assert change.rolled_back == 2
    assert (answer.status_code, answer.json["root_cause"]) == (200, "solar flare")
    assert browser.get("/api/bugs/7").json["root_cause"] == "solar flare"


def test_an_app_does_as_the_guide_shows(upgraded: Tracker, database: Database) -> None:
    (shown,) = [b.text for b in blocks(GUIDE) if "def begin_again" in b.text]
    exec(shown, {"app": upgraded.app, "db": db})

    test_a_request_that_meets_a_schema_change_is_begun_again(upgraded, database)


def test_a_form_that_meets_one_is_saved_once(
    upgraded: Tracker, database: Database
) -> None:
    browser = upgraded.app.test_client()
    change = Change(upgraded, database, often=1)

    form = {"title": "Met a change", "root_cause": "", "status": "open"}
    answer = browser.post("/bugs/7", data=form)

    change.end()
    assert change.rolled_back == 1
    assert (answer.status_code, answer.location) == (303, "/bugs/7")
    titled = "SELECT id FROM bugs WHERE title = 'Met a change'"
    assert database.rows(titled) == [(7,)]


def test_what_is_missing_by_then_is_not_found(
    upgraded: Tracker, database: Database
) -> None:
    browser = upgraded.app.test_client()
    change = Change(upgraded, database, often=1)
    sa.event.listen(
        upgraded.engine,
        "rollback",
        lambda _: change.end() or database.execute("DELETE FROM bugs WHERE id = 7"),
    )
    answer = browser.patch("/api/bugs/7", json={"root_cause": "solar flare"})

    assert answer.status_code == 404


def test_nothing_is_asked_behind_the_commit(upgraded: Tracker) -> None:
    """A request that failed there would do its work twice."""
    browser, engine, asked = upgraded.app.test_client(), upgraded.engine, []
    sa.event.listen(engine, "commit", lambda _: asked.append("COMMIT"))
    sa.event.listen(engine, "before_cursor_execute", lambda *a: asked.append(a[2]))

    browser.post("/api/bugs", json={"title": "New", "root_cause": "solar flare"})

    assert asked.index("COMMIT") == len(asked) - 1


def test_it_is_not_begun_for_ever(upgraded: Tracker, database: Database) -> None:
    browser = upgraded.app.test_client()
    linked = "SELECT root_cause_id FROM bugs WHERE id = 7"
    before = database.scalar(linked)
    change = Change(upgraded, database, often=TRIES + 3)

    with pytest.raises(sa.exc.OperationalError):
        browser.patch("/api/bugs/7", json={"root_cause": "solar flare"})

    change.end()
    assert change.left == 3
    assert database.scalar(linked) == before
