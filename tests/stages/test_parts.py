"""``flask db data change`` where one column becomes several, or seems to."""

from __future__ import annotations

import os
import pty
import sys

import pytest
from flask.cli import ScriptInfo

from tests.stages.test_renamed import insert
from tests.stages.test_renamed import names
from tests.stages.test_scaffold import Columns
from tests.stages.test_scaffold import Models
from tests.stages.test_scaffold import models as models
from tests.stages.test_scaffold import rows
from tests.stages.test_scaffold import text

PARTS: dict[str, Columns] = {
    "users": {
        "first": text(nullable=False),
        "last": text(nullable=False, server_default="?"),
    }
}
VALUES = {
    "first": "sa.func.substr(users.c.full_name, 1, 3)",
    "last": "sa.func.substr(users.c.full_name, 5)",
    "full_name": 'users.c.first + " " + users.c.last',
}


def test_a_name_in_two_columns_with_defaults_is_to_be_filled_in(
    models: Models,
) -> None:
    models.base(users={"full_name": text()})
    models.database.execute("INSERT INTO users (id, full_name) VALUES (1, 'Ada King')")
    new: dict[str, Columns] = {
        "users": {
            "first": text(nullable=False, server_default=""),
            "last": text(nullable=False, server_default=""),
        }
    }
    written = "".join(models.scaffold(**new))
    assert 'frozen.fill_in("the value of first from full_name")' in written
    models.fill(VALUES)
    contract = models.app(stage="contract", **new)
    models.run(contract, "upgrade")
    models.run(contract, "check")
    assert rows(models, "users") == [{"id": 1, "first": "Ada", "last": "King"}]


def test_a_name_in_two_columns_of_which_one_may_be_empty(models: Models) -> None:
    models.base(users={"full_name": text(100)})
    models.database.execute("INSERT INTO users (id, full_name) VALUES (1, 'Ada King')")
    new: dict[str, Columns] = {
        "users": {
            "first": text(nullable=False),
            "last": text(nullable=False, server_default=""),
        }
    }
    written = models.scaffold(**new)
    assert written[0].count("frozen.fill_in(") == 3
    models.fill(VALUES)
    contract = models.app(stage="contract", **new)
    models.run(contract, "upgrade")
    models.run(contract, "check")
    assert rows(models, "users") == [{"id": 1, "first": "Ada", "last": "King"}]
    insert(models, 2, first="Plato")
    assert names(models, "last") == {1: "King", 2: ""}


def test_a_default_beside_the_new_name_is_there_at_once(models: Models) -> None:
    models.base(users={"nick": text()})
    models.database.execute("INSERT INTO users (id, nick) VALUES (1, 'ada')")
    new: dict[str, Columns] = {
        "users": {"handle": text(), "role": text(server_default="guest")}
    }
    assert "fill in" not in "".join(models.scaffold("--apart", **new))
    models.run(models.app(stage="expand", users={"nick": text()}), "upgrade")
    (row,) = rows(models, "users")
    assert (row["handle"], row["role"]) == (None, "guest")
    models.run(models.app(stage="contract", **new), "upgrade")
    assert rows(models, "users") == [{"id": 1, "handle": "ada", "role": "guest"}]


def test_apart_is_refused_where_there_is_nothing_to_decide(models: Models) -> None:
    models.base(users={"nick": text()})
    before = models.files()
    app = models.app(users={"handle": text(), "role": text()})
    args = ["db", "data", "change", "change", "--apart"]
    result = app.test_cli_runner().invoke(args=args)
    said = " ".join(result.output.split())
    assert result.exit_code == 1 and models.files() == before
    assert "--apart is for a new column with a default" in said
    assert "Nothing was written. Leave it out; or add the column" in said


def test_parts_of_which_one_has_a_default_are_asked_about(models: Models) -> None:
    old: dict[str, Columns] = {"users": {"full_name": text()}}
    models.base(**old)
    insert(models, 1, full_name="Ada King")
    before = models.files()
    app = models.app(**PARTS)
    result = app.test_cli_runner().invoke(args=["db", "data", "change", "change"])
    assert result.exit_code == 1
    assert models.files() == before
    said = " ".join(result.output.split())
    assert (
        "table users: it cannot be staged: full_name goes, first comes in its place, "
        "and last with a default, which may be another part of what goes, or a column "
        "of its own. Nothing was written. Say which: flask db data change NAME --parts"
    ) in said

    written = models.scaffold("--parts", **PARTS)
    assert written[0].count("frozen.fill_in(") == 3
    models.fill(VALUES)
    models.run(models.app(stage="expand", **old), "upgrade")
    insert(models, 2, full_name="Kay Ell")
    assert names(models, "last") == {1: None, 2: "Ell"}
    contract = models.app(stage="contract", **PARTS)
    models.run(contract, "upgrade")
    models.run(contract, "check")
    insert(models, 3, first="Ivy")
    assert names(models, "last") == {1: "King", 2: "Ell", 3: "?"}
    models.run(contract, "downgrade", "base0")
    assert names(models, "full_name") == {1: "Ada King", 2: "Kay Ell", 3: "Ivy ?"}


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
@pytest.mark.parametrize(("answer", "marks"), [("y", 9), ("n", 0)])
def test_at_a_terminal_it_is_asked(models: Models, answer: str, marks: int) -> None:
    models.base(users={"full_name": text()})
    app = models.app(**PARTS)
    ours, theirs = pty.openpty()
    with os.fdopen(ours, "w") as keys, os.fdopen(theirs) as terminal:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(sys, "stdin", terminal)
            keys.write(f"{answer}\n")
            keys.flush()
            with pytest.raises(SystemExit) as left:
                app.cli.main(
                    ["db", "data", "change", "change"],
                    obj=ScriptInfo(create_app=lambda: app),
                )
    assert not left.value.code
    written = "".join(path.read_text() for path in models.files())
    assert written.count("frozen.fill_in(") == marks
