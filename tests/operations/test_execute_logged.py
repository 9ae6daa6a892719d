"""``op.execute_logged``: each row that a statement changes is in the log."""

from __future__ import annotations

import logging
import tracemalloc
import typing as t

import pytest
import sqlalchemy as sa
from alembic import command
from alembic.migration import MigrationContext
from alembic.operations import Operations
from flask import current_app

from flask_datamigrate import errors
from flask_datamigrate import frozen
from flask_datamigrate import snippets as sn
from flask_datamigrate.operations.log import LOGGER
from tests.backfill.engine import contents
from tests.backfill.engine import create
from tests.backfill.engine import fill
from tests.databases.database import Database
from tests.operations.conftest import People

DRIVERS = [("postgresql", "psycopg"), ("postgresql", None), ("mysql", None)]
DRIVERS += [("sqlite", None)]

UPDATE = """
def upgrade():
    changed = op.execute_logged(
        sa.update(people).where(people.c.id <= 4).values(n=people.c.n + 1),
        "Raised id=%(id)s of %(name)s to %(n)s",
        returning=["id", people.c.name, "n"],
        limit=3,
        redact=["name"],
    )
    assert changed == 4

def downgrade():
    op.execute_logged("DELETE FROM people WHERE id = 9", "Gone: %(id)s",
                      returning="id")
"""


def users() -> sa.Table:
    return frozen.table(
        "users",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("login", sa.String(200), unique=True),
        sa.Column("n", sa.Integer),
    )


def with_users(database: Database, count: int = 5) -> sa.Table:
    table = users()
    create(database, table)
    fill(database, table, [{"login": f"u{i}", "n": i} for i in range(1, count + 1)])
    return table


class Log:
    """The lines that the migration's logger writes."""

    def __init__(self, caplog: pytest.LogCaptureFixture) -> None:
        self._caplog = caplog
        caplog.set_level(logging.INFO, LOGGER)

    @property
    def lines(self) -> list[str]:
        records = self._caplog.records
        return [r.getMessage() for r in records if r.name == LOGGER]


@pytest.fixture
def log(caplog: pytest.LogCaptureFixture) -> Log:
    return Log(caplog)


def run(
    database: Database,
    statement: t.Any,
    template: str = "%(id)s %(login)s %(n)s",
    driver: str | None = None,
    **options: t.Any,
) -> int:
    options.setdefault("returning", ["id", "login", "n"])
    with database.engine(driver=driver).begin() as connection:
        op = Operations(MigrationContext.configure(connection))
        return int(op.execute_logged(statement, template, **options))


def test_a_revision_logs_its_rows_under_flask_db_upgrade(people: People) -> None:
    people.revision(UPDATE)

    up = people.project.flask("db", "upgrade")

    assert people.column() == [2] * 4 + [1] * 6
    lines = [line for line in up.err.splitlines() if "Raised" in line]
    assert len(lines) == 3
    assert all("of [redacted] to 2" in line for line in lines)
    assert "… and 1 more" in up.err
    assert "p1" not in up.err
    if people.database.name != "mysql":
        return
    assert "datamigrate_changed" not in people.database.tables()


@pytest.mark.parametrize("database", ["postgresql", "sqlite"], indirect=True)
def test_a_downgrade_logs_too(people: People) -> None:
    people.revision(UPDATE)
    people.upgrade()

    down = people.project.flask("db", "downgrade")

    assert "Gone: 9" in down.err
    assert people.column("SELECT count(*) FROM people WHERE id = 9") == [0]


@pytest.mark.parametrize(("database", "driver"), DRIVERS, indirect=["database"])
def test_each_changed_row_is_a_line_with_its_new_values(
    database: Database, driver: str | None, log: Log
) -> None:
    table = with_users(database)
    update = sa.update(table).where(table.c.n > 3).values(n=table.c.n * 10)

    count = run(database, update, "%(id)s: %(login)r is %(n)s, 100%%", driver)

    assert count == 2
    assert sorted(log.lines) == ["4: 'u4' is 40, 100%", "5: 'u5' is 50, 100%"]


@pytest.mark.parametrize(("database", "driver"), DRIVERS, indirect=["database"])
@pytest.mark.parametrize("kind", ["insert", "delete", "upsert", "update_from"])
def test_each_kind_of_statement_is_logged(
    database: Database, driver: str | None, kind: str, log: Log
) -> None:
    table = with_users(database)
    other = table.alias("other")
    statement = {
        "insert": sa.insert(table).values([{"login": "x", "n": 1}]),
        "delete": sa.delete(table).where(table.c.id == 2),
        "upsert": sn.upsert(table, [{"login": "u1", "n": 9}], key=["login"]),
        "update_from": sn.update_from(
            table, other, on=other.c.id == table.c.id + 4, values={"n": other.c.n}
        ),
    }[kind]

    count = run(database, statement, "%(login)s %(n)s", driver)

    assert count == 1
    expected = {"insert": "x 1", "delete": "u2 2", "upsert": "u1 9"}
    assert log.lines == [expected.get(kind, "u1 5")]


@pytest.mark.parametrize(("database", "driver"), DRIVERS, indirect=["database"])
@pytest.mark.parametrize("kind", ["update", "delete"])
@pytest.mark.parametrize("limit", [0, 2, 5, 6])
def test_no_more_lines_than_the_limit_and_the_count_is_of_all(
    database: Database, driver: str | None, kind: str, limit: int, log: Log
) -> None:
    table = with_users(database)
    update, delete = sa.update(table).values(n=0), sa.delete(table)
    statement = update if kind == "update" else delete

    assert run(database, statement, driver=driver, limit=limit) == 5

    rows = [line for line in log.lines if line[0] != "…"]
    assert len(rows) == len(set(rows)) == min(limit, 5)
    closing = [f"… and {5 - limit} more"] if limit < 5 else []
    assert log.lines[len(rows) :] == closing


def test_nothing_changed_is_nothing_logged(database: Database, log: Log) -> None:
    table = with_users(database)

    assert run(database, sa.update(table).where(table.c.id == 99).values(n=1)) == 0
    assert log.lines == []


def test_a_value_cannot_forge_a_line(database: Database, log: Log) -> None:
    table = with_users(database)
    evil = "a\r\nINFO  forged\x1b[2J\u2028\x85 é 100%(id)s %d"

    run(database, sa.update(table).where(table.c.id == 1).values(login=evil))

    (line,) = log.lines
    assert line == r"1 a\r\nINFO  forged\x1b[2J\u2028\x85 é 100%(id)s %d 1"
    assert len(line.splitlines()) == 1


def test_redacted_values_are_not_in_the_lines(database: Database, log: Log) -> None:
    table = with_users(database)

    run(
        database,
        sa.update(table).values(n=table.c.n + 500),
        "%(id)s %(login)s %(n)r",
        redact=["login", table.c.n],
    )

    assert sorted(log.lines) == [f"{i} [redacted] [redacted]" for i in range(1, 6)]


FAILING: dict[str, t.Callable[[sa.Table], t.Any]] = {
    "a duplicate": lambda table: (
        sa.update(table).where(table.c.id == 1).values(login="u2")
    ),
    "an upsert that meets another key": lambda table: sn.upsert(
        table, [{"id": 7, "login": "u2", "n": 1}], key=["id"]
    ),
    "a key that comes twice": lambda table: sn.upsert(
        table, [{"login": "u2", "n": 1}, {"login": "u2", "n": 2}], key=["login"]
    ),
    "a value that cannot be bound": lambda table: sa.update(table).values(
        login=sa.bindparam(None, {"u2"}, type_=sa.JSON())
    ),
}


@pytest.mark.parametrize("name", FAILING)
@pytest.mark.parametrize(("database", "driver"), DRIVERS, indirect=["database"])
def test_redacted_values_are_not_in_errors(
    database: Database, driver: str | None, name: str, caplog: pytest.LogCaptureFixture
) -> None:
    table = with_users(database)

    with pytest.raises(errors.DataMigrateError) as caught:
        run(database, FAILING[name](table), driver=driver, redact=["login"])

    error: BaseException | None = caught.value
    assert "redact=" in str(error)
    while error is not None:
        assert "u2" not in str(error)
        error = error.__cause__ or error.__context__
    assert "u2" not in caplog.text
    assert contents(database, table, "login") == [(f"u{i}",) for i in range(1, 6)]


def test_without_redact_an_error_says_what_the_database_said(
    database: Database,
) -> None:
    table = with_users(database)

    with pytest.raises(errors.DatabaseError, match="refused a row") as caught:
        run(database, FAILING["a duplicate"](table))

    assert "login" in str(caught.value)
    assert "nothing was changed" in str(caught.value)


WRONG: dict[str, tuple[dict[str, t.Any], str]] = {
    "a column not returned": ({"template": "%(mail)s"}, "message names mail"),
    "another placeholder": ({"template": "%(n)d"}, "has '%(n)d'"),
    "a bare percent": ({"template": "100% of %(n)s"}, "has '% of %(n)s'"),
    "nothing returned": ({"returning": []}, "returning= is empty"),
    "an unknown column": ({"returning": ["mail"]}, "names mail, which the frozen"),
    "an unknown redact": ({"redact": ["logn"]}, "redact= names logn"),
    "a negative limit": ({"limit": -1}, "limit is -1"),
    "a query": ({"statement": sa.select(sa.literal(1))}, "a SELECT, which changes"),
}


@pytest.mark.parametrize("name", WRONG)
def test_misuse_is_told_before_anything_changes(
    database: Database, name: str, log: Log
) -> None:
    given, complaint = WRONG[name]
    table = with_users(database)
    whole = {"statement": sa.update(table).values(n=0), **given}

    with pytest.raises(errors.DefinitionError) as caught:
        run(database, **whole)

    assert complaint in str(caught.value)
    assert [n for (n,) in contents(database, table, "n")] == [1, 2, 3, 4, 5]
    assert log.lines == []


@pytest.mark.parametrize(("database", "driver"), DRIVERS, indirect=["database"])
def test_sql_text_is_logged_where_the_database_returns_rows(
    database: Database, driver: str | None, log: Log
) -> None:
    table = with_users(database)
    update = sa.text(
        "-- a comment\nUPDATE users SET login = 'a:b %' WHERE id = :id ; "
    ).bindparams(id=1)
    delete = "DELETE FROM users WHERE id = 2 -- and a comment"

    if database.name == "mysql":
        with pytest.raises(errors.DefinitionError, match="of SQL text it cannot"):
            run(database, update)
        assert contents(database, table, "login")[0] == ("u1",)
    else:
        assert run(database, update, driver=driver) == 1
        assert log.lines == ["1 a:b % 1"]
    assert run(database, delete, driver=driver) == 1

    assert log.lines[-1] == "2 u2 2"
    with pytest.raises(errors.DefinitionError, match="RETURNING of its own"):
        run(database, "DELETE FROM users RETURNING id")


def test_a_branch_is_logged(database: Database, log: Log) -> None:
    table = with_users(database)
    update = sa.update(table).where(table.c.id == 3).values(n=33)
    text = "UPDATE users SET n = 33 WHERE id = 3"

    run(database, sn.branch(postgresql=text, mysql=update, sqlite=lambda: text))

    assert log.lines == ["3 u3 33"]


def test_a_script_holds_the_statement_and_says_that_nothing_is_logged(
    people: People, capsys: pytest.CaptureFixture[str]
) -> None:
    people.revision(UPDATE.replace("assert changed == 4", ""))

    with people.project.app().app_context():
        config = current_app.extensions["migrate"].migrate.get_config()
        command.upgrade(config, "r1:r2", sql=True)

    script = capsys.readouterr().out
    assert "-- op.execute_logged: the rows this changes are logged by" in script
    assert "UPDATE people SET n=(people.n + 1) WHERE people.id <= 4;" in script
    assert people.column() == [1] * 10


def test_it_stands_below_a_backfill_and_not_above_it(people: People) -> None:
    body = """
fill = Backfill(sa.update(people).values(n=people.c.n + 1))

def upgrade():
    {}

def downgrade():
    pass
"""
    log = 'op.execute_logged(sa.delete(people), "%(id)s", returning="id")'
    people.revision(body.format(f"{log}\n    op.backfill(fill)"))

    with pytest.raises(errors.MixedRevisionError, match="op.execute_logged in line"):
        people.upgrade()
    people.revision(body.format(f"op.backfill(fill)\n    {log}"))
    people.upgrade()

    assert people.column() == []


def test_many_rows_are_not_held(database: Database, log: Log) -> None:
    table = with_users(database, 0)
    rows = [{"login": f"{i:0200}", "n": i} for i in range(50_000)]
    fill(database, table, rows)
    del rows
    statements = [sa.update(table).values(n=table.c.n + 1), sa.delete(table)]

    for statement in statements:
        tracemalloc.start()
        assert run(database, statement, limit=3) == 50_000
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        # The logins alone are ten megabytes.
        assert peak < 3_000_000

    assert len(log.lines) == 8
