"""``flask demo``: a newcomer's first command."""

from __future__ import annotations

from .conftest import Tracker


def test_the_demo_runs_every_migration_on_rows_and_shows_them(
    tracker: Tracker,
) -> None:
    output = tracker.flask("demo", "--rows", "300")
    before, after = output.split("After them:")
    assert "users: full_name\n" in before
    assert (
        "users: full_name, first_name, last_name, age_group, score, status\n" in after
    )
    first = tracker.data()["users"][0]
    assert f"{first['full_name']}\n" in before
    shown = [first[c] for c in ("full_name", "first_name", "last_name", "age_group")]
    assert f"{' | '.join(shown)} | {first['score']} | {first['status']}\n" in after
    assert "flask --app example_app db downgrade 0011" in after

    data = tracker.data()
    assert {len(data[name]) for name in ("users", "bugs", "orders")} == {300}
    assert all(user["score"] is not None for user in data["users"])
    assert all(order["status"] is not None for order in data["orders"])
    assert len({user["status"] for user in data["users"]}) == 4


def test_the_demo_leaves_a_database_in_use_alone(seeded: Tracker) -> None:
    before = seeded.data(), seeded.schema()
    output = seeded.flask("demo", exit_code=1)
    assert "empty database" in output
    assert "flask --app example_app db upgrade" in output
    assert (seeded.data(), seeded.schema()) == before


def test_what_the_demo_tells_to_run_next_works(tracker: Tracker) -> None:
    tracker.flask("demo", "--rows", "50")
    done = tracker.data()
    tracker.flask("db", "downgrade", "0011")
    assert None in {order["status"] for order in tracker.data()["orders"]}
    tracker.flask("db", "upgrade")
    assert tracker.data() == done
