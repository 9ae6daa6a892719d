"""The forms of a backfill: what is done to the rows of a range."""

from __future__ import annotations

import dataclasses
import typing as t

import sqlalchemy as sa

from .. import expressions
from .. import typing_rules
from ..errors import DefinitionError
from ..snippets.statements import Insertion
from ..snippets.statements import UpdateFrom
from . import shapes

Transform = t.Callable[[t.Any], "dict[str, t.Any] | None"]


@dataclasses.dataclass(frozen=True, slots=True)
class Update:
    """Set columns by expressions of the database."""

    kind: t.ClassVar[str] = "update"
    table: sa.Table
    statement: sa.Update
    joined: UpdateFrom | None = None

    @property
    def where(self) -> sa.ColumnElement[bool] | None:
        return expressions.of_rows(self.statement.whereclause, self.table)

    @property
    def clears(self) -> bool:
        """Whether its ``where`` is one that no changed row need match any more."""
        if self.joined is not None:
            return self.joined.where is not None
        return self.where is not None

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
    statement: sa.Insert | Insertion

    @property
    def target(self) -> sa.Table:
        """The table the rows go into."""
        return t.cast(sa.Table, self.statement.table)

    def check_undo(self, where: str) -> None:
        """Refuse what leaves no trace of which rows it inserted.

        :raises DefinitionError: naming what the definition needs.
        """
        if (
            isinstance(self.statement, Insertion)
            and self.statement.assigned is not None
        ):
            raise DefinitionError(
                "undo=True takes out the rows that were inserted, and an upsert "
                "changes others",
                where=where,
                next="Update the rows that are there in a backfill of its own, and "
                "insert the others with sn.insert_missing(...)",
            )
        if not self.target.primary_key.columns:
            raise DefinitionError(
                f"undo=True finds the rows again by their primary key, and the frozen "
                f"table {self.target.name} has none",
                where=where,
                next="List its key there, with primary_key=True",
            )

    @property
    def query(self) -> sa.Select[t.Any]:
        """Where its rows come from."""
        return t.cast("sa.Select[t.Any]", self.statement.select)

    def check_types(self, where: str) -> None:
        """Refuse a query whose columns are of other types than those they fill.

        :raises DefinitionError: naming the column, both types and the cast to write.
        """
        if isinstance(self.statement, Insertion):
            # It has done that itself.
            return
        names = self.statement._select_names or ()
        # selected_columns leaves SQL text out, and the others would change places.
        given = list(self.query._all_selected_columns)
        if len(given) != len(names):
            raise DefinitionError(
                f"its query has {len(given)} columns for the {len(names)} it fills",
                where=where,
                state="Nothing was changed",
            )
        typing_rules.check_values(
            self.target, dict(zip(names, given, strict=True)), where
        )

    @property
    def takes_the_first(self) -> bool:
        """Whether the first of several source rows with a key is the one it takes."""
        return isinstance(self.statement, Insertion) and self.statement.assigned is None

    def check_ranges(self, key: t.Sequence[sa.Column[t.Any]], where: str) -> None:
        """Refuse a query that ranges of the source would give other rows of.

        :raises DefinitionError: naming what puts rows of several ranges together.
        """
        merges = self.takes_the_first
        shapes.check(self.query, self.table, key, where=where, merges=merges)


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
    def clears(self) -> bool:
        return self.where is not None

    @property
    def repeatable(self) -> bool:
        return not set(self.reads) & set(self.writes)


Job: t.TypeAlias = Update | Delete | Insert | Rows
