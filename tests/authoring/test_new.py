from __future__ import annotations

import ast
import pathlib
import re
import subprocess
import sys

import pytest
from alembic.script import ScriptDirectory

USERS = ("--table", "users")
NAMES = ("--table", "users", "--table", "names", "--kind", "insert")

FILLED = {
    "update": ("sa.func.lower(users.c.full_name)", [("ana lima",), ("bo ek",)]),
    "rows": ('row["full_name"].split()[0]', [("Ana",), ("Bo",)]),
    "delete": ('users.c.full_name == "Bo Ek"', [(None,)]),
    "insert": ("users.c.full_name", [(None,), (None,)]),
    "sql": ("\"UPDATE users SET first_name = 'x'\"", [("x",), ("x",)]),
}


def options(kind):
    return NAMES if kind == "insert" else (*USERS, "--kind", kind)


def fill_in(path, code):
    text = path.read_text()
    assert text.count("# <- fill in") == 1
    filled, count = re.subn(r'frozen\.fill_in\(".*?"(, row)?\)', code, text)
    assert count == 1
    path.write_text(filled)


def lint(*options):
    pytest.importorskip("ruff")
    command = [sys.executable, "-m", "ruff", "check", "--isolated", *options]
    done = subprocess.run(
        [*command, "--select", "E,F,I,W", "migrations/versions"],
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("kind", FILLED)
def test_a_revision_runs_once_its_one_blank_is_filled_in(site, kind):
    path = site.new("-m", "change users", *options(kind))
    code, expected = FILLED[kind]
    fill_in(path, code)
    result = site.run("upgrade")
    assert result.exit_code == 0, result.output
    found = site.database.rows("SELECT first_name FROM users ORDER BY id")
    assert found == expected
    copied = site.database.rows("SELECT name FROM names ORDER BY id")
    assert copied == ([("Ana Lima",), ("Bo Ek",)] if kind == "insert" else [])


@pytest.mark.parametrize("kind", FILLED)
def test_a_revision_with_its_blank_changes_nothing_and_says_why(site, kind):
    site.new("-m", "change users", *options(kind))
    before = site.database.rows("SELECT * FROM users ORDER BY id")
    result = site.run("upgrade")
    assert result.exit_code == 1
    assert "the revision is not filled in" in result.output
    assert "Traceback" not in result.output
    assert site.database.rows("SELECT * FROM users ORDER BY id") == before
    assert site.database.rows("SELECT * FROM names") == []


@pytest.mark.parametrize("kind", sorted(FILLED.keys() - {"rows"}))
def test_a_blank_that_stopped_an_upgrade_can_be_filled_in(site, kind):
    path = site.new("-m", "change users", *options(kind))
    assert site.run("upgrade").exit_code == 1
    fill_in(path, FILLED[kind][0])
    result = site.run("upgrade")
    assert result.exit_code == 0, result.output


@pytest.mark.parametrize("kind", sorted(FILLED.keys() - {"sql"}))
def test_an_atomic_revision_runs_once_its_blank_is_filled_in(site, kind):
    path = site.new("-m", "change users", *options(kind), "--atomic")
    fill_in(path, FILLED[kind][0])
    result = site.run("upgrade")
    assert result.exit_code == 0, result.output
    found = site.database.rows("SELECT first_name FROM users ORDER BY id")
    assert found == FILLED[kind][1]
    assert "datamigrate_backfills" not in site.database.tables()


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
def test_every_kind_passes_the_linter_in_both_import_styles(site):
    for kind in FILLED:
        site.new("-m", f"{kind} " + "long " * 30 + "end", *options(kind))
        site.new("-m", kind, *options(kind), "--change", "c", "--stage", "expand")
    site.new("-m", 'no table, "quotes" """, back\\slash')
    site.new("-m", "no table", "--kind", "sql")
    site.new("-m", "atomic", *USERS, "--atomic")
    site.new("-m", "atomic rows", *options("rows"), "--atomic")
    lint()
    lint("--config", "lint.isort.force-single-line=true")
    assert site.run("history").exit_code == 0


@pytest.mark.parametrize("kind", sorted(FILLED.keys() - {"sql"}))
def test_what_a_revision_changed_is_undone_by_its_downgrade(site, kind):
    path = site.new("-m", "change", *options(kind))
    fill_in(path, FILLED[kind][0])
    assert site.run("upgrade").exit_code == 0
    result = site.run("downgrade")
    assert result.exit_code == 0, result.output
    assert site.database.rows("SELECT first_name FROM users") == [(None,), (None,)]
    assert site.database.rows("SELECT * FROM names") == []


def test_a_column_of_the_same_name_and_another_type_is_not_copied(site):
    site.database.execute(
        "CREATE TABLE codes (id VARCHAR(36) PRIMARY KEY, full_name VARCHAR(100))"
    )
    tables = ("--table", "users", "--table", "codes")
    path = site.new("-m", "codes", *tables, "--kind", "insert")
    fill_in(path, "sa.cast(users.c.id, sa.String(36))")
    result = site.run("upgrade")
    assert result.exit_code == 0, result.output
    found = site.database.rows("SELECT id, full_name FROM codes ORDER BY id")
    assert found == [("1", "Ana Lima"), ("2", "Bo Ek")]


def test_rows_of_a_table_without_a_key_are_not_undone(site):
    site.database.execute("CREATE TABLE log (full_name VARCHAR(100))")
    path = site.new(
        "-m", "log", "--table", "users", "--table", "log", "--kind", "insert"
    )
    fill_in(path, "users.c.id == 1")
    assert site.run("upgrade").exit_code == 0
    assert site.database.rows("SELECT * FROM log") == [("Ana Lima",)]
    result = site.run("downgrade")
    assert result.exit_code == 1
    assert "cannot be told from later ones" in result.output


@pytest.mark.parametrize("kind", ["insert", "delete", "sql"])
def test_a_downgrade_that_cannot_bring_rows_back_says_so(site, kind):
    extra = () if kind == "sql" else ("--atomic",)
    path = site.new("-m", "change", *options(kind), *extra, "--rev-id", "abc123")
    fill_in(path, FILLED[kind][0])
    assert site.run("upgrade").exit_code == 0
    result = site.run("downgrade")
    assert result.exit_code == 1
    assert "revision abc123: " in result.output
    assert "Nothing was changed" in result.output
    assert "Traceback" not in result.output


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
class TestOptions:
    def test_the_options_are_in_the_file(self, site):
        site.new("-m", "first", "--rev-id", "one", *USERS)
        path = site.new(
            *("-m", "second", *USERS, "--columns", "first_name", "--deferred"),
            *("--change", "split", "--stage", "migrate", "--rev-id", "two"),
            *("--head", "one", "--branch-label", "people"),
        )
        text = path.read_text()
        for line in (
            'revision = "two"',
            'down_revision = "one"',
            'branch_labels = ("people",)',
            'change = "split"',
            'stage = "migrate"',
            "    deferred=True,",
        ):
            assert line in text.splitlines()
        assert "full_name" not in text

    def test_splice_makes_a_second_head(self, site):
        site.new("-m", "a", "--rev-id", "one", *USERS)
        site.new("-m", "b", "--rev-id", "two", *USERS)
        refused = site.run("data", "new", "-m", "c", *USERS, "--head", "one")
        assert refused.exit_code == 1
        assert "--splice" in refused.output
        site.new("-m", "c", *USERS, "--head", "one", "--splice", "--rev-id", "three")
        with site.app.app_context():
            config = site.app.extensions["migrate"].migrate.get_config()
            heads = ScriptDirectory.from_config(config).get_heads()
        assert sorted(heads) == ["three", "two"]

    @pytest.mark.parametrize(
        ("args", "message"),
        [
            ((*USERS, "--rev-id", "one"), "the revision one exists"),
            ((*USERS, "--head", "nope"), "Can't locate revision .*The heads are: one"),
            (("--table", "user"), 'no table "user" .*did you mean "users"'),
            ((*USERS, "--columns", "name"), 'no column "name"'),
            ((*USERS, "--bind", "x"), 'no database with the bind key "x"'),
            (
                (*USERS, "--version-path", "nowhere"),
                "nowhere is none of the version locations.* migrations/versions",
            ),
            ((*USERS, "--rev-id", "heads"), "'heads' means something else"),
            ((*USERS, "--rev-id", "base"), "'base' means something else"),
            ((*USERS, "--rev-id", ""), "--rev-id: it is empty"),
            ((*USERS, "--rev-id", "a/b"), "'a/b' has more than letters"),
            ((*USERS, "--rev-id", "a-b"), "'a-b' has more than letters"),
            ((*USERS, "--rev-id", "x" * 33), "has room for 32"),
            ((*USERS, "-d", "nowhere"), "flask db init"),
            (("--table", "log"), "no primary key .*`Backfill"),
            ((*USERS, "--columns", "id"), "no column to fill"),
            (("--from-models", *USERS), "in the models: there are none"),
        ],
    )
    def test_a_mistake_is_one_message_and_writes_nothing(self, site, args, message):
        site.database.execute("CREATE TABLE log (line TEXT)")
        site.new("-m", "first", "--rev-id", "one")
        before = site.files()
        result = site.run("data", "new", "-m", "m", *args)
        assert result.exit_code == 1
        assert re.search(message, result.output)
        assert "Traceback" not in result.output
        assert site.files() == before

    @pytest.mark.parametrize(
        "args",
        [
            ("--stage", "migrate"),
            ("--change", "split"),
            ("--change", "split", "--stage", "later"),
            ("--columns", "a"),
            ("--from-models",),
            ("--kind", "insert", *USERS),
            ("--kind", "other"),
            ("--kind", "sql", "--atomic"),
            ("--atomic", "--deferred"),
            (*USERS, "--columns", ", "),
            ("-m", " "),
        ],
    )
    def test_options_that_do_not_go_together_are_wrong_usage(self, site, args):
        result = site.run("data", "new", "-m", "m", *args)
        assert result.exit_code == 2, result.output
        assert site.files() == []

    def test_a_message_is_required(self, site):
        assert site.run("data", "new", *USERS).exit_code == 2

    def test_the_models_are_read_instead_of_the_database(self, site):
        class Member(site.db.Model):
            __tablename__ = "members"
            id = site.db.Column(site.db.Integer, primary_key=True)
            name = site.db.Column(site.db.String(10))

        text = site.new("-m", "m", "--table", "members", "--from-models").read_text()
        assert 'frozen.table(\n    "members"' in text

    def test_a_template_of_the_user_wins(self, site):
        pathlib.Path("migrations/data.py.mako").write_text(
            'revision = "${up_revision}"\ndown_revision = ${repr(down_revision)}\n'
            "# ours: ${kind} ${frozen.tables[0].variable}\n"
        )
        assert "# ours: update users" in site.new("-m", "m", *USERS).read_text()

    @pytest.mark.parametrize("text", ["${nothing}", "<% if %>", "revision = ("])
    def test_a_template_that_fails_is_named(self, site, text):
        pathlib.Path("migrations/data.py.mako").write_text(text)
        result = site.run("data", "new", "-m", "m", *USERS)
        assert result.exit_code == 1
        assert "data.py.mako" in result.output
        assert "Traceback" not in result.output

    def test_what_alembic_ini_says_of_files_holds(self, site):
        ini = pathlib.Path("migrations/alembic.ini")
        hook = "import sys; open(sys.argv[1], 'a').write('# hooked')"
        pathlib.Path("hook.py").write_text(hook)
        ini.write_text(
            ini.read_text().replace(
                "[alembic]",
                "[alembic]\nfile_template = %%(year)d/%%(slug)s-%%(rev)s\n"
                "recursive_version_locations = true\noutput_encoding = latin-1\n"
                "[post_write_hooks]\nhooks = mark\nmark.type = exec\n"
                f"mark.executable = {sys.executable}\n"
                "mark.options = hook.py REVISION_SCRIPT_FILENAME\n",
                1,
            )
        )
        path = site.new("-m", "first one", "--rev-id", "one", *USERS)
        assert path.name == "first_one-one.py"
        assert path.parent.name.isdigit()
        assert path.read_text().endswith("# hooked")
        assert 'down_revision = "one"' in site.new("-m", "second", *USERS).read_text()

    def test_a_post_write_hook_that_is_not_there_is_named(self, site):
        ini = pathlib.Path("migrations/alembic.ini")
        hooks = "\n[post_write_hooks]\nhooks = it\nit.type = exec\nit.executable = nope"
        ini.write_text(ini.read_text() + hooks)
        result = site.run("data", "new", "-m", "m", *USERS)
        assert result.exit_code == 1
        assert "nope" in result.output
        assert "Traceback" not in result.output

    def test_alembics_own_revisions_still_use_their_own_template(self, site):
        site.new("-m", "first", "--rev-id", "one", *USERS)
        assert site.run("revision", "-m", "plain", "--rev-id", "two").exit_code == 0
        (path,) = (p for p in site.files() if p.name.startswith("two"))
        assert "Backfill" not in path.read_text()
        assert "revision identifiers, used by Alembic." in path.read_text()


@pytest.fixture
def two_sites(database, second_database, make_site):
    for one in (database, second_database):
        one.execute(
            "CREATE TABLE users (id INTEGER NOT NULL PRIMARY KEY, name VARCHAR(9))"
        )
        one.execute("INSERT INTO users VALUES (1, NULL)")
    second_database.execute("CREATE TABLE logs (id INTEGER NOT NULL PRIMARY KEY)")
    return make_site(database, archive=second_database)


@pytest.mark.parametrize(
    ("args", "changed"), [((), "default"), (("--bind", "archive"), "archive")]
)
def test_with_several_databases_the_work_is_in_the_function_of_one(
    two_sites, second_database, args, changed
):
    path = two_sites.new("-m", "m", *USERS, *args)
    functions = {
        node.name: ast.unparse(node)
        for node in ast.parse(path.read_text()).body
        if isinstance(node, ast.FunctionDef)
    }
    busy = "upgrade_archive" if changed == "archive" else "upgrade_"
    idle = {"upgrade_archive", "upgrade_"} - {busy}
    assert "op.backfill(backfill)" in functions[busy]
    assert functions[idle.pop()].endswith("pass")
    lint()
    fill_in(path, 'sa.literal("new")')
    result = two_sites.run("upgrade")
    assert result.exit_code == 0, result.output
    new, old = [("new",)], [(None,)]
    here = two_sites.database.rows("SELECT name FROM users")
    there = second_database.rows("SELECT name FROM users")
    assert (here, there) == ((new, old) if changed == "default" else (old, new))


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
def test_a_table_is_looked_up_in_the_database_of_its_bind_key(two_sites):
    assert two_sites.run("data", "freeze", "logs", "--bind", "archive").exit_code == 0
    missing = two_sites.run("data", "freeze", "logs")
    assert 'no table "logs"' in missing.output
    assert "another database: --bind archive" in missing.output


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
def test_a_bind_key_needs_the_template_for_several_databases(site, second_database):
    site.app.config["SQLALCHEMY_BINDS"] = {"archive": second_database.url}
    result = site.run("data", "new", "-m", "m", "--bind", "archive", "--kind", "sql")
    assert result.exit_code == 1
    assert "init --multidb" in result.output


def test_freeze_prints_code_that_can_be_pasted(site):
    result = site.run("data", "freeze", "users", "names", "--columns", "full_name,name")
    assert result.exit_code == 0, result.output
    assert result.output == (
        "import sqlalchemy as sa\n"
        "from flask_datamigrate import frozen\n"
        "\n"
        "users = frozen.table(\n"
        '    "users",\n'
        '    sa.Column("id", sa.Integer, primary_key=True),\n'
        '    sa.Column("full_name", sa.String(100)),\n'
        ")\n"
        "\n"
        "names = frozen.table(\n"
        '    "names",\n'
        '    sa.Column("id", sa.Integer, primary_key=True),\n'
        '    sa.Column("name", sa.String(100)),\n'
        ")\n"
    )


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
def test_freeze_says_what_is_wrong(site):
    assert site.run("data", "freeze").exit_code == 2
    result = site.run("data", "freeze", "usrs")
    assert result.exit_code == 1
    assert 'did you mean "users"?' in result.output
