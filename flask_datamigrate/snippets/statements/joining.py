"""``sn.update_from``: columns of one table set from the rows of another source."""

from __future__ import annotations

import typing as t

import sqlalchemy as sa
from sqlalchemy.sql import operators
from sqlalchemy.sql import visitors

from ...errors import DefinitionError
from ...errors import SourceError
from .assignments import checked
from .statement import Parameters
from .statement import Statement
from .statement import form
from .statement import names_of
from .statement import table_of

_OLDEST = {"postgresql": (), "mysql": (), "sqlite": (3, 33)}
"""The first release of each database that updates a table from another one."""


class UpdateFrom(Statement):
    """An update of a table from a source that has one row, or none, for each of its.

    :param update: the statement, which SQLAlchemy writes as each database wants it.
    :param where: which rows of the table; ``None`` for all that the source has.
    :param key: the columns that tell the table's rows apart.
    :param single: whether the source can have no two rows for one by what it is.
    """

    def __init__(
        self,
        table: sa.Table,
        source: sa.FromClause,
        on: sa.ColumnElement[bool],
        update: sa.Update,
        where: sa.ColumnElement[bool] | None,
        key: tuple[sa.Column[t.Any], ...],
        single: bool,
    ) -> None:
        self.table = table
        self.source = source
        self.on = on
        self.update = update
        self.where = where
        self.key = key
        self.single = single

    @property
    def what(self) -> str:
        """How errors name it."""
        return f"snippets.update_from of table {self.table.name}"

    def plan(self, dialect: sa.Dialect) -> sa.Update:
        oldest = form(_OLDEST, dialect, self.what)
        version = getattr(dialect, "server_version_info", None) or oldest
        if version < oldest:
            raise DefinitionError(
                f"UPDATE ... FROM needs {dialect.name} {'.'.join(map(str, oldest))}, "
                f"and this is {'.'.join(map(str, version))}",
                where=self.what,
                state="Nothing was changed",
                next="Write sa.update() with a correlated subquery",
            )
        return self.update

    def several(
        self,
        condition: sa.ColumnElement[bool] | None = None,
        key: t.Sequence[sa.ColumnElement[t.Any]] = (),
    ) -> sa.Select[t.Any]:
        """Return a query for the key of a row for which the source has several.

        :param condition: which rows of the table to look at.
        :param key: another key of the table than its own.
        """
        key = key or self.key
        query = sa.select(*key).where(self.on)
        for part in (self.where, condition):
            if part is not None:
                query = query.where(part)
        return query.group_by(*key).having(sa.func.count() > 1).limit(1)

    def prove(self, connection: sa.Connection, parameters: Parameters = None) -> None:
        """Refuse a source that has several rows for one.

        :raises SourceError: naming the row.
        """
        self.plan(connection.dialect)
        if self.single:
            return
        row = connection.execute(self.several(), parameters).first()
        if row is not None:
            shown = ", ".join(
                f"{column.name}={value!r}"
                for column, value in zip(self.key, row, strict=True)
            )
            raise SourceError(
                f"{SEVERAL}: {shown}",
                where=self.what,
                state="Nothing was changed",
                next=ONE,
            )


SEVERAL = "the source has several rows for one, and would give it any of them"
ONE = "Make it give one row for each, with GROUP BY, DISTINCT or a narrower on="


def update_from(
    target: t.Any,
    source: t.Any,
    *,
    on: sa.ColumnElement[bool],
    values: t.Mapping[t.Any, t.Any],
    where: sa.ColumnElement[bool] | None = None,
    key: t.Sequence[t.Any] | None = None,
) -> UpdateFrom:
    """Return a statement that sets columns of a table from another source.

    ::

        sn.update_from(
            orders,
            users,
            on=orders.c.user_id == users.c.id,
            values={"customer": users.c.full_name},
            where=orders.c.customer.is_(None),
        )

    - PostgreSQL, and SQLite from 3.33 on:
      ``UPDATE orders SET customer=users.full_name FROM users WHERE …``
    - MySQL and MariaDB, whose way it is to write a join:
      ``UPDATE orders, users SET orders.customer=users.full_name WHERE …``

    When the source has several rows for one row of the table, a database takes any of
    them. Here that is an error: it is looked for before the update, in the same
    transaction, in a ``Backfill`` batch by batch. The look is left out where ``on``
    has the whole primary key of the source; ``--sql`` cannot look. A row for which
    the source has none is left as it is, and a NULL in ``on`` is equal to none.

    In the expressions, the table's columns are the values before, on MySQL and
    MariaDB too, where assignments are read one after the other: two columns computed
    from each other are refused.

    :param target: the frozen table whose rows change.
    :param source: a table, an alias, a subquery or a CTE; a CTE is written as a
        subquery, since MariaDB has no ``WITH … UPDATE``.
    :param on: which row of the source belongs to which of the table.
    :param values: the expression or value of each column that is set.
    :param where: which rows of the table. In a ``Backfill`` it is the check at the
        end, too: none may match it any more that has a row in the source.
    :param key: the columns that tell the table's rows apart, if it has no primary
        key.
    :raises DefinitionError: for what cannot work.
    :raises SourceError: when run, if the source has several rows for one.
    """
    table = table_of(target, "snippets.update_from")
    what = f"snippets.update_from of table {table.name}"
    given = getattr(source, "__table__", source)
    if isinstance(given, sa.Join) or not isinstance(given, sa.FromClause):
        raise DefinitionError(
            f"the source is {type(given).__name__}",
            where=what,
            state="Nothing was changed",
            next="Give it a table, an alias, or sa.select(...).subquery()",
        )
    if given is table:
        raise DefinitionError(
            "the source is the table itself",
            where=what,
            state="Nothing was changed",
            next=f"Give it an alias: other = {table.name}.alias()",
        )
    plain = _Plain(given, what)
    given = plain(given)
    on = plain(on)
    where = None if where is None else plain(where)
    assigned = {
        name: plain(value) for name, value in checked(values, table, what).items()
    }
    if not assigned:
        raise DefinitionError("values= is empty", where=what)
    keys = (
        tuple(table.primary_key.columns)
        if key is None
        else tuple(table.c[name] for name in names_of(key, table, "key=", what))
    )
    if not keys:
        raise DefinitionError(
            "the frozen table has no primary key to tell its rows apart",
            where=what,
            next="Mark its column primary_key=True, or pass key=[...]",
        )
    _check_froms(table, given, on, where, assigned, what)
    statement = sa.update(table).where(on)
    if where is not None:
        statement = statement.where(where)
    statement = statement.ordered_values(
        *((table.c[name], value) for name, value in assigned.items())
    )
    return UpdateFrom(table, given, on, statement, where, keys, _is_single(given, on))


class _Plain:
    """Writes the CTEs of a source as subqueries, in each part of a statement.

    :param source: the source as it was given.
    """

    def __init__(self, source: sa.FromClause, what: str) -> None:
        self._what = what
        self._known: dict[t.Any, sa.Subquery] = {}
        if any(isinstance(part, sa.CTE) for part in visitors.iterate(source)):
            self._subquery(source)

    def __call__(self, part: t.Any) -> t.Any:
        if not self._known:
            return part
        return visitors.replacement_traverse(part, {}, self._replace)

    def _replace(self, element: t.Any, **kw: t.Any) -> t.Any:
        if isinstance(element, sa.CTE) or element in self._known:
            return self._subquery(element)
        if isinstance(element, sa.ColumnClause):
            table = element.table
            if isinstance(table, sa.CTE) or table in self._known:
                return self._subquery(table).c[element.key]
        return None

    def _subquery(self, given: t.Any) -> sa.Subquery:
        if given not in self._known:
            if getattr(given, "recursive", False):
                raise DefinitionError(
                    f"the CTE {given.name} is recursive, and MariaDB takes none in an "
                    "UPDATE",
                    where=self._what,
                    state="Nothing was changed",
                    next="Put its rows into a table first",
                )
            inner = visitors.replacement_traverse(given.element, {}, self._replace)
            # An alias of a CTE has the CTE inside, and that is a subquery by now.
            select = inner if isinstance(inner, sa.SelectBase) else sa.select(inner)
            self._known[given] = select.subquery(given.name)
        return self._known[given]


def _check_froms(
    table: sa.Table,
    source: sa.FromClause,
    on: sa.ColumnElement[bool],
    where: sa.ColumnElement[bool] | None,
    assigned: t.Mapping[str, t.Any],
    what: str,
) -> None:
    """Refuse what would join each row with all rows of something."""
    parts = [*assigned.values(), on, *([] if where is None else [where])]
    froms = sa.select(*parts).get_final_froms()
    others = [found for found in froms if found is not table and found is not source]
    if others:
        names = ", ".join(str(getattr(found, "name", found)) for found in others)
        raise DefinitionError(
            f"it reads {names}, which is neither its table nor its source",
            where=what,
            state="Nothing was changed",
            next="Join it into the source: sa.select(...).join(...).subquery()",
        )
    met = sa.select(on).get_final_froms()
    if table not in met or source not in met:
        raise DefinitionError(
            "on= does not compare the table with the source",
            where=what,
            state="Nothing was changed",
            next=f"Write on={table.name}.c.... == source.c....",
        )


def _is_single(source: sa.FromClause, on: sa.ColumnElement[bool]) -> bool:
    """Tell whether ``on`` fixes the whole primary key of the source."""
    plain = source.element if isinstance(source, sa.Alias) else source
    if not isinstance(plain, sa.Table) or not plain.primary_key.columns:
        return False
    if isinstance(on, sa.BooleanClauseList) and on.operator is not operators.and_:
        return False
    parts = on.clauses if isinstance(on, sa.BooleanClauseList) else [on]
    fixed: set[t.Any] = set()
    for part in parts:
        if isinstance(part, sa.BinaryExpression) and part.operator is operators.eq:
            for one, other in ((part.left, part.right), (part.right, part.left)):
                # Compared with itself, a key would be equal in every row.
                if all(found is not source for found in other._from_objects):
                    fixed.add(one)
    return all(source.c[column.key] in fixed for column in plain.primary_key.columns)
