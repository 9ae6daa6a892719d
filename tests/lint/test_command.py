"""``flask db data lint``: what it reads, what it prints, and how it ends."""

from __future__ import annotations

import json
import pathlib
import typing as t

import pytest
import sqlalchemy as sa
from sqlalchemy.util import immutabledict

from tests.databases.database import Database
from tests.extension.conftest import Site
from tests.extension.conftest import make_site as make_site

on_sqlite = pytest.mark.parametrize("database", ["sqlite"], indirect=True)

HEADER = '''"""{revision}"""
import sqlalchemy as sa
from alembic import op

revision = "{revision}"
down_revision = {down!r}
'''

CREATE = """
def upgrade():
    op.create_table("users", sa.Column("id", sa.Integer, primary_key=True),
                    sa.Column("name", sa.String(50)),
                    sa.Column("note", sa.String(50)))


def downgrade():
    op.drop_table("users")
"""

DROP = """
def upgrade():
    op.drop_column("users", "note")


def downgrade():
    op.add_column("users", sa.Column("note", sa.String(50)))
"""

INDEX = """
def upgrade():
    op.create_index("ix_users_name", "users", ["name"])


def downgrade():
    op.drop_index("ix_users_name", "users")
"""


class Linted:
    """A project with three revisions; ``r2`` and ``r3`` hold a warning each."""

    def __init__(self, site: Site) -> None:
        self.site = site
        site.flask("db", "init")
        self.write("r1aa", CREATE)
        self.write("r2bb", INDEX, "r1aa")
        self.write("r3cc", DROP, "r2bb")

    def write(self, revision: str, body: str, down: str | None = None) -> pathlib.Path:
        path = pathlib.Path("migrations/versions", f"{revision}.py")
        path.write_text(HEADER.format(revision=revision, down=down) + body)
        return path

    def lint(self, *arguments: str, code: int | None = None) -> str:
        result = self.site.run("db", "data", "lint", *arguments)
        if code is not None:
            assert result.exit_code == code, result.output
        return result.output

    def found(self, *arguments: str) -> list[tuple[str, str]]:
        result = self.site.run("db", "data", "lint", "--format", "json", *arguments)
        report = json.loads(result.stdout)
        return [(found["revision"], found["rule"]) for found in report["findings"]]


@pytest.fixture
def linted(database: Database, make_site: t.Callable[..., Site]) -> Linted:
    return Linted(make_site(database.url))


def test_it_reads_what_is_not_applied_yet(linted: Linted) -> None:
    everything = [("r2bb", "DM115"), ("r3cc", "DM112")]
    assert linted.found() == everything
    linted.site.flask("db", "upgrade", "r2bb")
    assert linted.found() == everything[1:]
    linted.site.flask("db", "upgrade")
    assert linted.found() == []
    assert "Nothing found; 0 revisions read." in linted.lint(code=0)
    assert linted.found("--all") == everything


@on_sqlite
def test_revisions_are_chosen_by_name_by_prefix_and_since(linted: Linted) -> None:
    assert linted.found("r2b") == [("r2bb", "DM115")]
    assert linted.found("head") == [("r3cc", "DM112")]
    assert linted.found("--since", "r2bb") == [("r3cc", "DM112")]
    assert linted.found("--since", "r3cc") == []


@on_sqlite
def test_without_a_database_everything_is_read(
    linted: Linted, tmp_path: pathlib.Path, make_site: t.Callable[..., Site]
) -> None:
    linted.site.close()
    away = make_site(f"sqlite:///{tmp_path}/none.db")
    result = away.run("db", "data", "lint")
    assert result.exit_code == 1
    assert "The database cannot be asked" in result.output
    assert "3 revisions read" in result.output
    assert not (tmp_path / "none.db").exists()


@on_sqlite
def test_a_finding_shows_its_line_what_breaks_and_what_to_write(linted: Linted) -> None:
    assert (
        linted.lint("r2bb", code=1)
        == """\
migrations/versions/r2bb.py:9:5: DM115 warning: index that stops writing
   |
 9 |     op.create_index("ix_users_name", "users", ["name"])
   |     ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^
  nobody can write to users while ix_users_name is built, which takes about a minute for
  ten million rows.
  Instead:
      op.create_index_online("ix_users_name", "users", ["name"])
      # in downgrade(): op.drop_index_online("ix_users_name", "users")

1 warning in 1 file; 1 revision read.
"""
    )


def test_live_weighs_a_finding_by_the_rows_of_its_table(
    linted: Linted, database: Database
) -> None:
    linted.site.flask("db", "upgrade", "r1aa")
    database.execute("INSERT INTO users (id) VALUES (1), (2), (3)")
    small = linted.lint("r3cc", code=1)
    assert "DM112 warning" in small
    database.execute("INSERT INTO users (id) VALUES (4)")
    out = linted.lint("--live", "r2bb", code=0)
    assert "DM115 note" in out
    linted.site.app.config["DATAMIGRATE_ATOMIC_ROWS"] = 3
    out = linted.lint("--live", "r2bb")
    if database.name == "mysql":
        assert "DM115 note" in out
        assert "InnoDB lets others write" in " ".join(out.split())
    else:
        assert "DM115 error" in out
        assert "users has 4 rows now" in " ".join(out.split())


def test_live_leaves_a_table_that_is_not_there_as_it_is(linted: Linted) -> None:
    assert "DM115 warning" in linted.lint("--live", "r2bb", code=1)


@on_sqlite
def test_fix_rewrites_the_file_and_reports_what_is_left(linted: Linted) -> None:
    path = linted.write(
        "r4dd",
        """
def upgrade():
    op.create_unique_constraint(None, "users", ["note"])


def downgrade():
    op.drop_constraint(None, "users", type_="unique")
""",
        "r3cc",
    )
    assert linted.found("r4dd") == [("r4dd", "DM113"), ("r4dd", "DM114")]
    assert "Nothing found" in linted.lint("--fix", "r4dd", code=0)
    assert '"users_note_key"' in path.read_text()


UNIQUE = """
def upgrade():
    with op.batch_alter_table("users") as batch_op:
        batch_op.create_unique_constraint(None, ["name"])


def downgrade():
    with op.batch_alter_table("users") as batch_op:
        batch_op.drop_constraint(None, type_="unique")
"""


def test_fix_writes_the_name_of_the_naming_convention(
    linted: Linted, database: Database
) -> None:
    convention = {"uq": "uq_%(table_name)s_%(column_0_name)s"}
    linted.site.db.metadata.naming_convention = immutabledict(convention)
    path = linted.write("r4dd", UNIQUE, "r3cc")
    linted.site.flask("db", "upgrade")
    with database.engine().connect() as connection:
        (made,) = sa.inspect(connection).get_unique_constraints("users")
    assert made["name"] == "uq_users_name"
    assert linted.found("r4dd") == [("r4dd", "DM114")]
    assert "Nothing found" in linted.lint("--fix", "r4dd", code=0)
    assert path.read_text().count('"uq_users_name"') == 2
    # It drops what the file made when it had no name yet.
    linted.site.flask("db", "downgrade")
    linted.site.flask("db", "upgrade")
    linted.site.flask("db", "downgrade")
    with database.engine().connect() as connection:
        assert not sa.inspect(connection).get_unique_constraints("users")


@on_sqlite
def test_severities_and_rules_are_set_in_the_config(linted: Linted) -> None:
    linted.site.app.config["DATAMIGRATE_LINT"] = {
        "disable": ["DM112"],
        "severity": {"DM115": "note"},
    }
    assert linted.found() == [("r2bb", "DM115")]
    assert "1 note in 1 file" in linted.lint(code=0)
    linted.site.app.config["DATAMIGRATE_LINT"] = {"severity": {"DM115": "error"}}
    assert "1 error, 1 warning" in linted.lint(code=1)


@on_sqlite
def test_every_format_says_where_and_what(linted: Linted) -> None:
    github = linted.lint("--format", "github", "r2bb", code=1)
    assert "::warning file=migrations/versions/r2bb.py,line=9,endLine=9,col=5" in github
    assert "title=DM115 index that stops writing::nobody can write" in github
    result = linted.site.run("db", "data", "lint", "r2bb", "--format", "sarif")
    (run,) = json.loads(result.stdout)["runs"]
    (found,) = run["results"]
    assert found["ruleId"] == "DM115"
    place = found["locations"][0]["physicalLocation"]
    assert place["artifactLocation"]["uri"] == "migrations/versions/r2bb.py"
    assert place["region"]["startLine"] == 9
    assert found["ruleId"] in {rule["id"] for rule in run["tool"]["driver"]["rules"]}


@on_sqlite
@pytest.mark.parametrize(
    ("arguments", "code", "parts"),
    [
        (["nope"], 1, ["there is no revision 'nope'", "flask db history"]),
        (["r"], 1, ["there is no revision 'r'"]),
        (["--since", "nope"], 1, ["there is no revision 'nope'"]),
        (["--all", "r2bb"], 2, ["take one of REVISION, --all and --since"]),
        (["-d", "elsewhere"], 1, ["elsewhere", "flask db init"]),
    ],
)
def test_wrong_arguments_are_one_clear_error(
    linted: Linted, arguments: list[str], code: int, parts: list[str]
) -> None:
    output = linted.lint(*arguments, code=code)
    assert output.count("Error: ") == 1
    for part in parts:
        assert part in output


@on_sqlite
def test_a_rule_that_does_not_exist_is_one_clear_error(linted: Linted) -> None:
    linted.site.app.config["DATAMIGRATE_LINT"] = {"disable": ["DM999"]}
    output = linted.lint(code=1)
    assert "names a rule 'DM999', which does not exist" in output
    assert output.count("Error: ") == 1


@on_sqlite
def test_a_directory_without_versions_is_one_clear_error(linted: Linted) -> None:
    for path in pathlib.Path("migrations/versions").iterdir():
        path.unlink()
    pathlib.Path("migrations/versions").rmdir()
    output = linted.lint("--all", code=1)
    assert "there is no directory of versions" in output


@on_sqlite
def test_nothing_of_a_migration_is_run(
    linted: Linted, monkeypatch: pytest.MonkeyPatch
) -> None:
    linted.write(
        "r4dd",
        """
import not_there_at_all
import pathlib

pathlib.Path("ran").touch()


def upgrade():
    not_there_at_all.work()
""",
        "r3cc",
    )
    assert ("r4dd", "DM111") in linted.found()
    assert not pathlib.Path("ran").exists()
