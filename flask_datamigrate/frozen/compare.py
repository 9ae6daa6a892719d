"""A frozen table against the database, before anything runs."""

from __future__ import annotations

import typing as t

import sqlalchemy as sa

from ..dialects import family
from ..errors import DefinitionError
from ..errors import FrozenMismatchError
from .families import compatible
from .names import nearest
from .names import suggestion
from .reflection import Reflection

__all__ = ["check", "check_key"]

_UNCHANGED = "Nothing was changed"


def check(
    connection: sa.Connection,
    table: sa.Table,
    *,
    where: str,
    columns: t.Iterable[str] | None = None,
) -> None:
    """Compare a frozen table with the table in the database.

    :param connection: a connection to the database the migration is to run on.
    :param table: the frozen table.
    :param where: who asks, such as ``revision 6c55e0560fd4``.
    :param columns: the names of the columns to look at; all by default.
    :raises FrozenMismatchError: naming all that differs at once.
    """
    fold = _folding(connection)
    reflection = Reflection(connection, table.name, table.schema)
    actual = _actual(reflection, table, where, fold)
    wanted = set(table.c.keys()) if columns is None else {str(c) for c in columns}
    faults = []
    for column in table.c:
        if column.name not in wanted and column.key not in wanted:
            continue
        found = actual.get(fold(column.name))
        if found is None:
            faults.append(_missing_column(column.name, actual))
        elif not _fits(connection, column.type, found["type"]):
            faults.append(
                f'column "{column.name}" is {_shown(connection, found["type"])}, '
                f"but declared {_shown(connection, column.type)}"
            )
    if faults:
        raise FrozenMismatchError(
            f"table {_qualified(table)} in the database differs from the frozen "
            f"table: {'; '.join(faults)}",
            where=where,
            state=_UNCHANGED,
            next=_mend(table),
        )


def check_key(
    connection: sa.Connection,
    table: sa.Table,
    key: t.Sequence[sa.Column[t.Any]],
    *,
    where: str,
) -> None:
    """Check that the columns a backfill pages by tell every row from every other.

    :param connection: a connection to the database the migration is to run on.
    :param table: the frozen table.
    :param key: the columns, in the order they are paged by.
    :param where: who asks, such as ``revision 6c55e0560fd4``.
    :raises FrozenMismatchError: when the frozen table declares a primary key that
        is none in the database.
    :raises DefinitionError: when ``key=[...]`` is not unique or can be null.
    """
    fold = _folding(connection)
    reflection = Reflection(connection, table.name, table.schema)
    actual = _actual(reflection, table, where, fold)
    names = {fold(column.name) for column in key}
    missing = [c.name for c in key if fold(c.name) not in actual]
    if missing:
        raise FrozenMismatchError(
            f"table {_qualified(table)} in the database differs from the frozen "
            f"table: {'; '.join(_missing_column(name, actual) for name in missing)}",
            where=where,
            state=_UNCHANGED,
            next=_mend(table),
        )
    primary = reflection.primary()
    folded_primary = {fold(name) for name in primary}
    if folded_primary != names:
        loose_names = {fold(c["name"]) for c in actual.values() if c["nullable"]}
        unique = [primary] if primary else []
        unique += [found for found in reflection.unique() if found != primary]
        if not any({fold(name) for name in found} <= names for found in unique):
            strict = [
                found
                for found in unique
                if found == primary or not loose_names & {fold(name) for name in found}
            ]
            raise _refusal(table, key)(
                f"{_listed(key)} of table {_qualified(table)} is neither the primary "
                "key nor unique in the database, so batches could meet a row twice "
                "or never",
                where=where,
                state=_UNCHANGED,
                next=_advice(strict),
            )
    loose = [c for c in key if actual[fold(c.name)]["nullable"]]
    for column in loose:
        # In SQLite a primary key that is not an INTEGER may hold NULL, which its
        # documentation calls a bug that is kept; most such tables hold none.
        if fold(column.name) in folded_primary and not _has_null(connection, column):
            continue
        raise _refusal(table, key)(
            f'column "{column.name}" of table {_qualified(table)} can be NULL in the '
            "database, and rows without a key cannot be paged by it",
            where=where,
            state=_UNCHANGED,
            next="Make the column NOT NULL, give those rows a key, or page by "
            "columns that are unique and not null: `key=[...]`",
        )


def _actual(
    reflection: Reflection, table: sa.Table, where: str, fold: t.Callable[[str], str]
) -> dict[str, t.Any]:
    columns = reflection.columns()
    if columns is None:
        raise FrozenMismatchError(
            f"there is no table {_qualified(table)} in the database; "
            f"{suggestion(table.name, reflection.neighbours())}",
            where=where,
            state=_UNCHANGED,
            next="Correct the name in the frozen table, or first run the migration "
            "that creates the table",
        )
    return {fold(column["name"]): column for column in columns}


def _folding(connection: sa.Connection) -> t.Callable[[str], str]:
    # Column names have a case only in PostgreSQL.
    return str if connection.dialect.name == "postgresql" else str.lower


def _fits(
    connection: sa.Connection,
    declared: sa.types.TypeEngine[t.Any],
    actual: sa.types.TypeEngine[t.Any],
) -> bool:
    # dialect_impl() settles what a type becomes here: variants and decorators.
    impl = declared.dialect_impl(connection.dialect)
    if isinstance(impl, sa.types.TypeDecorator) and not isinstance(
        impl, sa.Interval | sa.PickleType
    ):
        impl = impl.load_dialect_impl(connection.dialect)
    spoken = family(connection.dialect)
    return compatible(impl, actual, spoken) or compatible(declared, actual, spoken)


def _shown(connection: sa.Connection, type_: sa.types.TypeEngine[t.Any]) -> str:
    try:
        return type_.compile(dialect=connection.dialect)
    except sa.exc.CompileError:
        return type(type_).__name__


def _missing_column(name: str, actual: t.Mapping[str, t.Any]) -> str:
    known = [column["name"] for column in actual.values()]
    match = nearest(name, known)
    hint = f'did you mean "{match}"?' if match else f"it has {', '.join(known)}"
    return f'it has no column "{name}" ({hint})'


def _has_null(connection: sa.Connection, column: sa.Column[t.Any]) -> bool:
    query = sa.select(sa.literal(1)).select_from(column.table)
    return connection.scalar(query.where(column.is_(None)).limit(1)) is not None


def _refusal(
    table: sa.Table, key: t.Sequence[sa.Column[t.Any]]
) -> type[DefinitionError] | type[FrozenMismatchError]:
    declared = {column.name for column in table.primary_key.columns}
    given = {column.name for column in key}
    return FrozenMismatchError if given == declared else DefinitionError


def _advice(good: t.Sequence[t.Sequence[str]]) -> str:
    if not good:
        return (
            "No columns of it are unique and not null: add a primary key or a unique "
            "constraint first, then pass its columns as `key=[...]`"
        )
    choices = " or ".join(
        f"`key=[{', '.join(repr(str(name)) for name in names)}]`" for names in good
    )
    return f"Pass {choices} to the backfill, and list those columns in the frozen table"


def _listed(key: t.Sequence[sa.Column[t.Any]]) -> str:
    names = ", ".join(f'"{column.name}"' for column in key)
    return f"column {names}" if len(key) == 1 else f"the set of columns {names}"


def _qualified(table: sa.Table) -> str:
    name = f"{table.schema}.{table.name}" if table.schema else table.name
    return f'"{name}"'


def _mend(table: sa.Table) -> str:
    name = f"{table.schema}.{table.name}" if table.schema else table.name
    return (
        "Correct the frozen table, or first run the migration that makes the table "
        f"so; `flask db data freeze {name}` prints it as it stands"
    )
