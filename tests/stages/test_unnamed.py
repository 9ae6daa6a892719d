"""A change that the config does not name, and what asks for it or goes on with it."""

from __future__ import annotations

import json
import typing as t

import pytest

from flask_datamigrate import DataMigrate

from .conftest import DEFERRED
from .conftest import Split

KEY = 'app.config["DATAMIGRATE_STAGES"]'


def asking(split: Split, *names: str, **config: t.Any) -> Split:
    """Go on with code that asks for changes, and names them nowhere else."""
    migrate = DataMigrate()
    handles = [migrate.change(name) for name in names]
    split.app = split.make_app(migrate=migrate, **config)
    split.app.add_url_rule("/", view_func=lambda: {h.name: h.stage for h in handles})
    return split


def next_step(split: Split) -> str:
    shown = json.loads(split.flask("db", "data", "status", "--json").stdout)
    (step,) = (one["next"] for one in shown if one["kind"] == "change")
    assert isinstance(step, str)
    return step


@pytest.mark.parametrize(
    ("at", "to", "stands", "legal"),
    [
        ("expand", "r1", "none of its stages", '"expand"'),
        ("expand", "r2", "expand", '"expand" or "migrate"'),
        ("migrate", "r3", "migrate, verified", '"expand", "migrate" or "contract"'),
        ("contract", "r5", "contract, verified", '"contract"'),
    ],
)
def test_code_that_asks_for_a_change_needs_it_in_the_config(
    split: Split, at: str, to: str, stands: str, legal: str
) -> None:
    split.write()
    split.at(at).upgrade(to)
    ran = asking(split, "split").flask("db", "data", "check")
    assert ran.exit_code == 3, ran.stderr
    assert ran.stderr == (
        'Conflict: change split: the code asks for it, by migrate.change("split"), and '
        "the config does not name it: each request that reads its stage ends in an "
        f'error. The database is at {stands}. Set {KEY}["split"] to what this code can '
        f'live with, {legal}; or take migrate.change("split"), and what asks it, out '
        "of the code.\n"
    )
    assert next_step(split).startswith(f'Set {KEY}["split"] to what this code can')
    # What it says to type is right.
    for stage in ("expand", "migrate", "contract"):
        check = split.at(stage).flask("db", "data", "check")
        assert (check.exit_code == 0) == (f'"{stage}"' in legal)


def test_the_first_request_tells_what_the_code_asks_for(split: Split) -> None:
    split.write()
    split.at("expand").upgrade("r2")
    code = asking(split, "split", DATAMIGRATE_CHECK="error").app
    logged: list[str] = []
    code.logger.addFilter(lambda record: not logged.append(record.getMessage()))
    # The logging of env.py, which no serving process runs.
    code.logger.disabled = False
    assert code.test_client().get("/").status_code == 503
    (message,) = logged
    conflict = asking(split, "split").flask("db", "data", "check").stderr
    assert conflict == f"Conflict: {message}\n"


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
def test_code_that_asks_for_what_no_revision_is_of(split: Split) -> None:
    split.write()
    split.at("expand").upgrade()
    ran = asking(split, "spilt", DATAMIGRATE_STAGES={"split": "expand"}).flask(
        "db", "data", "check"
    )
    assert ran.exit_code == 3, ran.stderr
    assert (
        "No revision belongs to it. Mend the name in migrate.change() if "
        '"split" is meant; or write its first revision: flask db data change spilt; or'
    ) in ran.stderr


def test_status_has_a_change_named_before_it_begins(split: Split) -> None:
    split.write()
    # On an empty database all of it is applied.
    assert next_step(split.at(None)) == "flask db upgrade"
    for revision in ("r1", "r2"):
        split.at("expand").upgrade(revision)
        step = next_step(split.at(None))
        assert step.startswith(f'Set {KEY}["split"] = "expand", or the stage that')
        assert "that applies expand and migrate at once" in step
    assert split.upgrade().revisions == ("r3",)


def test_a_change_that_goes_on_unnamed_is_told_and_no_error(split: Split) -> None:
    split.write(migrate=DEFERRED)
    assert "split" not in split.at(None).flask("db", "data", "check").stderr
    for at, to, stands, legal in (
        ("expand", "r2", "expand", '"expand" or "migrate"'),
        ("migrate", "r3", "migrate", '"expand" or "migrate"'),
    ):
        split.at(at).upgrade(to)
        ran = split.at(None).flask("db", "data", "check")
        assert ran.exit_code == 0, ran.stderr
        assert ran.stderr == (
            f"split: not named in the config, the database at {stands}: flask db "
            "upgrade applies all of it but its contract. If code uses its columns, "
            f'set {KEY}["split"] to what this code can live with, {legal}.\n'
            "Code and database go together.\n"
        )
    # When it is over there is nothing to tell.
    split.at("contract").flask("db", "data", "run")
    split.upgrade()
    ran = split.at(None).flask("db", "data", "check")
    assert ran.stderr == "Code and database go together.\n"
