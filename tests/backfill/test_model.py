"""Random tables, kills and writes of others, against a model in plain Python."""

from __future__ import annotations

import contextlib
import dataclasses
import itertools
import typing as t

import hypothesis
import sqlalchemy as sa
from hypothesis import strategies as st

from flask_datamigrate import Backfill
from flask_datamigrate import errors
from flask_datamigrate import frozen
from flask_datamigrate.backfill.runner import Task
from tests.backfill.engine import Engine
from tests.backfill.engine import at_each_batch
from tests.databases.database import Database
from tests.forks import killed_at

Key = tuple[int | str, ...]

KEYS: dict[str, tuple[list[sa.Column[t.Any]], st.SearchStrategy[Key]]] = {
    "integer": (
        [sa.Column("a", sa.BigInteger, primary_key=True, autoincrement=False)],
        st.tuples(st.integers(-(10**12), 10**12) | st.integers(-9, 9)),
    ),
    "text": (
        [sa.Column("a", sa.String(20), primary_key=True)],
        st.tuples(st.text("abcxyz0189-_ü", min_size=1, max_size=8)),
    ),
    "composite": (
        [
            sa.Column("a", sa.Integer, primary_key=True, autoincrement=False),
            sa.Column("b", sa.String(20), primary_key=True),
        ],
        st.tuples(st.integers(-2, 2), st.text("ab0", min_size=1, max_size=3)),
    ),
}


@dataclasses.dataclass(frozen=True)
class Write:
    """What somebody else does after a batch: to a row that may not be there."""

    kind: str
    key: Key


@dataclasses.dataclass(frozen=True)
class Story:
    """A table, a backfill of it, and what befalls the two.

    :param rows: the keys, and whether the backfill takes the row.
    :param kills: in front of which statement each process but the last is killed.
    """

    kind: str
    rows: dict[Key, bool]
    in_python: bool
    batch_size: int
    workers: int
    writes: list[Write]
    kills: list[int]
    kills_back: list[int]


@st.composite
def stories(draw: st.DrawFn) -> Story:
    kind = draw(st.sampled_from(sorted(KEYS)))
    keys = KEYS[kind][1]
    rows = draw(st.dictionaries(keys, st.booleans(), max_size=12))
    some = keys if not rows else keys | st.sampled_from(sorted(rows, key=str))
    kinds = st.sampled_from(["insert", "change", "delete"])
    kills = st.lists(st.integers(1, 150), max_size=2)
    return Story(
        kind,
        rows,
        draw(st.booleans()),
        draw(st.integers(1, 4)),
        draw(st.sampled_from([1, 1, 3])),
        draw(st.lists(st.builds(Write, kinds, some), max_size=6)),
        draw(kills),
        draw(kills),
    )


@dataclasses.dataclass(frozen=True)
class World:
    """A story's table and the log of what others did, on a database."""

    story: Story
    database: Database
    name: str

    @property
    def table(self) -> sa.Table:
        columns = [column._copy() for column in KEYS[self.story.kind][0]]
        n, done = sa.Column("n", sa.Integer), sa.Column("done", sa.Integer)
        return frozen.table(self.name, *columns, n, done)

    @property
    def log(self) -> sa.Table:
        columns = [column._copy() for column in KEYS[self.story.kind][0]]
        return frozen.table(
            f"{self.name}_log",
            sa.Column("number", sa.Integer, primary_key=True, autoincrement=False),
            sa.Column("kind", sa.String(10)),
            *(sa.Column(column.name, column.type) for column in columns),
            sa.Column("done", sa.Integer),
        )

    def backfill(self, table: sa.Table) -> Backfill:
        options: dict[str, t.Any] = {
            "batch_size": self.story.batch_size,
            "workers": self.story.workers,
            "undo": True,
        }
        where = table.c.done == 0
        if self.story.in_python:
            return Backfill.rows(
                table,
                lambda row: {"n": row.n + 1, "done": 1},
                reads=["n"],
                writes=["n", "done"],
                where=where,
                **options,
            )
        change = sa.update(table).where(where).values(n=table.c.n + 1, done=1)
        return Backfill(change, **options)

    def values(self, key: Key) -> dict[str, t.Any]:
        return dict(zip("ab", key, strict=False))

    def begin(self, engine: sa.Engine, table: sa.Table, log: sa.Table) -> None:
        table.create(engine)
        log.create(engine)
        if rows := [
            {**self.values(key), "n": 0, "done": 0 if taken else 2}
            for key, taken in self.story.rows.items()
        ]:
            with engine.begin() as connection:
                connection.execute(sa.insert(table), rows)


def write_next(world: World, engine: sa.Engine, table: sa.Table, log: sa.Table) -> None:
    """Do the next thing somebody else does, and note that in the same transaction."""
    with engine.begin() as connection:
        if engine.dialect.name == "sqlite":
            connection.exec_driver_sql("BEGIN IMMEDIATE")
        count = sa.select(sa.func.count()).select_from(log)
        number = connection.execute(count).scalar_one()
        if number >= len(world.story.writes):
            return
        write = world.story.writes[number]
        values = world.values(write.key)
        same = sa.and_(*(table.c[name] == value for name, value in values.items()))
        found = connection.execute(
            sa.select(table.c.done).where(same).with_for_update()
        ).first()
        kind = write.kind
        if kind == "insert" and found is None:
            connection.execute(sa.insert(table).values(n=0, done=0, **values))
        elif kind == "change" and found is not None:
            connection.execute(sa.update(table).where(same).values(n=table.c.n + 100))
        elif kind == "delete" and found is not None:
            connection.execute(sa.delete(table).where(same))
        else:
            kind = "nothing"
        done = None if found is None else found.done
        connection.execute(
            sa.insert(log).values(number=number, kind=kind, done=done, **values)
        )


@dataclasses.dataclass
class Row:
    """A row of the model, without what the backfill adds to it.

    :param edited: whether somebody changed it after the backfill did, so that the
        undo leaves it alone.
    """

    n: int
    done: int
    edited: bool = False


def rows_of(world: World, log: list[tuple[t.Any, ...]]) -> dict[Key, Row]:
    """Return the rows there are by what others did, in order."""
    rows = {key: Row(0, 0 if taken else 2) for key, taken in world.story.rows.items()}
    for _, kind, *key_, done in log:
        key = tuple(key_)
        if kind == "insert":
            rows[key] = Row(0, 0)
        elif kind == "delete":
            del rows[key]
        elif kind == "change":
            rows[key].n += 100
            rows[key].edited |= done == 1
    return rows


numbers = itertools.count()
EXAMPLES = {"sqlite": 15, "postgresql": 5, "mysql": 5}


def test_whatever_happens_each_row_is_changed_once(database: Database) -> None:
    @hypothesis.settings(
        max_examples=EXAMPLES[database.name],
        deadline=None,
        derandomize=True,
        database=None,
        # To make a failing story shorter takes as long as a hundred others.
        phases=[hypothesis.Phase.generate],
    )
    @hypothesis.given(stories())
    def check(story: Story) -> None:
        tell(World(story, database, f"world{next(numbers)}"))

    check()


def tell(world: World) -> None:
    """Let a story happen, and compare each of its ends with the model."""
    story, database = world.story, world.database
    own = database.engine(poolclass=sa.NullPool)
    others = database.engine(poolclass=sa.NullPool)
    table, log = world.table, world.log
    world.begin(own, table, log)
    task = Task(world.backfill(table), world.name, world.name)
    engine = Engine(database, sa_engine=own, config={"max_batch_size": 4})

    def meanwhile(progress: t.Any) -> None:
        write_next(world, others, table, log)

    def run() -> t.Any:
        with at_each_batch(meanwhile), engine.runner() as runner:
            for _ in story.writes:
                # When others write as fast as it walks, somebody has to run it again.
                with contextlib.suppress(errors.VerificationError):
                    return runner.run(task)
            return runner.run(task)

    def undo() -> t.Any:
        with at_each_batch(meanwhile), engine.runner() as runner:
            return runner.undo(task)

    def now() -> dict[Key, tuple[int, int]]:
        width = len(table.primary_key.columns)
        return {row[:width]: row[width:] for row in database.rows(sa.select(table))}

    def done_by_others() -> list[tuple[t.Any, ...]]:
        return database.rows(sa.select(log).order_by(log.c.number))

    for moment in story.kills:
        killed_at(run, moment, every)
    report = run()
    rows = rows_of(world, done_by_others())
    assert report.state == "finished"
    assert now() == {
        key: (row.n + 1, 1) if row.done == 0 else (row.n, 2)
        for key, row in rows.items()
    }

    for moment in story.kills_back:
        killed_at(undo, moment, every)
    report = undo()
    assert report.state == "undone"
    rows = rows_of(world, done_by_others())
    assert now() == {
        key: (row.n + 1, 1) if row.edited else (row.n, row.done)
        for key, row in rows.items()
    }
    held = "SELECT count(*) FROM datamigrate_ranges WHERE owner IS NOT NULL"
    assert database.scalar(held) == 0


def every(statement: str) -> bool:
    """Count every statement."""
    return True
