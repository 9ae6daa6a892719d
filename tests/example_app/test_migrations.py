"""Every revision, up and down, with rows in the tables."""

from __future__ import annotations

import datetime as dt
import decimal
import pathlib
import shutil

import flask_migrate
import sqlalchemy as sa

from example_app import derived
from example_app.database import MIGRATIONS

from .conftest import REVISIONS
from .conftest import Snapshot
from .conftest import Tracker

FIRST_WITH_CAUSES = "0023"

Moment = tuple[object, Snapshot]


def _moment(tracker: Tracker) -> Moment:
    return tracker.schema(), tracker.data()


def _without_causes(moment: Moment) -> Moment:
    """Leave out the causes, which stay on the way down until their table goes."""
    schema, data = moment
    return schema, {name: rows for name, rows in data.items() if name != "root_causes"}


def test_every_revision_goes_down_to_just_what_was_there(seeded: Tracker) -> None:
    moments = {"0001": _moment(seeded)}
    for before, revision in zip(REVISIONS, REVISIONS[1:], strict=False):
        seeded.flask("db", "upgrade", revision)
        moments[revision] = _moment(seeded)
        assert moments[revision] != moments[before], f"{revision} did nothing"

    for revision in reversed(REVISIONS[:-1]):
        seeded.flask("db", "downgrade", revision)
        found, expected = _moment(seeded), moments[revision]
        if revision >= FIRST_WITH_CAUSES:
            found, expected = _without_causes(found), _without_causes(expected)
        assert found == expected, f"after the way to {revision}"

    for revision in REVISIONS[1:]:
        seeded.flask("db", "upgrade", revision)
        assert _moment(seeded) == moments[revision], f"up again to {revision}"


def test_all_the_way_down_leaves_no_table(upgraded: Tracker) -> None:
    upgraded.flask("db", "downgrade", "base")
    assert upgraded.schema() == {}
    left = set(sa.inspect(upgraded.engine).get_table_names()) - {"alembic_version"}
    assert all(name.startswith("datamigrate_") for name in left), left


def test_the_baseline_columns_stay_as_they_were(seeded: Tracker) -> None:
    before = seeded.data()
    seeded.flask("db", "upgrade")
    after = seeded.data()
    names = {cause["id"]: cause["name"] for cause in after["root_causes"]}
    for table, rows in before.items():
        for old, new in zip(rows, after[table], strict=True):
            if table == "orders" and old["status"] is None:
                old["status"] = new["status"]
            if table == "users":
                active = new["status"] in derived.ACTIVE_STATUSES
                assert old.pop("is_active") == active
            if table == "bugs":
                name = derived.cause_name(old.pop("root_cause"))
                assert names.get(new["root_cause_id"]) == name
            assert new == {**new, **old}


def test_names_are_split_alike_on_each_database(upgraded: Tracker) -> None:
    users = upgraded.data()["users"]
    found = {u["full_name"]: (u["first_name"], u["last_name"]) for u in users}
    assert found == {name: derived.split_name(name) for name in found}
    assert found["Ana Maria de Souza"] == ("Ana", "Souza")
    assert found["Plato"] == ("Plato", "")
    assert found["  Sam Spaced  "] == ("Sam", "Spaced")
    assert found["D'Arcy  McCool"] == ("D'Arcy", "McCool")
    assert found["山田\u3000太郎"] == ("山田\u3000太郎", "")
    assert found["Marie\u00a0Curie Sklodowska"] == ("Marie\u00a0Curie", "Sklodowska")
    assert found[""] == found[" "] == ("", "")
    assert found[None] == (None, None)


def test_the_year_is_that_of_the_stored_time(upgraded: Tracker) -> None:
    bugs = upgraded.data()["bugs"]
    assert any(bug["created_at"] is None for bug in bugs)
    for bug in bugs:
        at = bug["created_at"]
        assert bug["created_year"] == (at.year if at else None)


def test_orders_carry_the_name_of_their_customer(upgraded: Tracker) -> None:
    data = upgraded.data()
    names = {user["id"]: user["full_name"] for user in data["users"]}
    assert None in {names[order["user_id"]] for order in data["orders"]}
    for order in data["orders"]:
        assert order["customer_name"] == names[order["user_id"]]


def test_every_user_has_an_age_group(upgraded: Tracker) -> None:
    users = upgraded.data()["users"]
    assert {user["age_group"] for user in users} == {
        "unknown", "minor", "young", "adult", "senior",
    }  # fmt: skip
    for user in users:
        assert user["age_group"] == derived.age_group(user["birth_date"])


def test_a_leap_day_birth_has_an_age_group(seeded: Tracker) -> None:
    _insert_user(seeded, 9001, birth_date=dt.date(2004, 2, 29))
    seeded.flask("db", "upgrade", "0009")
    assert seeded.data()["users"][-1]["age_group"] == "young"


def test_the_score_is_computed_for_every_user(upgraded: Tracker) -> None:
    users = upgraded.data()["users"]
    assert len({user["score"] for user in users}) > 4
    for user in users:
        assert user["score"] == derived.score(
            user["full_name"], user["email"], user["birth_date"], user["status"]
        )


def test_a_name_counts_in_the_address_without_its_accents(seeded: Tracker) -> None:
    _insert_user(seeded, 9001, full_name="José Núñez", email="nunez@example.org")
    seeded.flask("db", "upgrade")
    assert seeded.data()["users"][-1]["score"] == 20 + 40 + 20


def test_orders_without_a_status_get_one(seeded: Tracker) -> None:
    before = seeded.data()["orders"]
    seeded.flask("db", "upgrade")
    after = seeded.data()["orders"]
    new = {}
    for old, order in zip(before, after, strict=True):
        if old["status"] is not None:
            assert order["status"] == old["status"]
            continue
        placed = old["placed_at"]
        early = placed is not None and placed < dt.datetime(2024, 1, 1)
        free = decimal.Decimal(str(old["total"])) == 0
        expected = "completed" if early or free else "pending"
        assert order["status"] == new.setdefault((early, free, placed), expected)
    assert {"completed", "pending"} == set(new.values())


def test_a_second_upgrade_changes_nothing(upgraded: Tracker) -> None:
    before = _moment(upgraded)
    upgraded.flask("db", "upgrade")
    assert _moment(upgraded) == before


def test_an_empty_database_goes_all_the_way(tracker: Tracker) -> None:
    tracker.flask("db", "upgrade")
    data = tracker.data()
    assert data == {"users": [], "bugs": [], "orders": [], "root_causes": []}


def test_the_models_are_what_the_migrations_made(upgraded: Tracker) -> None:
    upgraded.flask("db", "check")


def test_autogenerate_finds_nothing_to_write(
    upgraded: Tracker, tmp_path: pathlib.Path
) -> None:
    copy = shutil.copytree(MIGRATIONS, tmp_path / "migrations")
    before = sorted(copy.glob("versions/*.py"))
    upgraded.flask("db", "migrate", "--directory", str(copy))
    assert sorted(copy.glob("versions/*.py")) == before


def test_env_py_is_the_one_flask_migrate_wrote() -> None:
    package = pathlib.Path(flask_migrate.__file__).parent
    stock = package / "templates" / "flask" / "env.py"
    assert (MIGRATIONS / "env.py").read_text() == stock.read_text()


def _insert_user(tracker: Tracker, id: int, **values: object) -> None:
    row = {
        "id": id,
        "full_name": None,
        "email": f"{id}@example.org",
        "birth_date": None,
        "created_at": dt.datetime(2020, 2, 29),
        "is_active": True,
        **values,
    }
    table = sa.Table("users", sa.MetaData(), autoload_with=tracker.engine)
    with tracker.engine.begin() as connection:
        connection.execute(sa.insert(table), row)
