"""``sn.returning``: the rows a statement changed."""

from __future__ import annotations

import contextlib
import re
import typing as t

import sqlalchemy as sa

from ...dialects import family
from ...dialects import is_mariadb
from ...errors import DefinitionError
from . import locking
from .inserting import Insertion
from .joining import UpdateFrom
from .statement import Parameters
from .statement import Statement

_KINDS = {"insert": sa.Insert, "update": sa.Update, "delete": sa.Delete}
_Changing: t.TypeAlias = "sa.Insert | sa.Update | sa.Delete"


class Returning(Statement):
    """A statement together with the columns to see of each row it changed.

    :param statement: an insert, update or delete of SQLAlchemy or of the snippets, or
        SQL text.
    :param columns: of the table it changes; in the text's case, by their names.
    """

    def __init__(
        self, statement: t.Any, columns: t.Sequence[sa.ColumnElement[t.Any]]
    ) -> None:
        self.statement = statement
        self.columns = tuple(columns)
        if not isinstance(statement, sa.TextClause):
            self.table = statement.table

    @property
    def kind(self) -> str:
        """``insert``, ``update``, ``delete``, or else what the text begins with."""
        if isinstance(self.statement, sa.TextClause):
            words = re.sub(r"--[^\n]*|/\*.*?\*/", " ", self.statement.text, flags=re.S)
            return (words.split() or [""])[0].lower()
        if isinstance(self.statement, Insertion):
            return "insert"
        if isinstance(self.statement, UpdateFrom):
            return "update"
        return next(k for k, v in _KINDS.items() if isinstance(self.statement, v))

    def is_native(self, dialect: sa.Dialect) -> bool:
        """Tell whether the database returns these rows itself."""
        if self.kind == "with":
            return family(dialect) in ("postgresql", "sqlite")
        able = bool(getattr(dialect, f"{self.kind}_returning", False))
        if family(dialect) != "mysql":
            return able
        if self.kind == "delete" and isinstance(self.statement, sa.Delete):
            return able and not locking.is_joined(self.statement)
        if isinstance(self.statement, Insertion):
            # MariaDB returns the rows that were met and left alone as well.
            changes_all = self.statement.assigned is not None
            return able and changes_all and self.statement.where is None
        return able

    def plan(self, dialect: sa.Dialect) -> sa.ClauseElement:
        if not self.is_native(dialect):
            raise DefinitionError(
                f"{_named(dialect)} returns no rows of this {self.kind.upper()}",
                where="snippets.returning",
                state="Nothing was changed",
                next="Select the rows in a statement of its own",
            )
        if isinstance(self.statement, sa.TextClause):
            text = sa.text(self._returning_text(dialect))
            text = text.bindparams(*self.statement._bindparams.values())
            return text.columns(*self.columns)
        statement: t.Any = self.statement
        if isinstance(statement, Statement):
            statement = statement.plan(dialect)
        return t.cast(sa.ClauseElement, statement.returning(*self.columns))

    def prove(self, connection: sa.Connection, parameters: Parameters = None) -> None:
        if isinstance(self.statement, Statement):
            self.statement.prove(connection, parameters)

    def translated(self, connection: sa.Connection) -> t.Any:
        if isinstance(self.statement, Statement):
            return self.statement.translated(connection)
        return super().translated(connection)

    def run(
        self,
        connection: sa.Connection,
        parameters: Parameters = None,
        options: t.Mapping[str, t.Any] | None = None,
    ) -> t.Any:
        if not self.is_lockable(connection.dialect):
            return super().run(connection, parameters, options)
        with locking.changed(
            connection, self._plain(connection.dialect), self.columns, parameters, None
        ) as (_, found):
            return found

    @contextlib.contextmanager
    def first(
        self, connection: sa.Connection, limit: int
    ) -> t.Iterator[tuple[t.Callable[[], int], t.Iterator[t.Any]]]:
        """Run it, and give the first rows as they come, and then how many there are.

        Never more of them than these are held here, however many are changed.

        :param limit: the most rows to give.
        """
        self.prove(connection)
        with self.translated(connection):
            if self.is_lockable(connection.dialect):
                plain = self._plain(connection.dialect)
                with locking.changed(connection, plain, self.columns, None, limit) as (
                    count,
                    found,
                ):
                    yield (lambda: count), iter(found)
            elif connection.dialect.name == "postgresql":
                yield _first_by_cte(connection, self.plan(connection.dialect), limit)
            else:
                options = {"stream_results": True}
                plan: t.Any = self.plan(connection.dialect)
                found = connection.execute(plan, execution_options=options)
                yield _first_of_stream(found, limit)

    def is_lockable(self, dialect: sa.Dialect) -> bool:
        """Tell whether the rows are read under a lock, for want of RETURNING."""
        return (
            family(dialect) == "mysql"
            and not self.is_native(dialect)
            and isinstance(self.statement, sa.Update | sa.Delete | UpdateFrom)
        )

    def _plain(self, dialect: sa.Dialect) -> sa.Update | sa.Delete:
        if isinstance(self.statement, UpdateFrom):
            return self.statement.plan(dialect)
        return t.cast("sa.Update | sa.Delete", self.statement)

    def _returning_text(self, dialect: sa.Dialect) -> str:
        quote = dialect.identifier_preparer.quote
        names = ", ".join(quote(str(getattr(c, "name", ""))) for c in self.columns)
        # The text may end in a comment, which a line break ends; a colon in a name
        # is none of a parameter.
        clause = f"RETURNING {names}".replace(":", r"\:")
        return f"{self.statement.text.strip().rstrip(';')}\n{clause}"


def returning(statement: t.Any, *columns: t.Any) -> Returning:
    """Return a statement that gives back columns of the rows it changes.

    ::

        changed = connection.execute(
            sn.returning(
                sa.update(users).where(users.c.active.is_(None)).values(active=True),
                users.c.id,
                users.c.login,
            )
        ).all()

    The values are those after an insert or an update, and those before a delete, on
    every database. The rows come in no order.

    - PostgreSQL, and SQLite from 3.35 on: ``… RETURNING id, login``
    - MariaDB: the same for INSERT, and for DELETE from one table; for UPDATE, and for
      DELETE with a join, as MySQL
    - MySQL: the keys are read with ``SELECT … FOR UPDATE`` into a temporary table, just
      these rows are changed, and their columns are read; an INSERT is refused

    Where keys are read first, the table needs a primary key that the statement leaves
    as it is, the user the right ``CREATE TEMPORARY TABLES``, and the connection a
    transaction. There the database cannot return the rows of an ``insert_missing`` or
    of an ``upsert`` with ``where``, which is refused.

    :param statement: ``sa.insert``, ``sa.update``, ``sa.delete``, ``sn.update_from``,
        ``sn.upsert`` or ``sn.insert_missing``.
    :param columns: columns of the table, or expressions over them; by default all.
    :raises DefinitionError: for what is no such statement, and for other tables'
        columns; when run or compiled, for what the database has no way to return.
    """
    known = (sa.Insert, sa.Update, sa.Delete, Insertion, UpdateFrom)
    if not isinstance(statement, known):
        raise DefinitionError(
            f"it was given {type(statement).__name__}",
            where="snippets.returning",
            next="Give it an insert, an update or a delete",
        )
    if getattr(statement, "_returning", ()):
        raise DefinitionError(
            "the statement has .returning() already",
            where="snippets.returning",
            next="Leave that out",
        )
    table = t.cast(sa.Table, statement.table)
    chosen = columns or tuple(table.c)
    for column in chosen:
        if not isinstance(column, sa.ColumnElement) or any(
            found is not table for found in column._from_objects
        ):
            raise DefinitionError(
                f"{column} is no column of {table.name}, whose rows are changed",
                where="snippets.returning",
                state="Nothing was changed",
            )
    return Returning(statement, chosen)


def _first_by_cte(
    connection: sa.Connection, plan: t.Any, limit: int
) -> tuple[t.Callable[[], int], t.Iterator[t.Any]]:
    """Let PostgreSQL count, since its drivers fetch all rows of a RETURNING."""
    changed = plan.cte("dm_changed")
    counted = sa.select(sa.func.count().label("dm_count")).select_from(changed)
    count = counted.subquery("dm_counted")
    first = sa.select(changed).limit(limit).subquery("dm_first")
    found = connection.execute(
        sa.select(count.c.dm_count, *first.c).select_from(
            count.outerjoin(first, sa.true())
        )
    ).all()
    total = int(found[0][0])
    return (lambda: total), iter([row[1:] for row in found[: min(total, limit)]])


def _first_of_stream(
    found: sa.CursorResult[t.Any], limit: int
) -> tuple[t.Callable[[], int], t.Iterator[t.Any]]:
    seen = 0

    def rows() -> t.Iterator[t.Any]:
        nonlocal seen
        while seen < limit:
            row = found.fetchone()
            if row is None:
                return
            seen += 1
            yield row

    def count() -> int:
        return seen + sum(1 for _ in found)

    return count, rows()


def _named(dialect: sa.Dialect) -> str:
    if is_mariadb(dialect):
        return "MariaDB"
    known = {"mysql": "MySQL", "sqlite": "this SQLite", "postgresql": "PostgreSQL"}
    return known.get(dialect.name, dialect.name)
