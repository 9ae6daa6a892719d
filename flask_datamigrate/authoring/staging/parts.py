"""The revisions of a change: what each of them says."""

from __future__ import annotations

import dataclasses
import textwrap
import typing as t

import sqlalchemy as sa
from alembic.operations import MigrateOperation

from ...errors import AuthoringError
from ...settings import Stage
from ..body import MARK
from ..freeze import Frozen
from ..freeze import from_columns
from ..layout import WIDTH
from ..naming import attribute
from ..naming import quoted
from .moved import Moved
from .plan import Fill
from .plan import Plan
from .written import Written

_BACKFILL = "from flask_datamigrate import Backfill"
_SNIPPETS = "from flask_datamigrate import snippets as sn"


@dataclasses.dataclass(frozen=True, slots=True)
class Part:
    """One revision.

    :param what: what it does, in a few words.
    :param blocks: what it defines.
    :param imports: the import lines that these need.
    """

    stage: Stage
    what: str
    operations: t.Sequence[MigrateOperation]
    blocks: list[str] = dataclasses.field(default_factory=list)
    imports: tuple[str, ...] = ()


def parts(plan: Plan, change: str, metadata: sa.MetaData) -> list[Part]:
    """Return the revisions of a change, in their order.

    What runs outside of a transaction stands in a revision of its own, since it would
    run before what the same revision makes. The triggers go before the columns that
    they name.

    :param metadata: of the models.
    :raises AuthoringError: for a table without a primary key.
    """
    several = sum(1 for fill in plan.fills.values() if fill.old) > 1
    fills = [_Filling(f, change, metadata, several) for f in plan.fills.values()]
    synced = [filling for filling in fills if filling.fill.old]
    frozen = [one for filling in synced for one in filling.tables]
    blocks = [*_codes(frozen), *(filling.directions for filling in synced)]
    sync = [filling.sync for filling in synced]
    snippets = [_SNIPPETS] if any(filling.moved for filling in synced) else []
    imports = (*_imports(frozen), *snippets)
    found = [Part("expand", "add", [*plan.expand, *sync], blocks, imports)]
    if plan.online:
        found.append(Part("expand", "index and refer", plan.online))
    every = [one for filling in fills for one in filling.tables]
    # An empty one would be no change to Flask-Migrate.
    no_rows = "pass  # No row to fill: from here on no code may use what will go."
    found.append(
        Part(
            "migrate",
            "fill",
            [
                Written(f"op.backfill({name})", filling.undone(name))
                for filling in fills
                for name in filling.backfills
            ]
            or [Written(no_rows, "pass")],
            [
                *_codes(every),
                *(filling.directions for filling in synced),
                *(code for filling in fills for code in filling.backfills.values()),
            ],
            (*_imports(every), *([_BACKFILL] if fills else []), *snippets),
        )
    )
    if synced:
        free = [filling.release for filling in synced]
        found.append(Part("contract", "let go", free, blocks, imports))
    if plan.contract:
        found.append(Part("contract", "take away", plan.contract))
    return [part for part in found if part.operations]


class _Filling:
    """What the revisions say of one table.

    :param several: whether more than one table has columns that go.
    """

    def __init__(
        self, fill: Fill, change: str, metadata: sa.MetaData, several: bool
    ) -> None:
        self.fill = fill
        self._change = change
        schema, name = fill.table
        table = metadata.tables[name if schema is None else f"{schema}.{name}"]
        key = list(table.primary_key.columns)
        if not key:
            raise AuthoringError(
                f'table "{name}" has no primary key for the batches to follow',
                where=f"change {change}",
                state="Nothing was written",
                next="Give it one first, or write the change by hand",
            )
        columns = [*key, *fill.old, *fill.new, *fill.tight]
        self.frozen: Frozen = from_columns(name, schema, columns)
        self._table = self.frozen.tables[0].variable
        self.moved = None if fill.target is None else Moved(fill, self._table)
        suffix = f"_{self._table}" if several else ""
        self._forward, self._backward = f"forward{suffix}", f"backward{suffix}"

    @property
    def tables(self) -> list[Frozen]:
        """The frozen tables of it."""
        return [self.frozen, *([self.moved.frozen] if self.moved else [])]

    @property
    def directions(self) -> str:
        """The values of the new columns by the old ones, and the other way round."""
        new, old = self.fill.new, self.fill.old
        if self.moved is not None:
            return self.moved.directions(self._forward, self._backward)
        return (
            f"{self._forward} = {{\n{self._values(new, old)}}}\n"
            f"{self._backward} = {{\n{self._values(old, new)}}}\n"
        )

    @property
    def sync(self) -> Written:
        """The triggers between the old and the new columns."""
        schema, name = self.fill.table
        options = "" if schema is None else f"    schema={quoted(schema)},\n"
        first = "" if self.moved is None else "    forward_sql=missing,\n"
        lines = (
            f"op.create_sync(\n    {quoted(name)},\n"
            f"    change={quoted(self._change)},\n"
            f"    forward={self._forward},\n"
            f"    backward={self._backward},\n{first}{options})"
        )
        options = "" if schema is None else f", schema={quoted(schema)}"
        back = f"op.drop_sync({quoted(name)}, change={quoted(self._change)}{options})"
        return Written(lines, back)

    @property
    def release(self) -> Written:
        """The end of the triggers, and the way back to them.

        What was written meanwhile is in the new columns alone. A row whose old values
        still come to its new ones keeps them: they may say more.
        """
        differ = [
            f"{self._of(column)}.is_distinct_from("
            f"{self._forward}[{quoted(str(column.name))}])"
            for column in self.fill.new
        ]
        where = f"\n        {differ[0]}\n    "
        if len(differ) > 1:
            where = f"\n        {_any_of(differ)}\n    "
        again = (
            f"op.execute(\n    sa.update({self._table})\n"
            f"    .where({where})\n    .values({self._backward})\n)\n"
        )
        sync = self.sync
        return Written(sync.back, again + sync.lines)

    @property
    def backfills(self) -> dict[str, str]:
        """The definitions of the backfills, by name."""
        fill = self.fill
        found = {} if self.moved is None else self.moved.backfills
        if fill.new:
            values = self._forward
            if not fill.old:
                inner = textwrap.indent(self._values(fill.new, ()), " " * 8)
                values = f"\n        {{\n{inner}        }}\n    "
            name = f"fill_{self._table}"
            found[name] = self._backfill(name, self._unfilled(), values)
        for column in fill.tight:
            name = f"fill_{self._table}_{column.name}"
            inner = textwrap.indent(self._values([column], ()), " " * 8)
            values = f"\n        {{\n{inner}        }}\n    "
            found[name] = self._backfill(name, self._is_null(column), values)
        return found

    def undone(self, name: str) -> str:
        """Spell the directive that takes a backfill back.

        The rows of a table that the change makes go with that table.
        """
        if self.moved is not None and name in self.moved.backfills:
            return "pass"
        return f"op.undo_backfill({name})"

    def _backfill(self, name: str, where: str, values: str) -> str:
        return (
            f"{name} = Backfill(\n    sa.update({self._table})\n"
            f"    .where({where})\n    .values({values}),\n    undo=True,\n)\n"
        )

    def _unfilled(self) -> str:
        """Spell the condition of the rows to fill, which clears when they are.

        A column that may be NULL may be so after it was filled.
        """
        new, old = self.fill.new, self.fill.old
        required = [column for column in new if not column.nullable]
        if len(required) == 1:
            return self._is_null(required[0])
        if required:
            return _any_of([self._is_null(column) for column in required])
        empty = [self._is_null(column) for column in new]
        given = [f"{self._of(column)}.is_not(None)" for column in old]
        conditions = [*empty, given[0] if len(given) == 1 else _any_of(given)]
        return "".join(f"\n        {line}," for line in conditions) + "\n    "

    def _of(self, column: sa.Column[t.Any]) -> str:
        return f"{self._table}.c{attribute(str(column.name))}"

    def _is_null(self, column: sa.Column[t.Any]) -> str:
        return f"{self._of(column)}.is_(None)"

    def _values(
        self,
        columns: t.Sequence[sa.Column[t.Any]],
        sources: t.Sequence[sa.Column[t.Any]],
    ) -> str:
        """Spell what columns are set to, a line each."""
        lines = []
        for column in columns:
            name = quoted(str(column.name))
            if self.fill.renamed and sources:
                lines.append(f"    {name}: {self._of(sources[0])},\n")
                continue
            what = f"the value of {column.name}"
            if sources:
                what += f" from {', '.join(str(c.name) for c in sources)}"
            flat = f"    {name}: frozen.fill_in({quoted(what)}),  {MARK}\n"
            if len(flat) > WIDTH - 8:
                flat = (
                    f"    {name}: frozen.fill_in(  {MARK}\n"
                    f"        {quoted(what)}\n    ),\n"
                )
            lines.append(flat)
        return "".join(lines)


def _any_of(conditions: list[str]) -> str:
    listed = "".join(f"\n            {line}," for line in conditions)
    return f"sa.or_({listed}\n        )"


def _codes(frozen: t.Iterable[Frozen]) -> list[str]:
    return [one.code for one in frozen]


def _imports(frozen: t.Iterable[Frozen]) -> tuple[str, ...]:
    return tuple(sorted({line for one in frozen for line in one.imports}))
