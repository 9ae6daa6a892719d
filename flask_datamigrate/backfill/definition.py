"""What a backfill is: the statement or function, the key it pages by, its options."""

from __future__ import annotations

import dataclasses
import difflib
import inspect
import typing as t

import sqlalchemy as sa
from sqlalchemy.sql import visitors

from ..errors import DefinitionError
from . import expressions
from . import typing_rules

Transform = t.Callable[[t.Any], "dict[str, t.Any] | None"]
Verify: t.TypeAlias = (
    "bool | sa.Select[t.Any] | sa.TextClause | t.Callable[[sa.Connection], t.Any]"
)
Throttle = t.Callable[[], "tuple[float, str] | None"]


@dataclasses.dataclass(frozen=True, slots=True)
class Update:
    """Set columns by expressions of the database."""

    kind: t.ClassVar[str] = "update"
    table: sa.Table
    statement: sa.Update

    @property
    def where(self) -> sa.ColumnElement[bool] | None:
        return expressions.of_rows(self.statement.whereclause, self.table)

    @property
    def assigned(self) -> dict[str, t.Any]:
        """The expression of each column that is set, by the column's name."""
        return expressions.assignments(self.statement)

    @property
    def repeatable(self) -> bool:
        """Whether a second visit of a row gives the same row again."""
        return (
            not expressions.reads(self.assigned.values(), self.table)
            & self.assigned.keys()
        )


@dataclasses.dataclass(frozen=True, slots=True)
class Delete:
    """Delete rows."""

    kind: t.ClassVar[str] = "delete"
    repeatable: t.ClassVar[bool] = True
    table: sa.Table
    statement: sa.Delete

    @property
    def where(self) -> sa.ColumnElement[bool] | None:
        return expressions.of_rows(self.statement.whereclause, self.table)


@dataclasses.dataclass(frozen=True, slots=True)
class Insert:
    """Insert what a query over ``table`` gives, a range of that table at a time."""

    kind: t.ClassVar[str] = "insert"
    repeatable: t.ClassVar[bool] = False
    where: t.ClassVar[None] = None
    table: sa.Table
    statement: sa.Insert


@dataclasses.dataclass(frozen=True, slots=True)
class Rows:
    """Compute columns in Python, row by row, and write them back by the batch."""

    kind: t.ClassVar[str] = "rows"
    table: sa.Table
    transform: Transform
    reads: tuple[str, ...]
    writes: tuple[str, ...]
    where: sa.ColumnElement[bool] | None

    @property
    def repeatable(self) -> bool:
        return not set(self.reads) & set(self.writes)


Job: t.TypeAlias = Update | Delete | Insert | Rows


class Backfill:
    """One batched change of rows, written as a plain SQLAlchemy statement.

    The engine adds the range of the key to the statement, and commits each range
    together with the position it has reached.

    ::

        Backfill(
            sa.update(users)
            .where(users.c.first_name.is_(None), users.c.full_name.is_not(None))
            .values(first_name=sa.func.upper(users.c.full_name)),
            undo=True,
        )

    :param statement: ``sa.update(t)``, ``sa.delete(t)``, or
        ``sa.insert(t).from_select(names, select)`` with ``over=``.
    :param over: for an insert, the table whose key the batches follow.
    :param name: what the backfill is called in ``flask db data status``; by default
        the id of its revision.
    :param key: the columns to page by, in order; by default the primary key. They
        must be unique and not null.
    :param batch_size: rows in the first batch; the pace adapts from there.
    :param undo: keep the old values, so that ``op.undo_backfill`` restores them.
    :param deferred: register the work in ``flask db upgrade`` and leave it to
        ``flask db data run``. By default ``DATAMIGRATE_BACKFILLS`` decides.
    :param atomic: run as one statement in the revision's own transaction.
    :param verify: what must hold at the end: a statement that returns 0, a callable
        that gets a connection and returns what is wrong or ``None``, or ``False`` for
        no check. By default no row may match the ``where`` any more.
    :param throttle: callables asked before each batch; ``(seconds, reason)`` makes
        the runner wait, ``None`` lets it go on.
    :raises DefinitionError: for what cannot be run in batches.
    """

    def __init__(
        self,
        statement: sa.Update | sa.Delete | sa.Insert,
        *,
        over: sa.Table | None = None,
        **options: t.Any,
    ) -> None:
        self.job: Job = _job(statement, over)
        self._take(options)

    @classmethod
    def rows(
        cls,
        table: sa.Table,
        transform: Transform,
        *,
        reads: t.Sequence[t.Any],
        writes: t.Sequence[t.Any],
        where: sa.ColumnElement[bool] | None = None,
        **options: t.Any,
    ) -> Backfill:
        """Define a backfill whose new values are computed in Python.

        ::

            def score(row):
                return {"score": len(row["full_name"]) * 10}

            Backfill.rows(users, score, reads=["full_name"], writes=["score"])

        :param table: the frozen table.
        :param transform: gets a row, as a dict whose keys can be read as attributes
            too, with the key columns and those of ``reads``; returns the new
            values by column, or ``None`` to leave the row as it is.
        :param reads: the columns the transform looks at, by name or as columns.
        :param writes: the columns it may return.
        :param where: which rows; all by default.
        """
        table = _table(table, "Backfill.rows")
        self = cls.__new__(cls)
        self.job = Rows(
            table,
            _callable(transform, table),
            _names(reads, table, "reads"),
            _names(writes, table, "writes"),
            where,
        )
        if not self.job.writes:
            raise DefinitionError(
                "writes= is empty, so the transform could change nothing",
                where=f"Backfill.rows over table {table.name}",
                next="Name the columns it returns",
            )
        self._take(options)
        return self

    def _take(self, options: dict[str, t.Any]) -> None:
        known = inspect.signature(self._set_options).parameters
        for name in options:
            if name not in known:
                match = difflib.get_close_matches(name, known, n=1)
                raise DefinitionError(
                    f"there is no option {name}=",
                    where=f"Backfill of table {self.job.table.name}",
                    next=f"Did you mean {match[0]}=?"
                    if match
                    else f"The options are {', '.join(known)}",
                )
        self._set_options(**options)

    def _set_options(
        self,
        *,
        name: str | None = None,
        key: t.Sequence[t.Any] | None = None,
        batch_size: int | None = None,
        undo: bool = False,
        deferred: bool | None = None,
        atomic: bool = False,
        verify: Verify = True,
        throttle: Throttle | t.Sequence[Throttle] = (),
    ) -> None:
        table = self.job.table
        where = f"{self.job.kind} backfill of table {table.name}"
        if batch_size is not None and (
            not isinstance(batch_size, int) or batch_size < 1
        ):
            raise DefinitionError(
                f"batch_size is {batch_size!r}, but must be a whole number of rows, "
                "at least 1",
                where=where,
            )
        if name is not None and not 0 < len(name) <= 100:
            raise DefinitionError(
                f"the name {name!r} must have 1 to 100 characters", where=where
            )
        if undo and self.job.kind not in ("update", "rows"):
            raise DefinitionError(
                f"undo=True is kept for updates and rows, not for {self.job.kind}",
                where=where,
                next="Leave undo out and write the way back by hand in downgrade()",
            )
        if atomic and (undo or deferred):
            raise DefinitionError(
                "atomic=True goes with neither undo=True nor deferred=True: it runs "
                "in the revision's own transaction, and is rolled back with it",
                where=where,
            )
        self.name = name
        self.key = _key(table, key, where)
        self.batch_size = batch_size
        self.undo = undo
        self.deferred = deferred
        self.atomic = atomic
        self.verify = verify
        self.throttles: tuple[Throttle, ...] = (
            (throttle,) if callable(throttle) else tuple(throttle)
        )
        if isinstance(self.job, Update):
            typing_rules.check_values(table, self.job.assigned, where)
            changed_keys = {c.name for c in self.key} & self.job.assigned.keys()
        elif isinstance(self.job, Rows):
            changed_keys = {c.name for c in self.key} & set(self.job.writes)
        else:
            changed_keys = set()
        if changed_keys:
            raise DefinitionError(
                f"it changes {', '.join(sorted(changed_keys))}, the key it pages by, "
                "so a row could be met twice or never",
                where=where,
                next="Page by another unique column: key=[...]",
            )

    @property
    def table(self) -> sa.Table:
        """The table whose key the batches follow."""
        return self.job.table

    @property
    def changes(self) -> tuple[str, ...]:
        """The columns whose values change, by name; empty for insert and delete."""
        if isinstance(self.job, Update):
            return tuple(self.job.assigned)
        if isinstance(self.job, Rows):
            return self.job.writes
        return ()

    def __repr__(self) -> str:
        return f"<Backfill {self.name or self.job.kind} of {self.table.name}>"


def _job(statement: t.Any, over: sa.Table | None) -> Job:
    if getattr(statement, "_returning", ()):
        raise DefinitionError(
            "its statement has RETURNING, and nobody would read what it returns",
            where=f"Backfill of table {statement.table.name}",
            next="Leave .returning() out; the report has a sample of the changed rows",
        )
    if isinstance(statement, sa.Update):
        return Update(_table(statement.table, "sa.update()"), statement)
    if isinstance(statement, sa.Delete):
        return Delete(_table(statement.table, "sa.delete()"), statement)
    if isinstance(statement, sa.Insert):
        if not isinstance(statement.select, sa.Select):
            raise DefinitionError(
                "an insert is batched over the rows of a query",
                where="Backfill(sa.insert(...))",
                next="Write sa.insert(t).from_select([...], sa.select(...)) with "
                "over=source; for a few fixed rows use op.bulk_insert",
            )
        if over is None:
            raise DefinitionError(
                "an insert needs over=, the table whose key the batches follow",
                where=f"Backfill(sa.insert({statement.table.name}))",
            )
        source = _table(over, "over=")
        if source not in statement.select.get_final_froms() and not any(
            source in visitors.iterate(f) for f in statement.select.get_final_froms()
        ):
            raise DefinitionError(
                f"the query does not read {source.name}, the table of over=",
                where=f"Backfill(sa.insert({statement.table.name}))",
            )
        return Insert(source, statement)
    raise DefinitionError(
        f"it was given {type(statement).__name__}",
        where="Backfill()",
        next="Give it sa.update(t), sa.delete(t), or sa.insert(t).from_select(...); "
        "for a Python function use Backfill.rows(...)",
    )


def _table(table: t.Any, where: str) -> sa.Table:
    mapped = getattr(table, "__table__", table)
    if not isinstance(mapped, sa.Table):
        raise DefinitionError(
            f"{table!r} is not a table",
            where=where,
            next="Give it a frozen.table(...)",
        )
    return mapped


def _callable(transform: t.Any, table: sa.Table) -> Transform:
    if not callable(transform):
        raise DefinitionError(
            f"the transform is {transform!r}, which cannot be called",
            where=f"Backfill.rows over table {table.name}",
        )
    return t.cast(Transform, transform)


def _names(columns: t.Sequence[t.Any], table: sa.Table, what: str) -> tuple[str, ...]:
    if isinstance(columns, str | sa.Column):
        columns = [columns]
    names = [getattr(column, "name", column) for column in columns]
    unknown = [str(name) for name in names if name not in table.c]
    if unknown:
        raise DefinitionError(
            f"{what}= names {', '.join(unknown)}, which the frozen table lacks",
            where=f"table {table.name}",
            next=f"It has: {', '.join(table.c.keys())}",
        )
    return tuple(dict.fromkeys(names))


def _key(
    table: sa.Table, key: t.Sequence[t.Any] | None, where: str
) -> tuple[sa.Column[t.Any], ...]:
    columns = (
        tuple(table.primary_key.columns)
        if key is None
        else tuple(table.c[name] for name in _names(key, table, "key"))
    )
    if not columns:
        raise DefinitionError(
            "the frozen table has no primary key to page by",
            where=where,
            next="Mark its column primary_key=True, or pass key=[...] with columns "
            "that are unique and not null",
        )
    return columns
