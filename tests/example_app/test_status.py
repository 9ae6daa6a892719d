"""Two flags of users that become one status, and the way back."""

from __future__ import annotations

import datetime as dt
import typing as t

import pytest
import sqlalchemy as sa

from tests.databases.database import Database

from .conftest import Tracker

STATUS = {
    (True, True): "active",
    (True, False): "unverified",
    (False, True): "suspended",
    (False, False): "closed",
}
FLAGS = {status: flags for flags, status in STATUS.items()}


@pytest.fixture
def flagged(seeded: Tracker) -> Tracker:
    """Give the app with users that have both flags, and no status yet."""
    seeded.flask("db", "upgrade", "0014")
    return seeded


def users(tracker: Tracker) -> dict[int, dict[str, t.Any]]:
    return {user["id"]: user for user in tracker.data()["users"]}


def flags(user: dict[str, t.Any]) -> tuple[bool, bool]:
    assert user["is_active"] is not None and user["is_verified"] is not None
    return bool(user["is_active"]), bool(user["is_verified"])


def execute(tracker: Tracker, statement: str, **values: object) -> None:
    with tracker.engine.begin() as connection:
        connection.execute(sa.text(statement), values)


def test_trusted_users_are_verified_with_a_line_in_the_log(seeded: Tracker) -> None:
    seeded.flask("db", "upgrade", "0013")
    before = users(seeded)
    assert {bool(user["is_verified"]) for user in before.values()} == {False}
    log = seeded.flask("db", "upgrade", "0014")
    after = users(seeded)
    verified = [id for id, user in after.items() if user["is_verified"]]
    assert verified == [id for id, user in before.items() if user["score"] >= 80]
    assert len(verified) > 5
    lines = [line for line in log.splitlines() if "Verified user" in line]
    shown = [int(line.partition("id=")[2].split()[0]) for line in lines]
    assert len(shown) == 5
    assert set(shown) <= set(verified)
    for id, line in zip(shown, lines, strict=True):
        assert f"email=[redacted] score={after[id]['score']}" in line
    assert f"… and {len(verified) - 5} more" in log
    assert "@example.org" not in log

    seeded.flask("db", "downgrade", "0013")
    assert users(seeded) == before


def test_each_pair_of_flags_is_a_status(flagged: Tracker) -> None:
    before = users(flagged)
    flagged.flask("db", "upgrade")
    after = users(flagged)
    assert {user["status"] for user in after.values()} == set(FLAGS)
    for id, user in after.items():
        assert user["status"] == STATUS[flags(before[id])]
        assert "is_active" not in user and "is_verified" not in user


def test_the_way_back_restores_the_flags_of_every_user(flagged: Tracker) -> None:
    before = flagged.schema(), users(flagged)
    flagged.flask("db", "upgrade")
    flagged.flask("db", "downgrade", "0014")
    assert (flagged.schema(), users(flagged)) == before


def test_the_way_back_knows_who_came_and_changed_since(flagged: Tracker) -> None:
    before = users(flagged)
    flagged.flask("db", "upgrade")
    client = flagged.app.test_client()
    expected = {id: flags(user) for id, user in before.items()}
    for index, status in enumerate(FLAGS, 1):
        email = f"{status}@example.net"
        new = client.post("/api/users", json={"email": email, "status": status})
        assert new.status_code == 201
        changed = client.patch(f"/api/users/{index}", json={"status": status})
        assert changed.status_code == 200
        expected[new.json["id"]] = expected[index] = FLAGS[status]
    execute(flagged, "DELETE FROM users WHERE id = :id", id=new.json["id"])
    del expected[new.json["id"]]

    flagged.flask("db", "downgrade", "0014")
    assert {id: flags(user) for id, user in users(flagged).items()} == expected
    flagged.flask("db", "upgrade")
    statuses = {id: user["status"] for id, user in users(flagged).items()}
    assert statuses == {id: STATUS[pair] for id, pair in expected.items()}


def test_no_user_is_without_a_status_or_has_another(upgraded: Tracker) -> None:
    before = users(upgraded)
    for wrong in ("NULL", "'lost'", "''"):
        with pytest.raises(sa.exc.DBAPIError):
            execute(upgraded, f"UPDATE users SET status = {wrong} WHERE id = 1")
    assert users(upgraded) == before


def test_whoever_knows_only_the_status_can_add_a_user_before_the_flags_go(
    flagged: Tracker,
) -> None:
    flagged.flask("db", "upgrade", "0017")
    execute(
        flagged,
        "INSERT INTO users (id, email, created_at, status) "
        "VALUES (9001, 'new@example.net', :now, 'suspended')",
        now=dt.datetime(2025, 1, 20),
    )
    flagged.flask("db", "upgrade")
    assert users(flagged)[9001]["status"] == "suspended"
    flagged.flask("db", "downgrade", "0017")
    assert flags(users(flagged)[9001]) == (False, True)


@pytest.mark.parametrize("database", ["postgresql"], indirect=True)
def test_the_other_driver_of_postgresql_goes_up_and_down_alike(
    upgraded: Tracker, second_database: Database
) -> None:
    other = Tracker(second_database.url_for("psycopg"))
    other.flask("db", "upgrade", "0001")
    other.flask("seed", "--rows", "200")
    before = other.schema(), other.data()
    other.flask("db", "upgrade")
    assert (other.schema(), other.data()) == (upgraded.schema(), upgraded.data())
    other.flask("db", "downgrade", "0001")
    assert (other.schema(), other.data()) == before
    other.engine.dispose()


def test_an_index_made_by_hand_is_taken_for_the_migrations(seeded: Tracker) -> None:
    seeded.flask("db", "upgrade", "0021")
    without = seeded.schema()
    seeded.flask("db", "upgrade")
    made = seeded.schema()
    seeded.flask("db", "downgrade", "0021")
    assert seeded.schema() == without
    execute(seeded, "CREATE INDEX ix_users_status_id ON users (status, id)")
    seeded.flask("db", "upgrade")
    assert seeded.schema() == made
    execute(seeded, _drop_index(seeded))
    seeded.flask("db", "downgrade", "0021")
    assert seeded.schema() == without


def _drop_index(tracker: Tracker) -> str:
    on = " ON users" if tracker.engine.dialect.name == "mysql" else ""
    return f"DROP INDEX ix_users_status_id{on}"
