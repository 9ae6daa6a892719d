"""Frozen tables written from what is there: a database or the models."""

from __future__ import annotations

import dataclasses
import typing as t

import sqlalchemy as sa

from ..errors import AuthoringError
from ..frozen.families import family
from ..frozen.names import suggestion
from ..frozen.reflection import Reflection
from . import type_names
from .layout import excused
from .layout import laid_out
from .naming import quoted
from .naming import variable
from .spelling import Spelling
from .spelling import spelled

_FROZEN = "from flask_datamigrate import frozen"
_SQLALCHEMY = "import sqlalchemy as sa"


@dataclasses.dataclass(frozen=True, slots=True)
class Column:
    """One column of a table that was frozen.

    :param key: whether it belongs to the primary key.
    :param needed: whether a new row must give it a value.
    """

    name: str
    key: bool
    nullable: bool
    needed: bool


@dataclasses.dataclass(frozen=True, slots=True)
class Table:
    """A table that was frozen: its variable in the code, and what it holds."""

    variable: str
    name: str
    columns: tuple[Column, ...]


@dataclasses.dataclass(frozen=True, slots=True)
class Frozen:
    """The code of frozen tables.

    :param code: one assignment a table, apart by an empty line.
    :param imports: the import lines the code needs, in isort's order.
    :param tables: the tables, in the order they were asked for.
    """

    code: str = ""
    imports: tuple[str, ...] = ()
    tables: tuple[Table, ...] = ()

    def __str__(self) -> str:
        return "\n".join(self.imports) + f"\n\n{self.code}"


@dataclasses.dataclass(frozen=True, slots=True)
class _Source:
    """A column as it was found, before it is written."""

    column: Column
    type: Spelling
    comment: str = ""


@dataclasses.dataclass(frozen=True, slots=True)
class _Found:
    name: str
    schema: str | None
    columns: tuple[_Source, ...]


def from_database(
    connection: sa.Connection,
    names: t.Sequence[str],
    columns: t.Sequence[str] | None = None,
    schema: str | None = None,
) -> Frozen:
    """Write frozen tables from the tables of a database, as they stand.

    :param connection: a connection to the database.
    :param names: the tables, ``table`` or ``schema.table``.
    :param columns: the columns to write beside the key; all by default.
    :param schema: the schema of tables that do not name one.
    :raises AuthoringError: for a table or column that does not exist.
    """
    return _written([_reflect(connection, name, schema) for name in names], columns)


def from_models(
    metadata: sa.MetaData,
    names: t.Sequence[str],
    columns: t.Sequence[str] | None = None,
) -> Frozen:
    """Write frozen tables from the tables of the models.

    :param metadata: the metadata of the models, such as ``db.metadata``.
    :param names: the tables, ``table`` or ``schema.table``.
    :param columns: the columns to write beside the key; all by default.
    :raises AuthoringError: for a table or column that does not exist.
    """
    return _written([_modelled(metadata, name) for name in names], columns)


def _reflect(connection: sa.Connection, name: str, schema: str | None) -> _Found:
    reflection = Reflection(connection, name, schema)
    reflected = reflection.columns()
    if reflected is None and schema is None and "." in name:
        schema, _, bare = name.partition(".")
        reflection = Reflection(connection, bare, schema)
        reflected = reflection.columns()
    if reflected is None:
        raise _unknown_table(name, reflection.neighbours(), "the database")
    name = reflection.name
    key = reflection.primary()
    unknown = type_names.unknown(connection, name, schema, reflected)
    as_json = type_names.json_columns(connection, name, schema)
    found = []
    for column in reflected:
        in_key = column["name"] in key
        automatic = len(key) == 1 and in_key and family(column["type"]) == "number"
        optional = column["nullable"] or column.get("default") or automatic
        spelling = spelled(column["type"])
        if column["name"] in unknown:
            spelling = spelled(sa.types.NULLTYPE)
        elif column["name"] in as_json:
            spelling = Spelling("sa.JSON")
        found.append(
            _Source(
                Column(column["name"], in_key, bool(column["nullable"]), not optional),
                spelling,
                unknown.get(column["name"], ""),
            )
        )
    return _Found(name, schema, tuple(found))


def _modelled(metadata: sa.MetaData, name: str) -> _Found:
    table = metadata.tables.get(name)
    if table is None:
        raise _unknown_table(name, metadata.tables, "the models")
    found = []
    for column in table.columns:
        automatic = column is table.autoincrement_column
        optional = column.nullable or automatic or column.server_default is not None
        spelling = spelled(column.type)
        found.append(
            _Source(
                Column(
                    str(column.name),
                    column.primary_key,
                    bool(column.nullable),
                    not optional,
                ),
                spelling,
                type(column.type).__name__ if spelling.unknown else "",
            )
        )
    return _Found(str(table.name), table.schema, tuple(found))


def _written(tables: list[_Found], columns: t.Sequence[str] | None) -> Frozen:
    if columns is not None:
        tables = _narrowed(tables, columns)
    blocks: list[str] = []
    written: list[Table] = []
    imports = {_SQLALCHEMY, _FROZEN}
    for table in tables:
        name = variable(table.name, {done.variable for done in written})
        blocks.append(_block(name, table))
        for source in table.columns:
            imports |= source.type.imports
        written.append(
            Table(name, table.name, tuple(source.column for source in table.columns))
        )
    return Frozen("\n".join(blocks), in_order(imports), tuple(written))


def in_order(imports: t.Iterable[str]) -> tuple[str, ...]:
    """Sort import lines as isort does: modules first, each group by name.

    :param imports: the lines.
    """
    return tuple(sorted(imports, key=lambda line: (line.startswith("from"), line)))


def _narrowed(tables: list[_Found], columns: t.Sequence[str]) -> list[_Found]:
    known = [source.column.name for table in tables for source in table.columns]
    for name in columns:
        if name not in known:
            listed = " or ".join(f'"{table.name}"' for table in tables)
            raise AuthoringError(
                f'there is no column "{name}" in table {listed}: '
                f"{suggestion(name, dict.fromkeys(known))}",
                state="Nothing was written",
            )
    return [
        dataclasses.replace(
            table,
            columns=tuple(
                source
                for source in table.columns
                if source.column.key or source.column.name in columns
            ),
        )
        for table in tables
    ]


def _block(name: str, table: _Found) -> str:
    lines = [f"{name} = frozen.table(", f"    {quoted(table.name)},"]
    if not any(source.column.key for source in table.columns):
        lines.insert(0, "# Without a primary key: give the backfill `key=[...]`.")
    for source in table.columns:
        if source.comment:
            lines.append(
                f"    # {source.comment}: SQLAlchemy has no such type, values pass as "
                "the driver has them."
            )
        key = ", primary_key=True" if source.column.key else ""
        code = f"sa.Column({quoted(source.column.name)}, {source.type.code}{key})"
        lines.append(f"    {laid_out(code, indent=4, tail=',')}")
    if table.schema:
        lines.append(f"    schema={quoted(table.schema)},")
    return excused("\n".join([*lines, ")"]))


def _unknown_table(name: str, known: t.Iterable[str], place: str) -> AuthoringError:
    return AuthoringError(
        f'there is no table "{name}" in {place}: {suggestion(name, known)}',
        state="Nothing was written",
    )
