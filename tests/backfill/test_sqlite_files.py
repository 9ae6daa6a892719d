"""The engine's connection to an SQLite file, which writes in its own way."""

from __future__ import annotations

import pathlib
import sqlite3

import pytest
import sqlalchemy as sa

from flask_datamigrate.backfill.connections import OwnTransactions

ROWS = 10_000


def filled(path: pathlib.Path, journal: str = "delete") -> sa.Engine:
    """Return an engine for a file larger than SQLite's cache of two megabytes."""
    with sqlite3.connect(path) as raw:
        raw.execute(f"PRAGMA journal_mode = {journal}")
        raw.execute("CREATE TABLE things (id INTEGER PRIMARY KEY, body TEXT)")
        rows = ((i, "a" * 800) for i in range(ROWS))
        raw.executemany("INSERT INTO things VALUES (?, ?)", rows)
    raw.close()
    return sa.create_engine(f"sqlite:///{path}")


def ask(engine: sa.Engine, pragma: str) -> object:
    with engine.connect() as connection:
        return connection.exec_driver_sql(f"PRAGMA {pragma}").scalar_one()


def test_a_batch_larger_than_the_cache_locks_no_reader_out(
    tmp_path: pathlib.Path,
) -> None:
    engine = filled(tmp_path / "app.db")
    transactions = OwnTransactions(engine, 1)
    reader = sqlite3.connect(tmp_path / "app.db", timeout=0)

    with transactions.batch() as connection:
        connection.exec_driver_sql("UPDATE things SET body = 'b' || body")
        count = reader.execute("SELECT count(*) FROM things WHERE body < 'b'")
        assert count.fetchone() == (ROWS,)

    count = reader.execute("SELECT count(*) FROM things WHERE body > 'b'")
    assert count.fetchone() == (ROWS,)
    reader.close()
    transactions.close()


def test_nothing_of_it_is_left_to_the_app_nor_beside_the_file(
    tmp_path: pathlib.Path,
) -> None:
    engine = filled(tmp_path / "app.db")
    spill = ask(engine, "cache_spill")
    transactions = OwnTransactions(engine, 1)
    with transactions.batch() as connection:
        connection.exec_driver_sql("UPDATE things SET body = 'b'")
        mode = connection.exec_driver_sql("PRAGMA journal_mode").scalar_one()
        assert mode == "truncate"
        assert list(tmp_path.iterdir()) != [tmp_path / "app.db"]

    transactions.close()

    assert list(tmp_path.iterdir()) == [tmp_path / "app.db"]
    assert ask(engine, "journal_mode") == "delete"
    assert ask(engine, "cache_spill") == spill
    engine.dispose()


@pytest.mark.parametrize("journal", ["wal", "persist"])
def test_a_journal_of_another_mode_is_left_as_it_is(
    tmp_path: pathlib.Path, journal: str
) -> None:
    engine = filled(tmp_path / "app.db", journal)

    @sa.event.listens_for(engine, "connect")
    def connected(raw: sqlite3.Connection, record: object) -> None:
        raw.execute(f"PRAGMA journal_mode = {journal}")

    transactions = OwnTransactions(engine, 1)
    with transactions.batch() as connection:
        connection.exec_driver_sql("UPDATE things SET body = 'b'")
        mode = connection.exec_driver_sql("PRAGMA journal_mode").scalar_one()
    transactions.close()

    assert mode == journal
    assert ask(engine, "journal_mode") == journal
    engine.dispose()


def test_a_database_in_memory_stays_in_its_one_connection() -> None:
    engine = sa.create_engine("sqlite://")
    transactions = OwnTransactions(engine, 1)
    with transactions.batch() as connection:
        connection.exec_driver_sql("CREATE TABLE things (id INTEGER)")
    transactions.close()

    assert sa.inspect(engine).get_table_names() == ["things"]
    engine.dispose()
