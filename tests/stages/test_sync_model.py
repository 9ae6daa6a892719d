"""Random writers beside a sync and a backfill, against a model in plain Python."""

from __future__ import annotations

import contextlib
import dataclasses
import itertools
import typing as t

import hypothesis
import pytest
import sqlalchemy as sa
from alembic.operations import Operations
from alembic.runtime.migration import MigrationContext
from hypothesis import strategies as st

from flask_datamigrate import snippets as sn
from flask_datamigrate.backfill.runner import Task
from tests.backfill.engine import Engine
from tests.backfill.engine import at_each_batch
from tests.databases.database import Database

from .sync_shapes import SHAPES
from .sync_shapes import Shape
from .sync_shapes import Side

WRITERS = 3
IDS = st.integers(1, 7)
LEVELS = ["READ COMMITTED", "REPEATABLE READ"]
IMPATIENT = {
    "postgresql": "SET lock_timeout = '20ms'",
    "mysql": "SET innodb_lock_wait_timeout = 0",
}
"""What has a writer give up instead of waiting for another; all of them are here."""
BUSY = {
    "postgresql": {"55P03", "40P01", "40001"},
    "mysql": {1205, 1213, 1020},
    "sqlite": {"SQLITE_BUSY", "SQLITE_LOCKED"},
}


@dataclasses.dataclass(frozen=True)
class Step:
    """One statement of one writer, or the end of its transaction.

    :param whole: whether all columns of a side are written, or one.
    """

    kind: str
    writer: int
    id: int
    other: int
    old: Side
    new: Side
    whole: bool


@dataclasses.dataclass(frozen=True)
class Story:
    """Rows from before the sync, and what writers do between the batches.

    :param gaps: what is done in front of the backfill, after each of its batches,
        and in the end.
    """

    rows: dict[int, Side]
    levels: list[str]
    gaps: list[list[Step]]


KINDS = ["insert old", "insert new", "insert both", "insert", "upsert"]
KINDS += ["old", "new", "both", "two old", "two new", "note", "delete", "move"]
KINDS += ["read", "commit", "commit", "rollback"]


@st.composite
def stories(draw: st.DrawFn, shape: type[Shape]) -> Story:
    old, new = st.fixed_dictionaries(shape.old), st.fixed_dictionaries(shape.new)
    writers = st.integers(0, WRITERS - 1)
    step = st.builds(
        Step, st.sampled_from(KINDS), writers, IDS, IDS, old, new, st.booleans()
    )
    return Story(
        draw(st.dictionaries(IDS, old, min_size=1)),
        draw(st.lists(st.sampled_from(LEVELS), min_size=WRITERS, max_size=WRITERS)),
        draw(st.lists(st.lists(step, max_size=10), min_size=2, max_size=6)),
    )


@dataclasses.dataclass(frozen=True)
class Row:
    """A row of the model.

    :param new: ``None`` while nobody has written it since the sync was made.
    """

    old: Side
    new: Side | None


class Busy(Exception):
    """A writer cannot go on with its transaction."""


class Writer:
    """A connection, and the rows that its transaction has changed."""

    def __init__(self, world: World, level: str) -> None:
        self._world, self._shape = world, world.shape
        engine = world.database.engine(
            poolclass=sa.NullPool,
            connect_args={"timeout": 0} if world.kind == "sqlite" else {},
        )
        self._connection = engine.connect()
        if world.kind != "sqlite":
            self._connection.execution_options(isolation_level=level)
        if world.kind in IMPATIENT:
            self._connection.exec_driver_sql(IMPATIENT[world.kind])
            self._connection.commit()
        self.changed: dict[int, Row | None] = {}
        self.has_written = False

    def do(self, step: Step) -> None:
        if {step.id, step.other} & self._world.held_by_others(self):
            return
        act = getattr(self, f"_{step.kind.replace(' ', '_')}")
        try:
            act(step)
        except Busy:
            self.end(commit=False)
        except sa.exc.DBAPIError as error:
            if not is_busy(self._world.kind, error):
                raise
            self.end(commit=False)

    def end(self, *, commit: bool) -> None:
        if not commit:
            self._connection.rollback()
        else:
            try:
                self._connection.commit()
            except sa.exc.DBAPIError as error:
                if not is_busy(self._world.kind, error):
                    raise
                self._connection.rollback()
                commit = False
        if commit:
            self._world.rows.update(self.changed)
        self.changed, self.has_written = {}, False

    def close(self) -> None:
        self._connection.close()

    # What it can do

    def _insert(self, step: Step) -> None:
        self._add(step, {}, {})

    def _insert_old(self, step: Step) -> None:
        self._add(step, self._part(step, step.old), {})

    def _insert_new(self, step: Step) -> None:
        self._add(step, {}, step.new)

    def _insert_both(self, step: Step) -> None:
        self._add(step, self._shape.backward(step.new), step.new)

    def _add(self, step: Step, old: Side, new: Side) -> None:
        if self._row(step.id) is not None:
            return
        values = {"id": step.id, **old, **self._stored(new)}
        self._run(sa.insert(self._shape.table).values(values))
        empty: Side = dict.fromkeys(self._shape.old)
        old = {**empty, **self._shape.defaults, **old}
        if set(new.values()) <= {None}:
            new = self._shape.forward(old)
        elif old == {**empty, **self._shape.defaults}:
            old = self._shape.backward(new)
        self.changed[step.id] = Row(old, new)

    def _upsert(self, step: Step) -> None:
        row = self._row(step.id)
        if row is None:
            # What another transaction has inserted is not seen here.
            return
        values = {"id": step.id, **step.old}
        columns = list(step.old)
        self._run(sn.upsert(self._shape.table, [values], key=["id"], update=columns))
        self.changed[step.id] = self._written(row, step.old, {})

    def _old(self, step: Step) -> None:
        self._change([step.id], self._part(step, step.old), {})

    def _two_old(self, step: Step) -> None:
        self._change([step.id, step.other], self._part(step, step.old), {})

    def _new(self, step: Step) -> None:
        row = self._row(step.id)
        # Where they are not filled yet, the code writes them all.
        filled = row is not None and row.new is not None
        new = self._part(step, step.new) if filled else step.new
        self._change([step.id], {}, new)

    def _two_new(self, step: Step) -> None:
        self._change([step.id, step.other], {}, step.new)

    def _both(self, step: Step) -> None:
        self._change([step.id], self._shape.backward(step.new), step.new)

    def _note(self, step: Step) -> None:
        self._change([step.id], {}, {}, note=step.other)

    def _move(self, step: Step) -> None:
        row = self._row(step.id)
        if row is None or row.new is None or self._row(step.other) is not None:
            return
        self._change([step.id], step.old, {}, id=step.other)
        self.changed[step.other], self.changed[step.id] = self.changed[step.id], None

    def _delete(self, step: Step) -> None:
        if self._row(step.id) is not None:
            own = self._shape.table
            self._run(sa.delete(own).where(own.c.id == step.id), 1)
            self.changed[step.id] = None

    def _read(self, step: Step) -> None:
        self._connection.execute(self._shape.rows()).all()

    def _commit(self, step: Step) -> None:
        self.end(commit=True)

    def _rollback(self, step: Step) -> None:
        self.end(commit=False)

    # How it does that

    def _row(self, id: int) -> Row | None:
        return self.changed[id] if id in self.changed else self._world.rows.get(id)

    def _part(self, step: Step, side: Side) -> Side:
        return (
            side if step.whole else dict([min(side.items(), key=lambda item: item[0])])
        )

    def _change(self, ids: list[int], old: Side, new: Side, **more: t.Any) -> None:
        there = {id: row for id in ids if (row := self._row(id)) is not None}
        if there:
            own = self._shape.table
            values = {**old, **self._stored(new), **more}
            update = sa.update(own).where(own.c.id.in_(there)).values(values)
            self._run(update, len(there))
        for id, row in there.items():
            self.changed[id] = self._written(row, old, new)

    def _written(self, row: Row, old: Side, new: Side) -> Row:
        """Return a row after an UPDATE: the side that changed has the other follow."""
        before = row.new or dict.fromkeys(self._shape.new)
        old, new = {**row.old, **old}, {**before, **new}
        if old != row.old and new == before:
            return Row(old, self._shape.forward(old))
        if old == row.old and new != before:
            return Row(self._shape.backward(new), new)
        return Row(old, new if new != before else row.new)

    def _stored(self, new: Side) -> Side:
        self.has_written |= bool(new)
        return self._shape.stored(self._connection, new) if new else {}

    def _run(self, statement: sa.Executable, rows: int | None = None) -> None:
        self.has_written = True
        result = self._connection.execute(statement)
        if rows is not None and result.rowcount != rows:
            # It does not see what has been inserted since its transaction began.
            level = self._connection.get_isolation_level()
            assert (self._world.kind, level) == ("postgresql", "REPEATABLE READ")
            raise Busy


def is_busy(kind: str, error: sa.exc.DBAPIError) -> bool:
    raw: t.Any = error.orig
    code = {
        "postgresql": lambda: raw.pgcode,
        "mysql": lambda: raw.args[0],
        "sqlite": lambda: raw.sqlite_errorname,
    }[kind]()
    return code in BUSY[kind]


class World:
    """A story's table on a database, and the rows that are to be in it."""

    def __init__(self, story: Story, shape: Shape, database: Database) -> None:
        self.story, self.shape, self.database = story, shape, database
        self.kind = database.name
        self.rows: dict[int, Row | None] = {
            id: Row(old, None) for id, old in story.rows.items()
        }
        self._engine = database.engine(poolclass=sa.NullPool)
        self._writers: list[Writer] = []
        self._gaps = iter(story.gaps)

    def held_by_others(self, writer: Writer) -> set[int]:
        """Return the rows that the transactions of others have changed."""
        return {id for w in self._writers if w is not writer for id in w.changed}

    def tell(self) -> None:
        """Let the story happen, and compare the rows after each gap and batch."""
        with self._engine.begin() as connection:
            self.shape.create(connection)
            for id, old in self.story.rows.items():
                connection.execute(sa.insert(self.shape.table).values(id=id, **old))
        with self._engine.begin() as connection:
            operations = Operations(MigrationContext.configure(connection))
            operations.create_sync(  # type: ignore[attr-defined]
                self.shape.name, change="change", **self.shape.sync()
            )
        self._writers = [Writer(self, level) for level in self.story.levels]
        self._next_gap()
        engine = Engine(
            self.database, sa_engine=self._engine, config={"max_batch_size": 2}
        )
        with at_each_batch(lambda progress: self._next_gap()):
            for number, backfill in enumerate(self.shape.backfills()):
                name = f"{self.shape.name}_{number}"
                with engine.runner() as runner:
                    report = runner.run(Task(backfill, name, name))
                assert report.state == "finished"
        self._compare(filled=True)
        for _ in self.story.gaps:
            self._next_gap(filled=True)

    def close(self) -> None:
        for writer in self._writers:
            writer.close()

    def _next_gap(self, *, filled: bool = False) -> None:
        self._compare(filled=filled)
        for step in next(self._gaps, []):
            self._writers[step.writer].do(step)
        for writer in self._writers:
            # The batches would wait for it. Who has only read goes on.
            if writer.has_written:
                writer.end(commit=True)
        self._compare(filled=filled)

    def _compare(self, *, filled: bool) -> None:
        with self._engine.connect() as connection:
            found = connection.execute(self.shape.rows()).all()
        ids = {id for id, row in self.rows.items() if row is not None}
        assert {row[0] for row in found} == ids
        for id, *values in found:
            row = self.rows[id]
            assert row is not None
            width = len(self.shape.old)
            old = dict(zip(self.shape.old, values[:width], strict=True))
            new = dict(zip(self.shape.new, values[width:], strict=True))
            assert old == row.old, (id, new, row)
            if row.new is None:
                due = self.shape.forward(old)
                if new == due:
                    self.rows[id] = Row(old, new)
                else:
                    assert not filled, (id, old, new)
                    assert set(new.values()) == {None}, (id, old, new)
            else:
                assert new == row.new, (id, old, row)
                if self.shape.forward(old) != new:
                    assert self.shape.backward(new) == old, (id, new)


numbers = itertools.count()
EXAMPLES = {"sqlite": 15, "postgresql": 6, "mysql": 6}


@pytest.mark.parametrize("name", SHAPES)
def test_both_sides_say_what_was_written_last(name: str, database: Database) -> None:
    shape = SHAPES[name]

    @hypothesis.settings(
        max_examples=EXAMPLES[database.name],
        deadline=None,
        derandomize=True,
        database=None,
        # To make a failing story shorter takes as long as a hundred others.
        phases=[hypothesis.Phase.generate],
    )
    @hypothesis.given(stories(shape))
    def check(story: Story) -> None:
        world = World(story, shape(f"world{next(numbers)}"), database)
        with contextlib.closing(world):
            world.tell()

    check()
