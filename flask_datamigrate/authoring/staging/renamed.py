"""Tables that get another name: autogenerate sees one that goes, and one that comes."""

from __future__ import annotations

import dataclasses
import typing as t

import sqlalchemy as sa
from alembic.migration import MigrationContext
from alembic.operations import MigrateOperation
from alembic.operations import ops

from ...operations import renames
from ...operations.ddl.directives.tables import DropOldNameOp
from ...operations.ddl.directives.tables import RenameTableOnlineOp
from .refusals import refusal

_ALIKE = 0.75
"""Tables with this part of their columns in common may be one: it is asked about."""

_ALONE = (
    "Rename the table in a change of its own, with all else as it is. If they are two "
    "tables, make the one in a change before that which drops the other"
)


@dataclasses.dataclass(frozen=True, slots=True)
class Renamed:
    """A table with another name.

    :param indexes: new names of indexes and unique constraints, by the old ones.
    :param covers: the operations that the rename takes the place of.
    """

    schema: str | None
    old: str
    new: str
    indexes: dict[str, str]
    covers: list[MigrateOperation]

    @property
    def begin(self) -> RenameTableOnlineOp:
        return RenameTableOnlineOp(
            self.old, self.new, indexes=self.indexes, schema=self.schema
        )

    @property
    def end(self) -> DropOldNameOp:
        return DropOldNameOp(self.old, self.new, schema=self.schema)

    def advice(self, connection: sa.Connection) -> list[str]:
        """Say what was taken for granted."""
        said = [
            f"Table {self.old} becomes {self.new}, since their columns are the same. "
            "If they are two tables, delete these files, and make the one in a change "
            "before that which drops the other."
        ]
        if connection.dialect.name == "sqlite":
            said.append(
                f"On SQLite the name {self.old} is gone from expand on: stop the app "
                "before, and start the new code."
            )
        return said


def find(
    listed: t.Sequence[MigrateOperation],
    metadata: sa.MetaData,
    connection: sa.Connection,
) -> list[Renamed]:
    """Return the tables of a difference that get another name.

    :param metadata: of the models.
    :param connection: to the database as it stands.
    :raises AuthoringError: where it is not plain which table becomes which, or more
        than the name differs.
    """
    pairs = renames.tables(listed)
    for gone, made in pairs:
        if not renames.is_unique(gone, made, pairs):
            raise refusal(
                f"table {gone.table_name} becomes {made.table_name}",
                "other tables with the same columns come or go, too",
                _ALONE,
            )
    _check_alike(listed, [one for pair in pairs for one in pair])
    names = {gone.table_name: made.table_name for gone, made in pairs}
    return [
        _Pair(gone, made, metadata, connection, names).renamed(listed)
        for gone, made in pairs
    ]


def others(
    listed: t.Sequence[MigrateOperation], found: t.Sequence[Renamed]
) -> list[MigrateOperation]:
    """Return the operations that no rename takes the place of."""
    covered = [id(operation) for one in found for operation in one.covers]
    return [operation for operation in listed if id(operation) not in covered]


def _check_alike(
    listed: t.Sequence[MigrateOperation], paired: t.Sequence[MigrateOperation]
) -> None:
    """Refuse a table that looks like another one's new name, with other columns."""
    rest = [one for one in listed if not any(one is other for other in paired)]
    for gone in rest:
        for made in rest:
            if not isinstance(gone, ops.DropTableOp):
                continue
            if not isinstance(made, ops.CreateTableOp) or made.schema != gone.schema:
                continue
            old, new = renames.columns(gone), renames.columns(made)
            if len(old & new) >= _ALIKE * len(old | new):
                differ = ", ".join(sorted(old ^ new))
                raise refusal(
                    f"table {gone.table_name} becomes {made.table_name}",
                    f"they look like one table, but for its columns ({differ})",
                    _ALONE,
                )


class _Pair:
    """A table by both names.

    :param names: the new names of all tables by the old ones.
    """

    def __init__(
        self,
        gone: ops.DropTableOp,
        made: ops.CreateTableOp,
        metadata: sa.MetaData,
        connection: sa.Connection,
        names: dict[str, str],
    ) -> None:
        self._gone, self._made = gone, made
        self._connection = connection
        self._names = names
        self._schema, self._old = gone.schema, gone.table_name
        self._new = made.table_name
        self._had = sa.Table(
            self._old,
            sa.MetaData(),
            schema=self._schema,
            autoload_with=connection,
            resolve_fks=False,
        )
        key = self._new if self._schema is None else f"{self._schema}.{self._new}"
        self._has = metadata.tables[key]

    def renamed(self, listed: t.Sequence[MigrateOperation]) -> Renamed:
        """Return what the rename is, and which operations it takes the place of."""
        self._check()
        indexes = self._index_names()
        there = {index.name for index in self._had.indexes}
        covers: list[MigrateOperation] = [self._gone, self._made]
        for one in listed:
            if isinstance(one, ops.DropIndexOp):
                if one.table_name == self._old and one.schema == self._schema:
                    covers.append(one)
            elif isinstance(one, ops.CreateIndexOp):
                same = one.table_name == self._new and one.schema == self._schema
                if same and (
                    one.index_name in indexes.values() or one.index_name in there
                ):
                    covers.append(one)
        return Renamed(
            self._schema,
            self._old,
            self._new,
            indexes,
            covers + self._referring(listed),
        )

    def _check(self) -> None:
        """Refuse what differs in more than its name."""
        compare = MigrationContext.configure(self._connection).impl.compare_type
        for column in self._has.columns:
            was = self._had.columns[column.name]
            if (
                compare(was, column)
                or was.nullable != column.nullable
                or was.primary_key != column.primary_key
            ):
                raise self._refusal(f"column {column.name}")
        had = {self._reference(key) for key in self._had.foreign_key_constraints}
        has = {self._reference(key) for key in self._has.foreign_key_constraints}
        if had != has:
            raise self._refusal("its foreign keys")
        if _unique(self._had, every=False).keys() - _unique(self._has).keys() or (
            _unique(self._has, every=False).keys() - _unique(self._had).keys()
        ):
            raise self._refusal("its unique constraints")

    def _refusal(self, what: str) -> Exception:
        return refusal(
            f"table {self._old} becomes {self._new}",
            f"more than its name differs: {what}",
            _ALONE,
        )

    def _reference(self, key: sa.ForeignKeyConstraint) -> t.Any:
        """Return what a foreign key says, by the new names of the tables."""
        targets = []
        for element in key.elements:
            table, _, column = element.target_fullname.rpartition(".")
            schema, _, name = table.rpartition(".")
            targets.append((schema, self._names.get(name, name), column))
        actions = (_action(key.ondelete), _action(key.onupdate))
        return tuple(key.column_keys), tuple(targets), actions

    def _index_names(self) -> dict[str, str]:
        """Return the new names of indexes and unique constraints, by the old ones."""
        had = {_parts(index): index for index in self._had.indexes}
        found = {}
        for index in self._has.indexes:
            was = had.get(_parts(index))
            if was is not None and was.name and index.name:
                found[str(was.name)] = str(index.name)
        named = _unique(self._had)
        for columns, name in _unique(self._has, every=False).items():
            old = named.get(columns)
            if old and name:
                found[old] = name
        taken = {index.name for index in self._has.indexes}
        return {k: v for k, v in found.items() if k != v and k not in taken}

    def _referring(
        self, listed: t.Sequence[MigrateOperation]
    ) -> list[MigrateOperation]:
        """Return the foreign keys of other tables that follow, gone and made."""
        found: list[MigrateOperation] = []
        for gone in listed:
            if not isinstance(gone, ops.DropConstraintOp):
                continue
            if gone.constraint_type != "foreignkey":
                continue
            key = gone.to_constraint()
            assert isinstance(key, sa.ForeignKeyConstraint)
            if key.elements[0].target_fullname.rpartition(".")[0] != (
                f"{self._schema}.{self._old}" if self._schema else self._old
            ):
                continue
            for made in listed:
                if (
                    isinstance(made, ops.CreateForeignKeyOp)
                    and made.source_table == gone.table_name
                    and made.kw.get("source_schema") == gone.schema
                    and self._reference(made.to_constraint()) == self._reference(key)
                ):
                    found += [gone, made]
        return found


def _action(said: str | None) -> str:
    """Return what a foreign key does; the databases' default is no action."""
    said = (said or "NO ACTION").upper()
    return "NO ACTION" if said == "RESTRICT" else said


def _parts(index: sa.Index) -> tuple[tuple[str, ...], bool]:
    return tuple(str(part) for part in _names(index)), bool(index.unique)


def _names(index: sa.Index) -> list[str]:
    return [str(getattr(one, "name", one)) for one in index.expressions]


def _unique(table: sa.Table, every: bool = True) -> dict[tuple[str, ...], str]:
    """Return the names of what makes columns unique; a database may tell them apart.

    :param every: unique indexes too, and not constraints alone.
    """
    found = {
        tuple(str(column.name) for column in one.columns): str(one.name or "")
        for one in table.constraints
        if isinstance(one, sa.UniqueConstraint)
    }
    if every:
        for index in table.indexes:
            if index.unique:
                found.setdefault(tuple(_names(index)), str(index.name or ""))
    return found
