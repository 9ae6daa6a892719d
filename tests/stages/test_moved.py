"""``flask db data change`` where a text becomes a row of a table of its own."""

from __future__ import annotations

import typing as t

import sqlalchemy as sa

from tests.stages.test_scaffold import Columns
from tests.stages.test_scaffold import Models
from tests.stages.test_scaffold import models as models
from tests.stages.test_scaffold import rows
from tests.stages.test_scaffold import text


def causes(**options: t.Any) -> t.Callable[[], t.Any]:
    return lambda: sa.Column(
        sa.ForeignKey("causes.id", name="fk_bugs_cause"), **options
    )


def test_a_text_becomes_a_table_of_its_own(models: Models) -> None:
    models.base(bugs={"root_cause": text(80, nullable=False)})
    models.database.execute(
        "INSERT INTO bugs (id, root_cause) VALUES (1, 'typo'), (2, 'race'), (3, 'typo')"
    )
    before = rows(models, "bugs")
    new: dict[str, Columns] = {
        "causes": {"name": text(80, nullable=False, unique=True)},
        "bugs": {"cause_id": causes()},
    }
    written = models.scaffold(**new)
    assert "".join(written).count("# <- fill in") == 3
    # The rows of the new table go with it, and nothing stands for their undo.
    assert not any(line.strip() == "pass" for line in "".join(written).splitlines())
    models.run(models.app(stage="expand", **new), "upgrade")
    # Old code goes on writing texts, and new ones among them.
    models.database.execute("INSERT INTO bugs (id, root_cause) VALUES (4, 'heat')")
    models.run(models.app(stage="migrate", **new), "upgrade")
    # New code writes references only.
    models.database.execute(
        "INSERT INTO bugs (id, cause_id) SELECT 5, id FROM causes WHERE name = 'race'"
    )
    assert rows(models, "bugs")[4]["root_cause"] == "race"
    contract = models.app(stage="contract", **new)
    models.run(contract, "upgrade")
    names = {row["id"]: row["name"] for row in rows(models, "causes")}
    assert [names[row["cause_id"]] for row in rows(models, "bugs")] == [
        "typo", "race", "typo", "heat", "race",
    ]  # fmt: skip
    models.run(contract, "check")
    models.database.execute("INSERT INTO causes (id, name) VALUES (99, 'rust')")
    models.database.execute("INSERT INTO bugs (id, cause_id) VALUES (6, 99)")
    models.run(contract, "downgrade", "base0")
    after = rows(models, "bugs")
    assert after[:3] == before
    assert after[5] == {"id": 6, "root_cause": "rust"}


CAUSES: dict[str, Columns] = {
    "causes": {"name": text(80, nullable=False, unique=True)},
    "bugs": {"cause_id": causes()},
}


def texts(models: Models, table: str, column: str) -> dict[int, str | None]:
    return {row["id"]: row[column] for row in rows(models, table)}


def test_a_row_that_gets_another_case_is_the_text_on_the_way_back(
    models: Models,
) -> None:
    models.base(bugs={"root_cause": text(80)})
    models.database.execute(
        "INSERT INTO bugs (id, root_cause) VALUES "
        "(1, 'Typo'), (2, 'race'), (3, 'Typo'), (4, NULL), (5, ' heat'), (6, 'é')"
    )
    models.scaffold(**CAUSES)
    for path in models.files():
        said, more = (
            "text = bugs.c.root_cause",
            "text = sa.func.trim(bugs.c.root_cause)",
        )
        path.write_text(path.read_text().replace(said, more))
    contract = models.app(stage="contract", **CAUSES)
    models.run(contract, "upgrade")
    for old, new in {"Typo": "typo", "race": "race ", "é": "e"}.items():
        models.database.execute(
            f"UPDATE causes SET name = '{new}' WHERE name = '{old}'"
        )
    models.run(contract, "downgrade", "--", "-2")
    wanted = {1: "typo", 2: "race ", 3: "typo", 4: None, 5: " heat", 6: "e"}
    assert texts(models, "bugs", "root_cause") == wanted
    models.run(contract, "downgrade", "base0")
    assert texts(models, "bugs", "root_cause") == wanted


def test_texts_of_two_tables_become_rows_of_two(models: Models) -> None:
    models.base(bugs={"root_cause": text(80)}, orders={"town": text(80)})
    models.database.execute("INSERT INTO bugs (id, root_cause) VALUES (1, 'typo')")
    models.database.execute("INSERT INTO orders (id, town) VALUES (1, 'Rome')")

    def town() -> t.Any:
        return sa.Column(sa.ForeignKey("towns.id", name="fk_orders_town"))

    new: dict[str, Columns] = {
        **CAUSES,
        "towns": {"name": text(80, nullable=False, unique=True)},
        "orders": {"town_id": town},
    }
    models.scaffold(**new)
    models.run(models.app(stage="expand", **new), "upgrade")
    models.database.execute("INSERT INTO bugs (id, root_cause) VALUES (2, 'heat')")
    models.database.execute("INSERT INTO orders (id, town) VALUES (2, 'Oslo')")
    contract = models.app(stage="contract", **new)
    models.run(contract, "upgrade")
    assert {row["name"] for row in rows(models, "causes")} == {"typo", "heat"}
    assert {row["name"] for row in rows(models, "towns")} == {"Rome", "Oslo"}
    models.run(contract, "downgrade", "base0")
    assert texts(models, "bugs", "root_cause") == {1: "typo", 2: "heat"}
    assert texts(models, "orders", "town") == {1: "Rome", 2: "Oslo"}
