"""A staged schema revision that was cut off: the same command completes it."""

from __future__ import annotations

import json
import typing as t

import pytest

from flask_datamigrate.errors import DataMigrateError
from tests.forks import killed_at
from tests.upgrading.conftest import CREATE
from tests.upgrading.conftest import Bench

SEVERAL = """
change = "grow"
stage = "expand"

def upgrade():
    op.add_column("counters", sa.Column("a", sa.Integer))
    with op.batch_alter_table("counters") as batch:
        batch.alter_column("n", existing_type=sa.Integer, new_column_name="m")
    op.create_index("ix_a", "counters", ["a"])
    {last}

def downgrade():
    op.drop_index("ix_a", "counters")
    with op.batch_alter_table("counters") as batch:
        batch.alter_column("m", existing_type=sa.Integer, new_column_name="n")
        batch.drop_column("a")
"""
WHOLE = SEVERAL.format(last='op.create_table("b", sa.Column("id", sa.Integer))')
WHOLE = WHOLE.replace("def downgrade():", 'def downgrade():\n    op.drop_table("b")')


def is_schema(statement: str) -> bool:
    return statement.startswith(("ALTER", "CREATE", "DROP", "UPDATE alembic_version"))


def columns(bench: Bench) -> set[str]:
    names = "SELECT * FROM counters"
    with bench.database.engine().connect() as connection:
        return set(connection.exec_driver_sql(names).keys())


def half_done(bench: Bench) -> list[dict[str, t.Any]]:
    said = json.loads(bench.flask("db", "data", "doctor", "--json").stdout)
    return [
        one
        for one in said["findings"]
        if (one["check"], one["level"]) == ("half-done revisions", "problem")
    ]


def test_a_kill_in_front_of_any_statement(bench: Bench) -> None:
    bench.chain(CREATE, WHOLE)
    bench.upgrade("r1")
    die_anew(bench, bench.upgrade)
    assert bench.heads == {"r2"}
    die_anew(bench, bench.downgrade)
    assert bench.heads == {"r1"}
    assert (columns(bench), bench.counts) == ({"id", "n"}, [10, 20, 50])
    assert "b" not in bench.database.tables()
    assert half_done(bench) == []


def die_anew(bench: Bench, command: t.Callable[[], object]) -> None:
    """Run a command, killed in front of each schema change of it, until it ends."""

    work = on_own_connections(bench, command)
    moment = 0
    while killed_at(work, moment, is_schema):
        moment += 1
    assert moment >= 4


def on_own_connections(
    bench: Bench, command: t.Callable[[], object]
) -> t.Callable[[], None]:
    """Return a command that uses no connection of the process it is forked from."""

    def work() -> None:
        with bench.app.app_context():
            for engine in bench.app.extensions["sqlalchemy"].engines.values():
                engine.dispose(close=False)
        command()

    return work


def test_one_that_failed_goes_on_when_it_is_mended(bench: Bench) -> None:
    bench.chain(CREATE, SEVERAL.format(last='op.drop_table("missing")'))
    bench.upgrade("r1")
    stays = bench.database.name == "mysql"
    for _ in range(2):
        with pytest.raises(DataMigrateError) as caught:
            bench.upgrade()
        assert ("a further run passes over them" in str(caught.value)) is stays
        assert ("The revision was rolled back" in str(caught.value)) is not stays
        assert columns(bench) == ({"id", "m", "a"} if stays else {"id", "n"})
    found = half_done(bench)
    assert len(found) == stays
    if found:
        assert "upgrade of revision r2" in found[0]["what"]
        assert "flask db upgrade" in found[0]["next"]

    bench.revision("r2", WHOLE, down="r1")
    bench.upgrade()
    assert (bench.heads, columns(bench)) == ({"r2"}, {"id", "m", "a"})
    assert half_done(bench) == []


def test_what_was_there_before_is_refused_again_and_again(bench: Bench) -> None:
    bench.chain(CREATE, WHOLE)
    bench.upgrade("r1")
    bench.database.execute("CREATE INDEX ix_a ON counters (n)")
    for _ in range(2):
        with pytest.raises(DataMigrateError, match="ix_a"):
            bench.upgrade()
        assert bench.heads == {"r1"}


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
def test_another_connection_of_the_revision_sees_what_is_there(bench: Bench) -> None:
    body = WHOLE.replace(
        'op.create_index("ix_a"',
        "with op.get_bind().engine.begin() as other:\n"
        "        other.exec_driver_sql('UPDATE counters SET a = m')\n"
        '    op.create_index("ix_a"',
    )
    bench.chain(CREATE, body)
    bench.upgrade()
    assert bench.database.rows("SELECT a FROM counters ORDER BY id") == [
        (10,), (20,), (50,),
    ]  # fmt: skip


ROWS = WHOLE.replace(
    'op.create_index("ix_a"',
    'op.execute("UPDATE counters SET a = m + coalesce(a, 0)")\n'
    '    op.create_index("ix_a"',
)


def test_rows_are_not_changed_twice(bench: Bench) -> None:
    """Where nothing tells whether a run that was cut off had changed them."""
    bench.chain(CREATE, ROWS)
    bench.upgrade("r1")
    assert killed_at(on_own_connections(bench, bench.upgrade), 0, is_index)
    assert bench.heads == {"r1"}
    if bench.database.name == "mysql":
        for _ in range(2):
            with pytest.raises(DataMigrateError) as caught:
                bench.upgrade()
            said = str(caught.value)
            assert "had changed these rows is not known: UPDATE counters" in said
        # As the message says: by hand, and out of the file.
        bench.database.execute("UPDATE counters SET a = m")
        bench.revision("r2", WHOLE, down="r1")
    bench.upgrade()
    rows = bench.database.rows("SELECT a FROM counters ORDER BY id")
    assert rows == [(10,), (20,), (50,)]


def is_index(statement: str) -> bool:
    return statement.startswith("CREATE INDEX")


@pytest.mark.parametrize("database", ["mysql", "sqlite"], indirect=True)
def test_a_revision_of_no_change_is_left_to_alembic(bench: Bench) -> None:
    """Nothing is noted of it, and others may write while it is at work."""
    plain = WHOLE.replace('change = "grow"', "").replace('stage = "expand"', "")
    writes = """
    other = sa.create_engine(op.get_bind().engine.url, poolclass=sa.NullPool)
    with other.begin() as connection:
        connection.exec_driver_sql("UPDATE counters SET n = n + 1")
    with op.batch"""
    bench.chain(CREATE, plain.replace("\n    with op.batch", writes, 1))
    bench.upgrade()
    assert [n for (n,) in bench.database.rows("SELECT m FROM counters")] == [11, 21, 51]
    assert "datamigrate_ddl" not in bench.database.tables()
