"""``flask seed``: what it writes, where, and that it always writes the same."""

from __future__ import annotations

import decimal

import pytest

from example_app.derived import ACTIVE_STATUSES
from example_app.models import USER_STATUSES
from example_app.seed.rows import HOSTILE_NAMES
from tests.databases.database import Database

from .conftest import REVISIONS
from .conftest import Snapshot
from .conftest import Tracker


def test_the_same_number_gives_the_same_rows(
    seeded: Tracker, second_database: Database
) -> None:
    other = Tracker(second_database.url)
    other.flask("db", "upgrade", "0001")
    other.flask("seed", "--rows", "200", "--seed", "1")
    assert other.data() == seeded.data()
    other.engine.dispose()


def test_another_number_gives_other_rows(
    seeded: Tracker, second_database: Database
) -> None:
    other = Tracker(second_database.url)
    other.flask("db", "upgrade", "0001")
    other.flask("seed", "--rows", "200", "--seed", "2")
    assert {name: len(rows) for name, rows in other.data().items()} == {
        "users": 200, "bugs": 200, "orders": 200,
    }  # fmt: skip
    for name, rows in seeded.data().items():
        assert other.data()[name] != rows
    other.engine.dispose()


def test_all_databases_hold_the_same_rows(
    seeded: Tracker, tmp_path_factory: pytest.TempPathFactory
) -> None:
    path = tmp_path_factory.mktemp("same") / "same.db"
    sqlite = Tracker(f"sqlite:///{path}")
    sqlite.flask("db", "upgrade", "0001")
    sqlite.flask("seed", "--rows", "200")
    for name, rows in sqlite.data().items():
        for expected, row in zip(rows, seeded.data()[name], strict=True):
            assert {k: _plain(v) for k, v in row.items()} == {
                k: _plain(v) for k, v in expected.items()
            }
    sqlite.engine.dispose()


@pytest.mark.parametrize("database", ["postgresql"], indirect=True)
def test_either_postgresql_driver_writes_the_same_rows(
    seeded: Tracker, second_database: Database
) -> None:
    other = Tracker(second_database.url_for("psycopg"))
    other.flask("db", "upgrade", "0001")
    other.flask("seed", "--rows", "200")
    assert other.data() == seeded.data()
    other.engine.dispose()


def test_the_rows_hold_what_makes_migrations_fail(seeded: Tracker) -> None:
    data = seeded.data()
    names = {user["full_name"] for user in data["users"]}
    assert names >= set(HOSTILE_NAMES)
    births = {user["birth_date"] for user in data["users"]}
    assert None in births
    assert any(birth and (birth.month, birth.day) == (2, 29) for birth in births)
    causes = {bug["root_cause"] for bug in data["bugs"]}
    assert {
        None,
        "",
        "first line\nsecond line\twith a tab and a \\ backslash",
    } <= causes
    assert None in {bug["created_at"] for bug in data["bugs"]}
    assert None in {bug["reporter_id"] for bug in data["bugs"]}
    assert {None, "completed"} <= {order["status"] for order in data["orders"]}
    assert 0 in {order["total"] for order in data["orders"]}


def test_at_head_the_new_columns_are_left_to_the_migrations(tracker: Tracker) -> None:
    tracker.flask("db", "upgrade")
    tracker.flask("seed", "--rows", "50")
    data = tracker.data()
    for table, column in [
        ("users", "first_name"),
        ("users", "last_name"),
        ("users", "age_group"),
        ("users", "score"),
        ("bugs", "created_year"),
        ("orders", "customer_name"),
    ]:
        assert [row[column] for row in data[table]] == [None] * 50


def test_the_seed_works_at_every_revision(tracker: Tracker) -> None:
    for revision in REVISIONS:
        tracker.flask("db", "upgrade", revision)
        tracker.flask("seed", "--rows", "5")
    data = tracker.data()
    for name in ("users", "bugs", "orders"):
        assert len(data[name]) == 5 * len(REVISIONS)


def test_the_status_at_head_says_what_the_flags_say_at_the_baseline(
    tracker: Tracker, second_database: Database
) -> None:
    tracker.flask("db", "upgrade")
    tracker.flask("seed", "--rows", "100")
    statuses = [user["status"] for user in tracker.data()["users"]]
    assert set(statuses) == set(USER_STATUSES)
    other = Tracker(second_database.url)
    other.flask("db", "upgrade", "0001")
    other.flask("seed", "--rows", "100")
    flags = [bool(user["is_active"]) for user in other.data()["users"]]
    assert [status in ACTIVE_STATUSES for status in statuses] == flags
    other.engine.dispose()


def test_a_second_run_adds_rows_that_refer_to_its_own_users(seeded: Tracker) -> None:
    seeded.flask("seed", "--rows", "30")
    data = seeded.data()
    for name, rows in data.items():
        assert [row["id"] for row in rows] == list(range(1, 231)), name
    assert {order["user_id"] for order in data["orders"][200:]} <= set(range(201, 231))


def test_the_app_can_add_rows_after_the_seed(upgraded: Tracker) -> None:
    client = upgraded.app.test_client()
    answer = client.post("/api/bugs", json={"title": "New", "reporter_id": 3})
    assert (answer.status_code, answer.json["id"]) == (201, 201)


def test_without_tables_it_names_the_command_that_makes_them(tracker: Tracker) -> None:
    output = tracker.flask("seed", "--rows", "5", exit_code=1)
    assert "flask --app example_app db upgrade 0001" in output
    assert tracker.schema() == {}


def test_no_rows_is_a_wrong_use(tracker: Tracker) -> None:
    assert "--rows" in tracker.flask("seed", "--rows", "0", exit_code=2)


def _plain(value: object) -> object:
    """Return a value that is one on each database: MariaDB's booleans are numbers."""
    if isinstance(value, bool | int | float | decimal.Decimal):
        return f"{value:.2f}"
    return value


def test_at_head_bugs_have_the_causes_that_the_migrations_give_them(
    upgraded: Tracker, second_database: Database
) -> None:
    other = Tracker(second_database.url)
    other.flask("db", "upgrade")
    other.flask("seed", "--rows", "200")
    assert _causes(other.data()) == _causes(upgraded.data())
    other.engine.dispose()


def _causes(data: Snapshot) -> list[str | None]:
    """Return the name of the cause of each bug."""
    names = {cause["id"]: cause["name"] for cause in data["root_causes"]}
    return [names.get(bug["root_cause_id"]) for bug in data["bugs"]]
