"""``flask db data change``: what the models differ in, written as a staged change."""

from __future__ import annotations

import pathlib
import re
import typing as t

import pytest
import sqlalchemy as sa
from flask import Flask
from flask_sqlalchemy import SQLAlchemy

from flask_datamigrate import DataMigrate
from flask_datamigrate.errors import AuthoringError
from tests.apps import Project
from tests.databases.database import Database

Columns = dict[str, t.Any]
KEY: Columns = {"id": lambda: sa.Column(sa.Integer, primary_key=True)}


def text(length: int = 50, **options: t.Any) -> t.Callable[[], t.Any]:
    return lambda: sa.Column(sa.String(length), **options)


class Models:
    """An app whose models are given as tables of columns, and its migrations."""

    def __init__(self, path: pathlib.Path, database: Database) -> None:
        self.project = Project(path, database.url).init()
        self.database = database
        self.apps: list[Flask] = []
        self.naming: dict[str, str] | None = None
        """The naming convention of the metadata."""

    def app(self, *, stage: str | None = None, **tables: Columns) -> Flask:
        """Return the app with these models; each has an integer key."""
        app = Flask("models")
        app.config["SQLALCHEMY_DATABASE_URI"] = self.database.url
        if stage:
            app.config["DATAMIGRATE_STAGES"] = {"change": stage}
        db = SQLAlchemy(metadata=sa.MetaData(naming_convention=self.naming))
        db.init_app(app)
        DataMigrate().init_app(app, db, directory=str(self.project.migrations))
        for name, columns in tables.items():
            made = {key: make() for key, make in {**KEY, **columns}.items()}
            type(name, (db.Model,), {"__tablename__": name, **made})
        self.apps.append(app)
        return app

    def run(self, app: Flask, *arguments: str) -> str:
        """Run a command, which has to succeed."""
        result = app.test_cli_runner().invoke(args=["db", *arguments])
        assert result.exit_code == 0, result.output
        return result.output

    def base(self, **tables: Columns) -> None:
        """Write and apply the migration that makes the tables."""
        app = self.app(**tables)
        self.run(app, "migrate", "-m", "base", "--rev-id", "base0")
        self.run(app, "upgrade")

    def scaffold(self, *options: str, **tables: Columns) -> list[str]:
        """Write the change to other models; return the text of each revision."""
        before = set(self.files())
        app = self.app(**tables)
        output = self.run(app, "data", "change", "change", *options)
        named = re.findall(r"Wrote \S*?(\w+\.py) \(", output)
        written = {p.name: p for p in self.files() if p not in before}
        assert written.keys() == set(named)
        return [written[name].read_text() for name in named]

    def fill(self, values: dict[str, str]) -> None:
        """Put expressions in the place of what is marked."""
        for path in self.files():
            text = path.read_text()
            for name, value in values.items():
                pattern = rf'"{name}": frozen\.fill_in\([^)]*\)'
                text = re.sub(pattern, f'"{name}": {value}', text)
            path.write_text(text)

    def files(self) -> list[pathlib.Path]:
        return sorted(self.project.migrations.glob("versions/*.py"))

    def close(self) -> None:
        for app in self.apps:
            with app.app_context():
                app.extensions["sqlalchemy"].engine.dispose()


@pytest.fixture
def models(tmp_path: pathlib.Path, database: Database) -> t.Iterator[Models]:
    made = Models(tmp_path, database)
    yield made
    made.close()


def rows(models: Models, table: str) -> list[dict[str, t.Any]]:
    engine = models.database.engine()
    found = sa.Table(table, sa.MetaData(), autoload_with=engine)
    with engine.connect() as connection:
        query = sa.select(found).order_by(found.c.id)
        return [dict(row) for row in connection.execute(query).mappings()]


def ids(written: list[str], stage: str) -> list[str]:
    """Return the ids of the revisions of a stage, by their texts."""
    return [
        re.findall(r"^revision = '(\w+)'", text, re.M)[0]
        for text in written
        if f'stage = "{stage}"' in text
    ]


def listen(models: Models, app: Flask) -> list[str]:
    """Return the schema statements that an app will send."""
    sent: list[str] = []
    with app.app_context():
        engine = app.extensions["sqlalchemy"].engine

    @sa.event.listens_for(engine, "before_cursor_execute")
    def note(*arguments: t.Any) -> None:
        statement = " ".join(arguments[2].split())
        if re.match(r"CREATE|DROP|ALTER", statement) and "datamigrate" not in statement:
            sent.append(statement)

    return sent


OLD = {"full_name": text(100), "nick": text(20)}
NEW = {
    "first_name": text(nullable=False),
    "last_name": text(index=True),
    "nick": text(40, nullable=False),
}
NAMES = {
    "first_name": 'sn.split_part(users.c.full_name, " ", 1)',
    "last_name": 'sn.split_part(users.c.full_name, " ", -1)',
    "full_name": 'users.c.first_name + " " + users.c.last_name',
    "nick": 'sa.literal("")',
}


def split(models: Models) -> None:
    models.base(users=OLD)
    models.database.execute(
        "INSERT INTO users (id, full_name, nick) VALUES "
        "(1, 'Ada Lovelace', 'ada'), (2, 'Alan Turing', NULL)"
    )
    written = models.scaffold(users=NEW)
    assert [re.findall('^stage = "(.*)"', text, re.M) for text in written] == [
        ["expand"], ["expand"], ["migrate"], ["contract"], ["contract"],
    ]  # fmt: skip
    models.fill(NAMES)
    for path in models.files():
        text = path.read_text()
        if "sn." in text:
            line = "import sqlalchemy as sa\n"
            more = "from flask_datamigrate import snippets as sn\n"
            path.write_text(text.replace(line, line + more, 1))


def test_the_stages_run_up_and_down(models: Models) -> None:
    split(models)
    before = rows(models, "users")

    expand = models.app(stage="expand", users=OLD)
    sent = listen(models, expand)
    models.run(expand, "upgrade")
    assert rows(models, "users")[0]["first_name"] is None
    if models.database.name != "sqlite":
        # SQLite alters a table by building it anew.
        assert not [s for s in sent if "DROP COLUMN" in s or s.startswith("DROP TABLE")]
    # Old code writes, and the triggers fill the new columns.
    models.database.execute("INSERT INTO users (id, full_name) VALUES (3, 'G Hopper')")
    models.database.execute("UPDATE users SET full_name = 'G M Hopper' WHERE id = 3")
    assert rows(models, "users")[2]["last_name"] == "Hopper"

    models.run(models.app(stage="migrate", users=NEW), "upgrade")
    assert [row["first_name"] for row in rows(models, "users")] == [
        "Ada", "Alan", "G",
    ]  # fmt: skip
    contract = models.app(stage="contract", users=NEW)
    sent = listen(models, contract)
    models.run(contract, "upgrade")
    assert "full_name" not in rows(models, "users")[0]
    if models.database.name != "sqlite":
        assert not [s for s in sent if s.startswith(("CREATE TABLE", "CREATE INDEX"))]
    models.run(contract, "check")

    # What is written now has no old columns.
    models.database.execute("UPDATE users SET last_name = 'Turin' WHERE id = 2")
    models.database.execute(
        "INSERT INTO users (id, first_name, last_name, nick) "
        "VALUES (4, 'Kay', 'Ell', 'k')"
    )
    models.run(contract, "downgrade", "base0")
    after = rows(models, "users")
    assert after[0] == before[0]
    assert [row["full_name"] for row in after] == [
        "Ada Lovelace", "Alan Turin", "G M Hopper", "Kay Ell",
    ]  # fmt: skip


def test_a_renamed_column_needs_nothing_filled_in(models: Models) -> None:
    models.base(users={"nick": text()})
    models.database.execute("INSERT INTO users (id, nick) VALUES (1, 'ada'), (2, NULL)")
    before = rows(models, "users")
    written = models.scaffold(users={"handle": text()})
    assert "fill in" not in "".join(written)
    contract = models.app(stage="contract", users={"handle": text()})
    models.run(contract, "upgrade")
    assert rows(models, "users") == [
        {"id": 1, "handle": "ada"}, {"id": 2, "handle": None},
    ]  # fmt: skip
    models.run(contract, "downgrade", "base0")
    assert rows(models, "users") == before


@pytest.mark.parametrize("database", ["sqlite", "mysql"], indirect=True)
def test_blanks_are_found_before_anything_is_changed(models: Models) -> None:
    models.base(users=OLD)
    models.scaffold(users=NEW)
    app = models.app(stage="expand", users=NEW)
    for _ in range(2):
        result = app.test_cli_runner().invoke(args=["db", "upgrade"])
        assert "the revision is not filled in (line " in result.output
    assert list(rows(models, "users")) == []
    inspector = sa.inspect(models.database.engine())
    assert {c["name"] for c in inspector.get_columns("users")} == {"id", *OLD}


def test_forbidding_null_begins_with_the_data(models: Models) -> None:
    models.base(users={"nick": text()})
    models.database.execute("INSERT INTO users (id, nick) VALUES (1, NULL)")
    new: dict[str, Columns] = {"users": {"nick": text(nullable=False)}}
    output = models.run(models.app(**new), "data", "change", "change")
    assert '["change"] = "migrate"' in output
    models.fill({"nick": 'sa.literal("")'})
    migrate = models.app(stage="migrate", **new)
    models.run(migrate, "data", "check")
    models.run(migrate, "upgrade")
    contract = models.app(stage="contract", **new)
    models.run(contract, "upgrade")
    assert rows(models, "users") == [{"id": 1, "nick": ""}]
    models.run(contract, "check")


def test_names_that_sql_has_taken(models: Models) -> None:
    models.base(order={"select": text(80)})
    new: dict[str, Columns] = {
        "group": {"from": text(80, nullable=False, unique=True)},
        "order": {
            "table": lambda: sa.Column(sa.ForeignKey("group.id", name="fk_order_group"))
        },
    }
    models.scaffold(**new)
    models.run(models.app(stage="contract", **new), "upgrade")
    models.run(models.app(stage="contract", **new), "downgrade", "base0")


def test_a_column_that_goes_goes_last(models: Models) -> None:
    models.base(users={"nick": text(), "name": text()})
    written = models.scaffold(users={"name": text()})
    assert ["op.archive_column" in text for text in written] == [False, True]
    models.run(models.app(stage="migrate", users={"name": text()}), "upgrade")
    models.database.execute("INSERT INTO users (id, nick) VALUES (1, 'ada')")
    models.run(models.app(stage="contract", users={"name": text()}), "upgrade")


def test_migrate_asks_before_it_loses_a_renamed_column(models: Models) -> None:
    models.base(users={"nick": text()})
    models.database.execute("INSERT INTO users (id, nick) VALUES (1, 'ada')")
    new: dict[str, Columns] = {"users": {"handle": text()}}
    output = models.run(models.app(**new), "migrate", "--yes")
    assert "Wrote " in output
    app = models.app(**new)
    app.config["DATAMIGRATE_STAGES"] = {"rename_users_nick_to_handle": "contract"}
    models.run(app, "upgrade")
    assert rows(models, "users") == [{"id": 1, "handle": "ada"}]
    models.run(app, "check")


@pytest.mark.parametrize("options", [(), ("--no",)])
def test_migrate_without_a_terminal_does_as_alembic_does(
    models: Models, options: tuple[str, ...]
) -> None:
    models.base(users={"nick": text()})
    new: dict[str, Columns] = {"users": {"handle": text()}}
    output = models.run(models.app(**new), "migrate", "-m", "new", *options)
    warned = "users.nick goes and users.handle of the same kind comes" in output
    assert warned is (not options)
    written = models.files()[-1].read_text() + models.files()[0].read_text()
    assert "drop_column('nick')" in written
    assert "create_sync" not in written


def test_a_directive_of_the_app_sees_every_revision(models: Models) -> None:
    models.base(users={"nick": text()})
    seen: list[str] = []
    app = models.app(users={"handle": text()})

    def note(context: object, revision: object, directives: list[t.Any]) -> None:
        seen.extend(type(one).__name__ for one in directives[0].upgrade_ops.ops)
        seen.append(str(len(directives)))

    stock = app.extensions["migrate"]
    stock._configure_args["process_revision_directives"] = note
    models.run(app, "data", "change", "change")
    assert seen == ["ModifyTableOps", "Written", "4"]


ONE = pytest.mark.parametrize("database", ["sqlite"], indirect=True)


@pytest.mark.parametrize(
    ("tables", "message"),
    [
        ({"users": {"nick": text(), "n": text(3)}}, "models and database are alike"),
        (
            {"users": {"nick": text(), "n": text(3), "more": text()}},
            "there is nothing to stage",
        ),
        (
            {"people": {"nick": text(), "n": text(3), "more": text()}},
            "table users becomes people: it cannot be staged: they look like one "
            "table, but for its columns (more)",
        ),
    ],
)
def test_what_cannot_be_staged_is_said(
    models: Models, tables: dict[str, Columns], message: str
) -> None:
    models.base(users={"nick": text(), "n": text(3)})
    before = models.files()
    app = models.app(**tables)
    result = app.test_cli_runner().invoke(args=["db", "data", "change", "change"])
    assert result.exit_code == 1
    assert message in " ".join(result.output.split())
    assert "Nothing was written" in result.output
    assert models.files() == before


@ONE
def test_a_name_is_used_once(models: Models) -> None:
    models.base(users={"nick": text()})
    models.scaffold(users={"handle": text()})
    app = models.app(users={"handle": text()})
    result = app.test_cli_runner().invoke(args=["db", "data", "change", "change"])
    assert "belongs to a change of that name" in result.output


@ONE
@pytest.mark.parametrize("name", ["", " ", 'a "name"', "back\\slash", "x" * 151])
@pytest.mark.parametrize(
    "command",
    [("change", "{}"), ("new", "-m", "m", "--stage", "expand", "--change", "{}")],
    ids=["change", "new"],
)
def test_a_name_that_no_file_can_hold_is_refused(
    models: Models, name: str, command: tuple[str, ...]
) -> None:
    models.base(users={"nick": text()})
    before = models.files()
    app = models.app(users={"handle": text()})
    arguments = [one.replace("{}", name) for one in command]
    result = app.test_cli_runner().invoke(args=["db", "data", *arguments])
    assert result.exit_code == 1
    assert "Nothing was written. Name it as what it does, such as split" in (
        result.output
    )
    assert models.files() == before


@ONE
def test_a_change_that_cannot_be_written_whole_is_not_written(
    models: Models, monkeypatch: pytest.MonkeyPatch
) -> None:
    from flask_datamigrate.authoring.source import Source

    models.base(users={"nick": text()})
    before = models.files()
    calls: list[object] = []

    def full(source: Source) -> None:
        calls.append(source)
        if len(calls) == 2:
            raise AuthoringError("the disk is full")

    monkeypatch.setattr(Source, "write", full)
    app = models.app(users={"handle": text()})
    result = app.test_cli_runner().invoke(args=["db", "data", "change", "change"])
    assert "the disk is full" in result.output
    assert models.files() == before
