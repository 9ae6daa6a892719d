"""What a backfill is: the statement or function, the key it pages by, its options."""

from __future__ import annotations

import difflib
import inspect
import typing as t

import sqlalchemy as sa

from .. import accepted
from .. import expressions
from .. import typing_rules
from ..errors import DefinitionError
from ..snippets.statements import Insertion
from ..snippets.statements import UpdateFrom
from . import headcount
from . import shapes
from .jobs import Delete
from .jobs import Insert
from .jobs import Job
from .jobs import Rows
from .jobs import Transform
from .jobs import Update

Verify: t.TypeAlias = (
    "bool | sa.Select[t.Any] | sa.TextClause | t.Callable[[sa.Connection], t.Any]"
)
Throttle = t.Callable[[], "tuple[float, str] | None"]
OnRowError = t.Literal["stop", "skip"]


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

    :param statement: ``sa.update(t)``, ``sn.update_from(t, ...)``, ``sa.delete(t)``,
        or with ``over=`` one of ``sa.insert(t).from_select(names, select)``,
        ``sn.upsert(t, from_select=...)`` and ``sn.insert_missing(t, from_select=...)``.
    :param over: for an insert, the table whose key the batches follow.
    :param name: what the backfill is called in ``flask db data status``; by default
        the id of its revision.
    :param key: the columns to page by, in order; by default the primary key. They
        must be unique and not null.
    :param batch_size: rows in the first batch; the pace adapts from there.
    :param undo: keep the old values, the deleted rows, or which rows were inserted,
        so that ``op.undo_backfill`` takes back what was done.
    :param deferred: register the work in ``flask db upgrade`` and leave it to
        ``flask db data run``. By default ``DATAMIGRATE_BACKFILLS`` decides.
    :param atomic: change all rows at once, in the revision's own transaction.
    :param verify: what must hold at the end: a statement that returns 0, a callable
        that gets a connection and returns what is wrong or ``None``, or ``False`` for
        no check. By default no row may match the ``where`` any more.
    :param throttle: callables asked before each batch; ``(seconds, reason)`` makes
        the runner wait, ``None`` lets it go on.
    :param set_aside: the names of indexes of the changed table that are dropped for
        the run and made again at its end.
    :param workers: how many threads of a process work on it at once, each on a
        connection of its own; 1 to 64. ``flask db data run --workers`` overrules it.
    :param on_row_error: ``"stop"`` at a row that cannot be changed, or ``"skip"`` it:
        it is written down, and the backfill is finished only when the row was mended
        or ``flask db data accept --refused`` accepts that it stays as it is.
    :raises DefinitionError: for what cannot be run in batches.
    """

    def __init__(
        self,
        statement: sa.Update | sa.Delete | sa.Insert | UpdateFrom | Insertion,
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
            values by column, or ``None`` to leave the row as it is. It may be called
            in another thread, one row at a time, and again for rows of a batch that
            was not committed.
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
            expressions.of_rows(where, table),
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
        set_aside: t.Sequence[str] = (),
        workers: int = 1,
        on_row_error: OnRowError = "stop",
    ) -> None:
        table = self.job.table
        where = f"{self.job.kind} backfill of table {table.name}"
        if batch_size is not None and not accepted.rows(batch_size):
            raise DefinitionError(
                f"batch_size is {batch_size!r}, but must be a whole number of rows "
                f"from 1 to {accepted.MOST_ROWS:,}",
                where=where,
            )
        headcount.check(workers, where)
        if on_row_error not in t.get_args(OnRowError):
            raise DefinitionError(
                f'on_row_error is {on_row_error!r}, but must be "stop" or "skip"',
                where=where,
            )
        if atomic and workers > 1:
            raise DefinitionError(
                "atomic=True is one statement, which several workers cannot share",
                where=where,
                next="Leave workers= out, or atomic=True",
            )
        if name is not None and not 0 < len(name) <= 100:
            raise DefinitionError(
                f"the name {name!r} must have 1 to 100 characters", where=where
            )
        if undo and isinstance(self.job, Insert):
            self.job.check_undo(where)
        if atomic and on_row_error != "stop":
            raise DefinitionError(
                'atomic=True is one statement, of which on_row_error="skip" can leave '
                "no row out",
                where=where,
            )
        if atomic and (undo or deferred or set_aside):
            raise DefinitionError(
                "atomic=True goes with neither undo=True, deferred=True nor "
                "set_aside=[...]: it runs in the revision's own transaction, and is "
                "rolled back with it",
                where=where,
            )
        self.name = name
        self.key = _key(table, key, where)
        self.batch_size = batch_size
        self.undo = undo
        self.deferred = deferred
        self.atomic = atomic
        self.workers = workers
        self.on_row_error = on_row_error
        self.verify = verify
        self.set_aside = _index_names(set_aside, where)
        self.throttles = _throttles(throttle, where)
        if isinstance(self.job, Update):
            typing_rules.check_values(table, self.job.assigned, where)
            changed_keys = {c.name for c in self.key} & self.job.assigned.keys()
        elif isinstance(self.job, Rows):
            changed_keys = {c.name for c in self.key} & set(self.job.writes)
        else:
            changed_keys = set()
        if isinstance(self.job, Insert):
            self.job.check_types(where)
            if not atomic:
                self.job.check_ranges(self.key, where)
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
    def changed_table(self) -> sa.Table:
        """The table whose rows are changed, deleted or inserted."""
        return self.job.target if isinstance(self.job, Insert) else self.job.table

    @property
    def kept_key(self) -> tuple[sa.Column[t.Any], ...]:
        """The key of that table, by which an undo goes."""
        if isinstance(self.job, Insert):
            return tuple(self.job.target.primary_key.columns)
        return self.key

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
    if isinstance(statement, UpdateFrom):
        return Update(statement.table, statement.update, statement)
    if isinstance(statement, sa.Insert | Insertion):
        return _insert(statement, over)
    raise DefinitionError(
        f"it was given {type(statement).__name__}",
        where="Backfill()",
        next="Give it sa.update(t), sa.delete(t), or sa.insert(t).from_select(...); "
        "for a Python function use Backfill.rows(...)",
    )


def _insert(statement: sa.Insert | Insertion, over: sa.Table | None) -> Insert:
    if isinstance(statement, Insertion):
        where = f"Backfill of {statement.what}"
        form = "from_select=([...], sa.select(...))"
        fixed = "op.execute"
    else:
        where = f"Backfill(sa.insert({statement.table.name}))"
        form = "sa.insert(t).from_select([...], sa.select(...))"
        fixed = "op.bulk_insert"
    if not isinstance(statement.select, sa.Select):
        raise DefinitionError(
            "an insert is batched over the rows of a query",
            where=where,
            next=f"Write {form} with over=source; for a few fixed rows use {fixed}",
        )
    if over is None:
        raise DefinitionError(
            "an insert needs over=, the table whose key the batches follow",
            where=where,
        )
    source = _table(over, "over=")
    if not shapes.reads(statement.select, source):
        raise DefinitionError(
            f"the query does not read {source.name}, the table of over=, in its FROM",
            where=where,
            next="Name the table itself: an alias, a subquery or a CTE will not do",
        )
    return Insert(source, statement)


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


def _throttles(
    throttle: Throttle | t.Sequence[Throttle], where: str
) -> tuple[Throttle, ...]:
    if callable(throttle):
        return (throttle,)
    if not isinstance(throttle, t.Sequence) or not all(map(callable, throttle)):
        raise DefinitionError(
            f"throttle is {throttle!r}, but must be a function, or a list of them",
            where=where,
            next="It is called before each batch, and returns None or how many "
            'seconds to wait and why: throttle=lambda: (0.02, "go gently")',
        )
    return tuple(throttle)


def _index_names(names: t.Sequence[str], where: str) -> tuple[str, ...]:
    listed = isinstance(names, t.Sequence) and not isinstance(names, str)
    if not listed or not all(isinstance(name, str) for name in names):
        raise DefinitionError(
            f"set_aside is {names!r}, but must be a list of the names of indexes",
            where=where,
            next='Write it as set_aside=["ix_users_email"]',
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
