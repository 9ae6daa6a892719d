"""Frozen tables written from what is there: a database or the models."""

from __future__ import annotations

import dataclasses
import typing as t

import sqlalchemy as sa

from ..errors import AuthoringError
from ..frozen.declared import Declared
from ..frozen.families import family
from ..frozen.history import Replay
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
    :param family: the family of its type; ``None`` for one that is not known.
    """

    name: str
    key: bool
    nullable: bool
    needed: bool
    family: str | None = None


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
    advice: str = "",
    declared: Declared | None = None,
    place: str = "the database",
) -> Frozen:
    """Write frozen tables from the tables of a database, as they stand.

    :param connection: a connection to the database.
    :param names: the tables, ``table`` or ``schema.table``.
    :param columns: the columns to write beside the key; all by default.
    :param schema: the schema of tables that do not name one.
    :param advice: what to do where a table is not found.
    :param declared: the types of columns where more is known than the database tells.
    :param place: what a message calls the database.
    :raises AuthoringError: for a table or column that does not exist.
    """
    found = [
        _reflect(connection, name, schema, advice, declared, place) for name in names
    ]
    return _written(found, columns)


def from_models(
    metadata: sa.MetaData,
    names: t.Sequence[str],
    columns: t.Sequence[str] | None = None,
    advice: str = "",
) -> Frozen:
    """Write frozen tables from the tables of the models.

    :param metadata: the metadata of the models, such as ``db.metadata``.
    :param names: the tables, ``table`` or ``schema.table``.
    :param columns: the columns to write beside the key; all by default.
    :param advice: what to do where a table is not found.
    :raises AuthoringError: for a table or column that does not exist.
    """
    return _written([_modelled(metadata, name, advice) for name in names], columns)


def from_columns(
    name: str, schema: str | None, columns: t.Iterable[sa.Column[t.Any]]
) -> Frozen:
    """Write a frozen table of some columns, whether they are there yet or not.

    :param name: the table.
    :param schema: its schema; ``None`` for the default one.
    :param columns: the columns, those of the key among them.
    """
    return _written([_Found(name, schema, tuple(map(_source, columns)))], None)


def as_model(
    replay: Replay,
    variable: str,
    name: str,
    *,
    required: t.Collection[str],
    wanted: t.Collection[str],
    attributes: t.Mapping[str, str],
) -> Frozen:
    """Write a frozen model from a table of a database.

    :param variable: what it is called in the code.
    :param name: the table, ``table`` or ``schema.table``.
    :param required: the columns it has to have.
    :param wanted: the columns it has where the table has them.
    :param attributes: the attribute of each column, where it is called otherwise.
    :raises AuthoringError: for a table or a required column that does not exist.
    """
    table = _reflect(replay.connection, name, None, "", replay.declared)
    there = {source.column.name for source in table.columns}
    (table,) = _narrowed([table], [*required, *(there & set(wanted))])
    imports = {_SQLALCHEMY, _FROZEN}
    for source in table.columns:
        imports |= source.type.imports
    return Frozen(_block(variable, table, "model", attributes), in_order(imports), ())


def _reflect(
    connection: sa.Connection,
    name: str,
    schema: str | None,
    advice: str,
    declared: Declared | None = None,
    place: str = "the database",
) -> _Found:
    reflection = Reflection(connection, name, schema)
    reflected = reflection.columns()
    if reflected is None and schema is None and "." in name:
        schema, _, bare = name.partition(".")
        reflection = Reflection(connection, bare, schema)
        reflected = reflection.columns()
    if reflected is None:
        place = f'schema "{schema}" of {place}' if schema else place
        raise _unknown_table(reflection.name, reflection.neighbours(), place, advice)
    name = reflection.name
    key = reflection.primary()
    unknown = type_names.unknown(connection, name, schema, reflected)
    as_json = type_names.json_columns(connection, name, schema)
    known = {} if declared is None else declared.of(name, schema)
    found = []
    for column in reflected:
        in_key = column["name"] in key
        automatic = len(key) == 1 and in_key and family(column["type"]) == "number"
        # SQLite calls a key nullable that is not declared NOT NULL.
        empty = column["nullable"] and not in_key
        optional = empty or column.get("default") or automatic
        type_ = column["type"]
        if column["name"] in unknown:
            type_ = sa.types.NULLTYPE
        elif column["name"] in as_json:
            type_ = sa.JSON()
        elif column["name"] in known:
            type_ = known[column["name"]]
        found.append(
            _Source(
                Column(
                    column["name"],
                    in_key,
                    bool(column["nullable"]),
                    not optional,
                    family(type_),
                ),
                spelled(type_),
                unknown.get(column["name"], ""),
            )
        )
    return _Found(name, schema, tuple(found))


def _modelled(metadata: sa.MetaData, name: str, advice: str) -> _Found:
    table = metadata.tables.get(name)
    if table is None:
        raise _unknown_table(name, metadata.tables, "the models", advice)
    sources = (_source(c, c is table.autoincrement_column) for c in table.columns)
    return _Found(str(table.name), table.schema, tuple(sources))


def _source(column: sa.Column[t.Any], automatic: bool = False) -> _Source:
    optional = column.nullable or automatic or column.server_default is not None
    spelling = spelled(column.type)
    return _Source(
        Column(
            str(column.name),
            column.primary_key,
            bool(column.nullable),
            not optional,
            family(column.type),
        ),
        spelling,
        type(column.type).__name__ if spelling.unknown else "",
    )


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


def _block(
    name: str,
    table: _Found,
    function: str = "table",
    attributes: t.Mapping[str, str] | None = None,
) -> str:
    lines = [f"{name} = frozen.{function}(", f"    {quoted(table.name)},"]
    if not any(source.column.key for source in table.columns):
        lines.insert(0, "# Without a primary key: give the backfill `key=[...]`.")
    for source in table.columns:
        if source.comment:
            lines.append(
                f"    # {source.comment}: SQLAlchemy has no such type, values pass as "
                "the driver has them."
            )
        key = ", primary_key=True" if source.column.key else ""
        attribute = (attributes or {}).get(source.column.name, source.column.name)
        if attribute != source.column.name:
            key = f", key={quoted(attribute)}{key}"
        code = f"sa.Column({quoted(source.column.name)}, {source.type.code}{key})"
        lines.append(f"    {laid_out(code, indent=4, tail=',')}")
    if table.schema:
        lines.append(f"    schema={quoted(table.schema)},")
    return excused("\n".join([*lines, ")"]))


def _unknown_table(
    name: str, known: t.Iterable[str], place: str, advice: str
) -> AuthoringError:
    return AuthoringError(
        f'there is no table "{name}" in {place}: {suggestion(name, known)}',
        state="Nothing was written",
        next=advice,
    )
