"""What cannot be done ends in one error: what, where, what is saved, what next."""

from __future__ import annotations

import typing as t

import pytest
import sqlalchemy as sa
from sqlalchemy import event

from flask_datamigrate import Backfill
from flask_datamigrate import errors
from flask_datamigrate import frozen
from flask_datamigrate.backfill import signals
from tests.backfill.engine import Engine
from tests.backfill.engine import contents
from tests.backfill.engine import fill
from tests.databases.database import Database

BAD = 137


def items(*more: sa.Column[t.Any]) -> sa.Table:
    return frozen.table(
        "items",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("n", sa.Integer),
        sa.Column("code", sa.String(8)),
        *more,
    )


def with_items(database: Database) -> sa.Table:
    database.execute(
        "CREATE TABLE items (id INTEGER PRIMARY KEY, n INTEGER CHECK (n < 1000), "
        "code VARCHAR(8) UNIQUE)"
    )
    table = items()
    rows = [
        {"id": i, "n": 0 if i == BAD else i, "code": f"c{i}"} for i in range(1, 201)
    ]
    fill(database, table, rows)
    return table


def failing(engine: Engine, backfill: Backfill) -> str:
    """Run a backfill that cannot be done; return the error it ends in."""
    told: list[BaseException] = []

    def note(sender: str, error: BaseException) -> None:
        told.append(error)

    with signals.backfill_failed.connected_to(note):
        with pytest.raises(errors.DataMigrateError) as caught:
            engine.run(backfill)
    assert told == [caught.value]
    record = engine.record()
    assert record.state.value == "failed"
    assert record.error is not None
    assert caught.value.what in record.error
    assert caught.value.next
    assert engine.span().owner is None
    return str(caught.value)


PYTHON: dict[str, tuple[t.Callable[[t.Any], t.Any], str]] = {
    "raises": (lambda row: 1 // row.n, "the transform raised ZeroDivisionError"),
    "asks for what it was not given": (
        lambda row: {"n": row.code},
        "the transform raised AttributeError: the row has no column 'code'",
    ),
    "returns a tuple": (lambda row: ("n", 1), "returned tuple, not a dict or None"),
    "returns an unknown column": (
        lambda row: {"m": 1},
        "returned m, which writes= does not name",
    ),
}


@pytest.mark.parametrize("name", PYTHON)
def test_a_transform_that_fails_is_named_with_its_row(
    database: Database, name: str
) -> None:
    table = with_items(database)
    fails, complaint = PYTHON[name]
    backfill = Backfill.rows(
        table,
        lambda row: fails(row) if row.id == BAD else {"n": -row.id},
        reads=["n"],
        writes=["n"],
        batch_size=50,
    )

    message = failing(Engine(database, config={"max_batch_size": 50}), backfill)

    assert f"revision 1f2e3d4c, table items, row id={BAD}: " in message
    assert complaint in message
    assert "The 2 batches before it are committed (100 rows)" in message
    assert database.scalar("SELECT count(*) FROM items WHERE n < 0") == 100


def values(name: str, table: sa.Table) -> dict[str, t.Any]:
    bad = table.c.id == BAD
    return {
        "check": {"n": sa.case((bad, 5000), else_=-table.c.id)},
        "unique": {"code": sa.case((bad, "c1"), else_=table.c.code), "n": -table.c.id},
        "too long": {
            "code": sa.case((bad, "123456789"), else_=table.c.code),
            "n": -table.c.id,
        },
        "division": {"n": -table.c.id / sa.case((bad, table.c.n), else_=1)},
    }[name]


REFUSED = [
    (name, where)
    for name, without in (
        ("check", ()),
        ("unique", ()),
        # SQLite knows no length, and a division by zero is NULL to it.
        ("too long", ("sqlite",)),
        ("division", ("sqlite",)),
    )
    for where in ("postgresql", "mysql", "sqlite")
    if where not in without
]


@pytest.mark.parametrize(("name", "database"), REFUSED, indirect=["database"])
def test_a_value_the_database_refuses_is_narrowed_down_to_its_row(
    database: Database, name: str
) -> None:
    table = with_items(database)
    engine = Engine(database)

    message = failing(engine, Backfill(sa.update(table).values(values(name, table))))

    assert f"revision 1f2e3d4c, table items, row id={BAD}: " in message
    assert "the database refused a row" in message
    assert database.scalar("SELECT count(*) FROM items WHERE n < 0") == BAD - 1
    # The row is mended, and the same command goes on behind the last commit.
    database.execute(f"DELETE FROM items WHERE id = {BAD}")
    report = engine.run(Backfill(sa.update(table).values(values(name, table))))
    assert report.changed == 199
    assert database.scalar("SELECT count(*) FROM items WHERE n < 0") == 199


def test_a_statement_the_database_does_not_know_fails_at_once(
    database: Database,
) -> None:
    table = with_items(database)
    own = database.engine(poolclass=sa.NullPool)
    tried: list[str] = []

    @event.listens_for(own, "before_cursor_execute")
    def note(*arguments: t.Any) -> None:
        if "no_such_function" in arguments[2]:
            tried.append(arguments[2])

    backfill = Backfill(
        sa.update(table).values(n=sa.func.no_such_function(table.c.n, type_=sa.Integer))
    )
    message = failing(Engine(database, sa_engine=own), backfill)

    assert len(tried) == 1
    assert "the database refused the statement" in message
    assert "no_such_function" in message
    assert "Nothing was changed" in message


def test_an_expression_of_a_wrong_type_is_refused_at_its_definition() -> None:
    table = items()

    with pytest.raises(errors.DefinitionError, match="column n holds") as caught:
        Backfill(sa.update(table).values(n=sa.func.upper(table.c.code, type_=sa.Text)))

    assert "sa.cast" in caught.value.next


@pytest.mark.parametrize(
    ("wrong", "complaint"),
    [
        (lambda t: Backfill(sa.update(t).values(id=5)), "the key it pages by"),
        (lambda t: Backfill(sa.select(t)), "it was given Select"),
        (lambda t: Backfill(sa.insert(t).values(n=1)), "rows of a query"),
        (
            lambda t: Backfill(sa.insert(t).from_select(["n"], sa.select(t.c.n))),
            "needs over=",
        ),
        (
            lambda t: Backfill(
                sa.insert(t).from_select(["n"], sa.select(t.c.n)), over=items()
            ),
            "does not read items",
        ),
        (lambda t: Backfill(sa.delete(t), batch_size=0), "batch_size is 0"),
        (lambda t: Backfill(sa.delete(t), name=""), "1 to 100 characters"),
        (lambda t: Backfill(sa.delete(t), key=["x"]), "key= names x"),
        (lambda t: Backfill.rows(t, 5, reads=[], writes=["n"]), "cannot be called"),
        (lambda t: Backfill.rows(t, len, reads=["x"], writes=["n"]), "reads= names x"),
        (lambda t: Backfill.rows(t, len, reads=["n"], writes=[]), "writes= is empty"),
        (lambda t: Backfill.rows("t", len, reads=[], writes=["n"]), "is not a table"),
        (
            lambda t: Backfill(sa.update(t).values(n=1), atomic=True, undo=True),
            "atomic=True goes with neither",
        ),
        (lambda t: Backfill(sa.update(t).values(n="five")), "set to 'five'"),
        (lambda t: Backfill(sa.update(t).values(code=5)), "set to 5"),
        (lambda t: Backfill(sa.delete(t).returning(t.c.n)), "RETURNING"),
        (lambda t: Backfill(sa.delete(t), bach_size=5), "no option bach_size="),
    ],
)
def test_what_cannot_be_batched_is_refused_at_its_definition(
    wrong: t.Callable[[sa.Table], Backfill], complaint: str
) -> None:
    with pytest.raises(errors.DefinitionError, match=complaint):
        wrong(items())


@pytest.mark.parametrize(
    ("table", "complaint"),
    [
        (items(sa.Column("colour", sa.String(9))), 'no column "colour"'),
        (items(sa.Column("extra", sa.LargeBinary)), 'no column "extra"'),
        (
            frozen.table("item", sa.Column("id", sa.Integer, primary_key=True)),
            'no table "item"',
        ),
    ],
)
def test_a_frozen_table_that_differs_is_refused_before_anything_runs(
    database: Database, table: sa.Table, complaint: str
) -> None:
    with_items(database)

    with pytest.raises(errors.FrozenMismatchError, match=complaint) as caught:
        Engine(database).run(Backfill(sa.delete(table)))

    assert "revision 1f2e3d4c" in str(caught.value)
    assert "Nothing was changed" in str(caught.value)
    assert database.scalar("SELECT count(*) FROM items") == 200


def test_a_read_only_database_is_an_error_that_says_so(database: Database) -> None:
    table = with_items(database)
    backfill = Backfill(sa.update(table).values(n=1))
    Engine(database).run(backfill)
    Engine(database).applied()
    own = database.engine(poolclass=sa.NullPool)
    read_only = {
        "postgresql": "SET default_transaction_read_only = on",
        "mysql": "SET SESSION TRANSACTION READ ONLY",
        "sqlite": "PRAGMA query_only = on",
    }[database.name]

    @event.listens_for(own, "connect")
    def close(connection: t.Any, record: t.Any) -> None:
        cursor = connection.cursor()
        cursor.execute(read_only)
        cursor.close()
        connection.commit()

    with pytest.raises(errors.DatabaseError, match="the database is read-only"):
        Engine(database, sa_engine=own).run(backfill)


# Edits of a definition between two runs


def half_done(database: Database) -> tuple[Engine, sa.Table]:
    """Leave a backfill that failed after two of its batches."""
    table = with_items(database)
    engine = Engine(database, config={"max_batch_size": 50})
    backfill = Backfill.rows(
        table,
        lambda row: {"n": -row.n * (row.n // row.n)},
        reads=["n"],
        writes=["n"],
        batch_size=50,
    )
    with pytest.raises(errors.BackfillError, match=f"row id={BAD}"):
        engine.run(backfill)
    assert engine.span().batches == 2
    return engine, table


def corrected(table: sa.Table, **options: t.Any) -> Backfill:
    return Backfill.rows(
        table,
        lambda row: {"n": -1000 if row.n == 0 else -row.n},
        reads=["n"],
        writes=["n"],
        batch_size=50,
        **options,
    )


def test_an_edited_definition_is_refused_once_rows_are_done(
    database: Database,
) -> None:
    engine, table = half_done(database)
    before = engine.record().fingerprint

    with pytest.raises(errors.EditedError) as caught:
        engine.run(corrected(table))

    message = str(caught.value)
    assert before in message
    assert "flask db data accept 1f2e3d4c" in message
    assert "It is failed" in message
    assert database.scalar("SELECT count(*) FROM items WHERE n < 0") == 100


def test_an_accepted_edit_goes_on_with_the_rows_to_come(database: Database) -> None:
    engine, table = half_done(database)

    record = engine.accept(corrected(table))
    report = engine.run(corrected(table))

    assert record.state.value == "failed"
    assert report.changed == 200
    assert contents(database, table, "n") == [
        (-1000 if i == BAD else -i,) for i in range(1, 201)
    ]


def test_an_edit_that_cannot_go_on_is_not_accepted(database: Database) -> None:
    engine, table = half_done(database)

    for edited, complaint in (
        (corrected(table, undo=True), "its undo="),
        (corrected(table, key=["id", "code"]), "another key"),
    ):
        with pytest.raises(errors.BackfillError, match=complaint):
            engine.accept(edited)


def test_accepting_takes_a_process_that_never_connected(database: Database) -> None:
    """A branch for MariaDB is only known as such once the server was asked."""
    from flask_datamigrate import snippets as sn

    table = with_items(database)
    value = sn.branch(mariadb=sa.literal(-1), mysql=sa.literal(-2), default="-3")
    engine = Engine(database, config={"max_batch_size": 5})
    backfill = Backfill(
        sa.update(table).values(n=sa.type_coerce(value, sa.Integer)), batch_size=5
    )
    engine.stop.set()
    with pytest.raises(errors.InterruptedRun):
        engine.run(backfill)
    before = engine.record().fingerprint

    assert engine.accept(backfill).fingerprint == before


def test_an_edit_before_the_first_batch_is_simply_taken(database: Database) -> None:
    table = with_items(database)
    engine = Engine(database)
    wrong = Backfill(
        sa.update(table).values(code=sa.func.no_such(table.c.code)), undo=True
    )
    failing(engine, wrong)

    right = Backfill(
        sa.update(table).where(table.c.n > 0).values(n=0, code=None), undo=True
    )
    assert engine.run(right).changed == 199
    assert engine.undo(right).changed == 199
    assert contents(database, table, "n", "code")[4] == (5, "c5")


def test_another_revision_cannot_take_the_same_name(database: Database) -> None:
    from flask_datamigrate.backfill.runner import Task

    table = with_items(database)
    backfill = Backfill(sa.update(table).values(n=1))
    engine = Engine(database)
    with engine.runner() as runner:
        runner.run(Task(backfill, "fill", "aaaa"))
        with pytest.raises(errors.BackfillError, match="taken by revision aaaa"):
            runner.run(Task(backfill, "fill", "bbbb"))
