"""How long others wait for a schema change, on PostgreSQL.

A client of its own process does a hundred updates and a hundred selects a second by
key, on a table of a million rows. Meanwhile ``flask db upgrade`` runs one directive:
Alembic's own, and the safe one. What counts is the client's longest statement.
"""

from __future__ import annotations

import dataclasses
import pathlib
import statistics
import sys
import tempfile
import time
import typing as t

import flask_datamigrate
from tests.apps import Project
from tests.benchmarks import arguments
from tests.benchmarks import timing
from tests.benchmarks.client import Client
from tests.databases.database import Database

_LEAD = 0.7
"""Seconds the client runs before the upgrade begins, and after it ended."""

_TABLES = (
    "CREATE TABLE companies (id integer PRIMARY KEY)",
    "INSERT INTO companies SELECT generate_series(1, 1000)",
    "CREATE TABLE accounts AS SELECT i AS id, 'account ' || i AS name, "
    "i % 1000 + 1 AS company_id, CAST('new' AS varchar(20)) AS status, 0 AS score, "
    "'nickname ' || i AS nickname, CAST(now() AS timestamp) AS updated_at "
    "FROM generate_series(1, {rows}) i",
    "ALTER TABLE accounts ADD PRIMARY KEY (id), SET (autovacuum_enabled = off), "
    "ADD CONSTRAINT ck_status CHECK (status IN ('new', 'done'))",
    "VACUUM ANALYZE accounts",
    "CHECKPOINT",
)


@dataclasses.dataclass(frozen=True, slots=True)
class Case:
    """A schema change in two forms, and what takes it back.

    :param plain: Alembic's own form.
    :param safe: the directive.
    :param back: SQL.
    :param before: SQL that is run first.
    """

    plain: str
    safe: str
    back: t.Sequence[str]
    before: t.Sequence[str] = ()


_INDEX = "CREATE INDEX ix_name ON accounts (name)"
_CHECK = "ALTER TABLE accounts DROP CONSTRAINT ck_status"
_STATUS = f"{_CHECK}, ADD CONSTRAINT ck_status CHECK (status IN ('new', 'done'))"
CASES = {
    "op.set_not_null": Case(
        'op.alter_column("accounts", "name", nullable=False)',
        'op.set_not_null("accounts", "name")',
        ["ALTER TABLE accounts ALTER COLUMN name DROP NOT NULL"],
    ),
    "op.add_foreign_key_online": Case(
        'op.create_foreign_key("fk", "accounts", "companies", ["company_id"], ["id"])',
        'op.add_foreign_key_online("fk", "accounts", "companies", ["company_id"], '
        '["id"])',
        ["ALTER TABLE accounts DROP CONSTRAINT fk"],
    ),
    "op.add_check_online": Case(
        'op.create_check_constraint("ck", "accounts", "length(name) > 2")',
        'op.add_check_online("ck", "accounts", "length(name) > 2")',
        ["ALTER TABLE accounts DROP CONSTRAINT ck"],
    ),
    "op.create_index_online": Case(
        'op.create_index("ix_name", "accounts", ["name"])',
        'op.create_index_online("ix_name", "accounts", ["name"])',
        ["DROP INDEX ix_name"],
    ),
    "op.drop_index_online": Case(
        'op.drop_index("ix_name", "accounts")',
        'op.drop_index_online("ix_name", "accounts")',
        [],
        [_INDEX],
    ),
    "op.add_enum_value (a CHECK)": Case(
        'op.drop_constraint("ck_status", "accounts")\n    op.create_check_constraint('
        "\"ck_status\", \"accounts\", \"status IN ('new', 'done', 'more')\")",
        'op.add_enum_value("accounts", "status", "more")',
        [_STATUS],
    ),
    "op.archive_column": Case(
        'op.execute("LOCK TABLE accounts IN ACCESS EXCLUSIVE MODE")\n    '
        'op.execute("CREATE TABLE kept AS SELECT id, nickname FROM accounts")\n    '
        'op.drop_column("accounts", "nickname")',
        'op.archive_column("accounts", "nickname")',
        [
            "DROP TABLE IF EXISTS kept, datamigrate_archive_accounts_nickname",
            "DROP TABLE IF EXISTS datamigrate_ddl",
            "ALTER TABLE accounts ADD COLUMN nickname text DEFAULT 'a nickname'",
        ],
    ),
    "op.create_updated_at_trigger": Case(
        'op.execute("CREATE FUNCTION f() RETURNS trigger LANGUAGE plpgsql AS '
        "'BEGIN NEW.updated_at := now(); RETURN NEW; END'\")\n    "
        'op.execute("CREATE TRIGGER f BEFORE UPDATE ON accounts FOR EACH ROW '
        'EXECUTE FUNCTION f()")',
        'op.create_updated_at_trigger("accounts")',
        [
            "DROP FUNCTION IF EXISTS f() CASCADE",
            "DROP FUNCTION IF EXISTS datamigrate_touch_accounts_updated_at() CASCADE",
        ],
    ),
}


CLIENT = {
    "update": "UPDATE accounts SET score = score + 1 WHERE id = :id",
    "select": "SELECT score FROM accounts WHERE id = :id",
}


class Bench:
    """The table, the project whose upgrade changes it, and the client.

    :param rows: rows of the table.
    """

    def __init__(self, database: Database, path: pathlib.Path, rows: int) -> None:
        self._database = database
        self._rows = rows
        self._project = Project(path, database.url)
        for statement in _TABLES:
            self._execute(statement.format(rows=rows))
        with self._project.app().app_context():
            flask_datamigrate.init(str(self._project.migrations))

    def longest(self, directive: str | None, case: Case) -> tuple[float, float]:
        """Return the client's longest statement, and the upgrade's time, in seconds.

        :param directive: what the revision does; ``None`` for no upgrade at all.
        """
        for statement in case.before:
            self._execute(statement)
        if directive is not None:
            body = f"def upgrade():\n    {directive}\n"
            self._project.revision("r1", body)
        with Client(self._database.url, CLIENT, self._rows) as client:
            time.sleep(_LEAD)
            begun = time.monotonic()
            if directive is None:
                time.sleep(5)
            else:
                ran = self._project.run("db", "upgrade")
                assert ran.code == 0, ran.err
            ended = time.monotonic()
            time.sleep(_LEAD)
        self._execute("DROP TABLE IF EXISTS alembic_version")
        for statement in case.back if directive is not None else ():
            self._execute(statement)
        self._execute("VACUUM ANALYZE accounts")
        waits = [
            one.ended - one.begun
            for one in client.done
            if one.ended >= begun and one.begun <= ended
        ]
        return max(waits), ended - begun

    def _execute(self, statement: str) -> None:
        engine = self._database.engine(isolation_level="AUTOCOMMIT")
        with engine.connect() as connection:
            connection.exec_driver_sql(
                statement, execution_options={"no_parameters": True}
            )
        engine.dispose()


def main(argv: t.Sequence[str] | None = None) -> None:
    """Print the longest waits for PostgreSQL."""
    parser = arguments.parser(__doc__, rows=1_000_000, runs=3)
    args = parser.parse_args(argv)
    with (
        arguments.scratch(args.url) as database,
        tempfile.TemporaryDirectory() as home,
    ):
        bench = Bench(database, pathlib.Path(home), args.rows)
        lines = []
        nothing = Case("", "", [])
        rest = [bench.longest(None, nothing)[0] for _ in range(args.runs)]
        lines.append(("no upgrade", _shown(rest), "", "", ""))
        for name, case in CASES.items():
            cells: list[str] = []
            for directive in (case.plain, case.safe):
                runs = [bench.longest(directive, case) for _ in range(args.runs)]
                cells.append(_shown([wait for wait, _ in runs]))
                cells.append(f"{statistics.median(took for _, took in runs):.1f}")
                print(name, runs, file=sys.stderr, flush=True)
            lines.append((name, cells[0], cells[2], cells[1], cells[3]))
        print(f"{args.rows:,} rows, {args.runs} runs")
        print()
        head = ("directive", "Alembic, ms", "safe, ms", "Alembic, s", "safe, s")
        print(timing.table(head, lines))


def _shown(seconds: t.Sequence[float]) -> str:
    low, high = min(seconds) * 1000, max(seconds) * 1000
    return f"{statistics.median(seconds) * 1000:.0f} ({low:.0f}–{high:.0f})"


if __name__ == "__main__":
    main()
