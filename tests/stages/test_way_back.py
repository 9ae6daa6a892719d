"""The written contract taken back, while code at contract writes on."""

from __future__ import annotations

import dataclasses
import re
import time
import typing as t

import pytest
import sqlalchemy as sa
from flask import Flask

from tests.stages.test_moved import causes
from tests.stages.test_scaffold import Columns
from tests.stages.test_scaffold import Models
from tests.stages.test_scaffold import ids
from tests.stages.test_scaffold import models as models
from tests.stages.test_scaffold import text

MANY = 900


@dataclasses.dataclass(frozen=True)
class Case:
    """A change, and what code at contract writes.

    :param mapped: the models of the new code.
    :param filled: what is to be filled in.
    :param had: the values of a row of old code.
    :param writes: the values of a row, for a number.
    :param back: what the old columns of that row are to be.
    """

    table: str
    old: dict[str, Columns]
    new: dict[str, Columns]
    mapped: dict[str, Columns]
    filled: dict[str, str]
    had: dict[str, t.Any]
    writes: t.Callable[[int], dict[str, t.Any]]
    back: t.Callable[[int], dict[str, t.Any]]


def column(name: str, type_: t.Any) -> dict[str, Columns]:
    return {"users": {name: lambda: sa.Column(type_)}}


NAMES = {"users": {"first": text(), "last": text()}}
CAUSES = {
    "causes": {"name": text(80, nullable=False, unique=True)},
    "bugs": {"cause_id": causes()},
}
CASES = {
    "renamed": Case(
        "users", {"users": {"nick": text()}}, {"users": {"handle": text()}},
        {"users": {"handle": text()}}, {}, {"nick": "ada"},
        lambda n: {"handle": f"h{n}"}, lambda n: {"nick": f"h{n}"},
    ),
    "of another type": Case(
        "users", column("age", sa.String(20)), column("age", sa.Integer()),
        column("age_new", sa.Integer()), {}, {"age": " 7"},
        lambda n: {"age_new": n}, lambda n: {"age": str(n)},
    ),
    # What the old column becomes says less than the new ones, which keep it.
    "split": Case(
        "users", {"users": {"name": text(100)}}, NAMES, NAMES,
        {
            "first": 'sn.split_part(users.c.name, " ", 1)',
            "last": 'sn.split_part(users.c.name, " ", 2)',
            "name": 'users.c.first + " " + users.c.last',
        },
        {"name": "Ada  King"},
        lambda n: {"first": f"A{n} B", "last": "C"}, lambda n: {"name": f"A{n} B C"},
    ),
    "a table of its own": Case(
        "bugs", {"bugs": {"cause": text(80)}}, CAUSES, CAUSES, {}, {"cause": "1"},
        lambda n: {"cause_id": n % 2 + 1}, lambda n: {"cause": f"{n % 2 + 1}"},
    ),
}  # fmt: skip


class Way:
    """The change of a case, brought to contract and back to where no column is gone."""

    def __init__(self, models: Models, case: Case, *, rows: int) -> None:
        self.models, self.case = models, case
        models.base(**case.old)
        (column,) = case.had
        has = [{column: "1"}, {column: "2"}, case.had, case.had]
        self.write(*({"id": i, **values} for i, values in enumerate(has, 1)))
        written = models.scaffold(**case.new)
        models.fill(case.filled)
        for path in models.files():
            path.write_text(
                path.read_text().replace(
                    "import sqlalchemy as sa\n",
                    "import sqlalchemy as sa\n"
                    "from flask_datamigrate import snippets as sn\n",
                    1,
                )
            )
        (self.filled,) = ids(written, "migrate")
        (self.released, _) = ids(written, "contract")
        migrate = models.app(stage="migrate", **case.old)
        models.run(migrate, "upgrade")
        models.run(migrate, "data", "run")
        self.app = models.app(stage="contract", **case.mapped)
        models.run(self.app, "upgrade")
        self.numbers = dict.fromkeys(range(5, 5 + rows))
        self.write(*({"id": n, **case.writes(n)} for n in self.numbers))
        models.run(self.app, "downgrade", self.released)
        # A few rows at a time; and on PostgreSQL, outside of a transaction.
        self.config = {
            "DATAMIGRATE_ATOMIC_ROWS": 1,
            "DATAMIGRATE_BATCH_SIZE": 3,
            "DATAMIGRATE_MAX_BATCH_SIZE": 3,
        }
        self.app.config.update(self.config)

    def write(self, *rows: dict[str, t.Any]) -> None:
        """Insert rows, as long as somebody else does not lock the table."""
        table = sa.table(self.case.table, *map(sa.column, rows[0]))
        self.models.database.execute(sa.insert(table), list(rows))

    def update(self, id: int, number: int) -> None:
        """Have code at contract write a row that there is."""
        values = self.case.writes(number)
        table = sa.table(self.case.table, sa.column("id"), *map(sa.column, values))
        self.models.database.execute(
            sa.update(table).where(table.c.id == id).values(values)
        )

    def check(self, more: dict[int, int]) -> None:
        """See that the old columns say what the new ones do, and these are kept.

        :param more: the numbers of other rows, by their ids.
        """
        table, had, case = self.case.table, self.case.had, self.case
        expected = {n: n for n in self.numbers} | more
        names = [*case.back(1), *case.writes(1)]
        found = {
            id: dict(zip(names, values, strict=True))
            for id, *values in self.models.database.rows(
                f"SELECT id, {', '.join(names)} FROM {table}"
            )
        }
        for id, number in expected.items():
            assert found[id] == {**case.back(number), **case.writes(number)}, id
        # What a row of old code had may say more than its new columns.
        assert found[3].items() >= had.items()


def watch(app: Flask, pattern: str, call: t.Callable[[], None]) -> None:
    """Call something in front of each statement of an app that is like a pattern."""
    with app.app_context():
        engine = app.extensions["sqlalchemy"].engine

    @sa.event.listens_for(engine, "before_cursor_execute")
    def look(*arguments: t.Any) -> None:
        if re.match(pattern, arguments[2]):
            call()


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_a_row_that_is_written_meanwhile_is_not_missed(
    models: Models, case: Case
) -> None:
    way = Way(models, case, rows=10)
    written: dict[int, int] = {}

    def write() -> None:
        number = 100 + len(written)
        if number < 112:
            way.write({"id": number, **case.writes(number)})
            way.update(4, number)
            written.update({number: number, 4: number})

    # In front of each trigger, and of each range of rows.
    watch(way.app, rf"CREATE .*(TRIGGER|FUNCTION)|SELECT {case.table}.id ", write)
    models.run(way.app, "downgrade", way.filled)
    assert len(written) > 5
    way.check(written)
    # And so it goes on.
    way.write({"id": 200, **case.writes(200)})
    way.check({**written, 200: 200})


def test_a_downgrade_that_is_killed_is_run_again(models: Models) -> None:
    case = CASES["split"]
    way = Way(models, case, rows=MANY)
    project = models.project
    project.config = way.config
    process = project.start("db", "downgrade", way.filled)
    query = "SELECT count(*) FROM users WHERE id > 4 AND name IS NOT NULL"
    engine = models.database.engine(isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        while process.poll() is None:
            if connection.exec_driver_sql(query).scalar_one() > 20:
                break
            time.sleep(0.005)
        process.kill()
        process.communicate(timeout=60)
        assert process.returncode == -9
        done = connection.exec_driver_sql(query).scalar_one()
    assert 20 < done < MANY
    # Code at contract writes on; the triggers are there.
    way.update(4, 3_000)
    way.write({"id": 3_001, **case.writes(3_001)})

    again = project.start("db", "downgrade", way.filled)
    _, errors = again.communicate(timeout=300)
    assert again.returncode == 0, errors
    way.check({4: 3_000, 3_001: 3_001})
    models.run(way.app, "upgrade")
    models.run(way.app, "downgrade", "base0")
