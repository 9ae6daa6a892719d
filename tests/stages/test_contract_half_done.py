"""A contract that stops between two schema changes, and code that is put back."""

from __future__ import annotations

import json
import typing as t

import pytest
import sqlalchemy as sa
from click.testing import Result
from flask import Flask
from flask import current_app

from flask_datamigrate.stages import first_request
from tests.stages.test_scaffold import Columns
from tests.stages.test_scaffold import Models
from tests.stages.test_scaffold import models as models
from tests.stages.test_scaffold import rows
from tests.stages.test_scaffold import text


def number(**options: t.Any) -> t.Callable[[], t.Any]:
    return lambda: sa.Column(sa.Integer, **options)


OLD: dict[str, Columns] = {
    "account": {"nick": text(nullable=False)},
    "player": {"shirt": number(), "tag": text()},
}
NEW: dict[str, Columns] = {
    "account": {"handle": text(nullable=False)},
    "player": {
        "shirt": number(nullable=False),
        "tag": text(nullable=False),
        "__table_args__": lambda: (sa.UniqueConstraint("shirt", name="uq_shirt"),),
    },
}


class Stopped:
    """The change, filled and verified, in front of its contract."""

    def __init__(self, models: Models) -> None:
        self.models = models
        models.base(**OLD)
        models.database.execute("INSERT INTO account (id, nick) VALUES (1, 'ada')")
        models.database.execute(
            "INSERT INTO player (id, shirt, tag) VALUES (1, 7, 'a'), (2, 8, 'b')"
        )
        models.scaffold(**NEW)
        models.fill({"shirt": "sa.literal(0)", "tag": 'sa.literal("")'})
        migrate = self.app("migrate")
        models.run(migrate, "upgrade")
        models.run(migrate, "data", "run")

    def app(self, stage: str) -> Flask:
        made = self.models.app(stage=stage, **(NEW if stage == "contract" else OLD))
        # On PostgreSQL what forbids then runs outside of a transaction.
        made.config["DATAMIGRATE_ATOMIC_ROWS"] = 1
        return made

    def run(self, stage: str, *command: str) -> Result:
        return self.app(stage).test_cli_runner().invoke(args=["db", *command])

    def said(self, stage: str, *command: str) -> tuple[int, str]:
        result = self.run(stage, *command)
        return result.exit_code, " ".join(result.output.split())


@pytest.mark.parametrize("database", ["postgresql", "mysql"], indirect=True)
def test_earlier_code_under_a_part_of_a_contract_is_a_conflict(models: Models) -> None:
    stopped = Stopped(models)
    assert stopped.said("migrate", "data", "check")[0] == 0
    models.database.execute("UPDATE player SET tag = NULL WHERE id = 2")
    code, said = stopped.said("contract", "upgrade")
    assert code == 1 and "op.set_not_null, column player.tag: NULL is left" in said

    code, said = stopped.said("migrate", "data", "check")
    assert code == 3 and "was begun and did not end, and a part of it stays" in said
    assert "op.set_not_null, column player.shirt. So code" in said
    assert "run flask db upgrade, mend the rows that it names" in said
    code, said = stopped.said("migrate", "data", "status")
    assert code == 0 and "did not end, and a part of it stays" in said
    assert "change: next: Finish the contract: deploy code at contract" in said
    found = json.loads(stopped.run("migrate", "data", "status", "--json").stdout)
    assert "a part of it stays" in json.dumps(found)
    code, said = stopped.said("migrate", "data", "doctor")
    assert "was cut off, and its schema changes up to there stay" in said
    assert (
        "Deploy code at contract" in said and "and run flask db upgrade again" in said
    )
    for stage, count in (("migrate", 1), ("contract", 0)):
        with stopped.app(stage).app_context():
            # What DATAMIGRATE_CHECK asks.
            seen = first_request.conflicts(current_app, dict)
        assert len(seen) == count
        assert all("a part of it stays" in str(conflict) for conflict in seen)
    # Code at contract lives with it, and does as is said.
    assert stopped.said("contract", "data", "check")[0] == 0

    assert stopped.said("contract", "upgrade")[0] == 1
    models.database.execute("UPDATE player SET tag = 'b' WHERE id = 2")
    assert stopped.said("contract", "upgrade")[0] == 0
    notes = "SELECT count(*) FROM datamigrate_ddl WHERE name LIKE 'up %'"
    assert models.database.scalar(notes) == 0
    assert stopped.said("contract", "data", "check")[0] == 0


@pytest.fixture
def enforced() -> t.Iterator[None]:
    """Have foreign keys on in each connection, as an app with SQLite should."""

    def on(connection: t.Any, record: object) -> None:
        connection.execute("PRAGMA foreign_keys = ON")

    sa.event.listen(sa.Engine, "connect", on)
    yield
    sa.event.remove(sa.Engine, "connect", on)


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
@pytest.mark.parametrize("keys", [False, True])
@pytest.mark.parametrize(
    ("bad", "what"),
    [("UPDATE player SET tag = NULL", "NULL"), ("UPDATE player SET shirt = 7", "once")],
)
def test_on_sqlite_all_of_it_is_rolled_back(
    models: Models, keys: bool, bad: str, what: str, request: pytest.FixtureRequest
) -> None:
    if keys:
        request.getfixturevalue("enforced")
    stopped = Stopped(models)
    models.database.execute(bad)

    code, said = stopped.said("contract", "upgrade")

    assert code == 1 and what in said, said
    assert "The revision was rolled back" in said and "stay" not in said
    # Earlier code comes back, and writes as it did.
    models.database.execute("INSERT INTO account (id, nick) VALUES (2, 'al')")
    models.database.execute("INSERT INTO player (id, tag) VALUES (3, NULL)")
    assert rows(models, "account")[1]["handle"] == "al"
    assert stopped.said("migrate", "data", "check")[0] == 0

    models.database.execute("UPDATE player SET shirt = id, tag = 'c'")
    assert stopped.said("contract", "upgrade")[0] == 0
    assert [row["handle"] for row in rows(models, "account")] == ["ada", "al"]
    with pytest.raises(sa.exc.IntegrityError):
        models.database.execute("INSERT INTO player (id, tag) VALUES (4, 'd')")
