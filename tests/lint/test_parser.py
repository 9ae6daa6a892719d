"""The SQL parser: what is said without it, and that nothing else waits for it."""

from __future__ import annotations

import json
import pathlib
import subprocess
import sys

import pytest

from flask_datamigrate.lint import parsing
from flask_datamigrate.lint.reports import FORMATS
from tests.lint.reading import findings
from tests.lint.reading import report

SQL = """
def upgrade():
    op.execute("UPDATE users SET name = 'x'")
    op.drop_column("users", "note")


def downgrade():
    raise NotImplementedError
"""


@pytest.fixture
def _without_parser(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in sys.modules if name.partition(".")[0] == "sqlglot"]:
        monkeypatch.delitem(sys.modules, name)
    # So an import finds nothing.
    monkeypatch.setitem(sys.modules, "sqlglot", None)
    monkeypatch.setattr(parsing, "available", parsing.available.__wrapped__)


@pytest.mark.usefixtures("_without_parser")
def test_without_it_the_other_rules_run_and_the_rest_is_said_to_be_skipped(
    tmp_path: pathlib.Path,
) -> None:
    found = report(tmp_path, SQL)
    assert [finding.rule for finding in found.findings] == ["DM112"]
    text = FORMATS["text"](found)
    assert "SQL rules skipped: 1 SQL text not read" in text
    assert "pip install 'flask-datamigrate[lint]'" in text
    (skipped,) = json.loads(FORMATS["json"](found))["not_analysed"]
    assert skipped["line"] == 9


@pytest.mark.parametrize(
    "statement",
    ["FROBNICATE users", "UPDATE users SET WHERE", "DO $$ BEGIN END $$", "("],
)
def test_sql_that_cannot_be_parsed_is_never_called_clean(
    tmp_path: pathlib.Path, statement: str
) -> None:
    body = f'\ndef upgrade():\n    op.execute("{statement}")\n'
    found = report(tmp_path, body)
    assert [note.span.line for note in found.notes] == [9]
    assert "1 statement not analysed" in FORMATS["text"](found)


@pytest.mark.parametrize(
    "body",
    [
        "def upgrade():\n    op.execute(open('x.sql').read())",
        "from somewhere import SQL\ndef upgrade():\n    op.execute(SQL)",
        "def upgrade():\n    for s in statements():\n        op.execute(s)",
        "def upgrade():\n    s = 'SELECT 1'\n    s += rest()\n    op.execute(s)",
        "if x:\n    S = 'SELECT 1'\nelse:\n    S = 'SELECT 2'\n\n"
        "def upgrade():\n    op.execute(S)",
    ],
)
def test_sql_that_is_computed_is_never_called_clean(
    tmp_path: pathlib.Path, body: str
) -> None:
    assert len(report(tmp_path, body).notes) == 1


def test_each_text_of_a_literal_list_is_read(tmp_path: pathlib.Path) -> None:
    body = """
def upgrade():
    for statement in (
        "SELECT 1",
        "DELETE FROM users",
    ):
        op.execute(statement)
"""
    found = [f for f in findings(tmp_path, body) if f.rule == "DM103"]
    assert [finding.span.line for finding in found] == [11]


def test_no_help_of_any_command_waits_for_the_parser() -> None:
    program = """
import sys
import click, flask, flask_sqlalchemy
from flask_datamigrate import DataMigrate
app = flask.Flask("app")
app.config["SQLALCHEMY_DATABASE_URI"] = "sqlite://"
DataMigrate(app, flask_sqlalchemy.SQLAlchemy(app))
def ask(command, words):
    ran = app.test_cli_runner().invoke(args=[*words, "--help"])
    assert ran.exit_code == 0 and "Usage: " in ran.output, words
    yield words
    if isinstance(command, click.Group):
        context = click.Context(command)
        for name in command.list_commands(context):
            yield from ask(command.get_command(context, name), [*words, name])
asked = list(ask(app.cli.commands["db"], ["db"]))
assert ["db", "data", "lint"] in asked and ["db", "upgrade"] in asked, asked
print("sqlglot" in sys.modules, "flask_datamigrate.lint.rules" in sys.modules)
"""
    ran = subprocess.run(
        [sys.executable, "-c", program],
        cwd=pathlib.Path(__file__).parents[2],
        check=True,
        capture_output=True,
        text=True,
    )
    assert ran.stdout.split() == ["False", "False"]
