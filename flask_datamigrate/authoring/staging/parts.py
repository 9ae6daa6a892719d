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
from ..layout import excused
from ..naming import attribute
from ..naming import quoted
from . import defaults
from .moved import Moved
from .plan import Fill
from .plan import Plan
from .written import Written

_Columns: t.TypeAlias = t.Sequence[sa.Column[t.Any]]

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
    run before what the same revision makes. What rows may be in the way of comes before
    the triggers go, and these go before the columns that they name.

    :param metadata: of the models.
    :raises AuthoringError: for a table without a primary key.
    """
    several = sum(1 for fill in plan.fills.values() if fill.synced) > 1
    fills = [_Filling(f, change, metadata, several) for f in plan.fills.values()]
    synced = [filling for filling in fills if filling.fill.synced]
    frozen = [one for filling in synced for one in filling.tables]
    blocks = [*_codes(frozen), *(filling.directions for filling in synced)]
    sync = [one for filling in synced for one in filling.syncs]
    snippets = [_SNIPPETS] if any("sn." in f.directions for f in synced) else []
    imports = (*_imports(frozen), *snippets)
    # What is added may be added to a table by its new name.
    found = [Part("expand", "rename", [table.begin for table in plan.renamed])]
    found.append(Part("expand", "add", [*plan.expand, *sync], blocks, imports))
    if plan.online:
        found.append(Part("expand", "index and refer", plan.online))
    every = [one for filling in fills for one in filling.tables]
    # An empty one would be no change to Flask-Migrate.
    ends = "use what will go" if plan.contract else "write what will be forbidden"
    no_rows = f"pass  # No row to fill: from here on no code may {ends}."
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
    resumed = [one for filling in synced for one in filling.resumed]
    compared = (*_imports(frozen), _SNIPPETS)
    if plan.release:
        # To triggers that are made while a new column has its default, a value like
        # it is none. So, taken back, they come after the default has gone.
        behind = [*plan.loosen, *resumed]
        found.append(Part("contract", "go back", behind, blocks, compared))
        found.append(Part("contract", "give defaults", plan.release))
        resumed = []
        plan.loosen.clear()
    late = {name: code for f in synced for name, code in f.late.items()}
    found.append(
        Part(
            "contract",
            "fill again",
            [
                Written(f"op.backfill({name})", "pass  # What it filled may stay.")
                for name in late
            ],
            [*blocks, *late.values()],
            (*imports, _BACKFILL),
        )
    )
    taken = [*plan.forbid, *plan.contract]
    if synced:
        drops = [one for filling in synced for one in filling.drops]
        free = [*plan.forbid, *plan.loosen, *resumed, *drops]
        taken = plan.contract
        said = (blocks, compared) if resumed else ([], ())
        found.append(Part("contract", "let go", free, *said))
    found.append(Part("contract", "take away" if plan.contract else "forbid", taken))
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
        pairs = [column for one in fill.shadows for column in (one.old, one.new)]
        columns = [*key, *fill.old, *fill.new, *pairs, *fill.tight]
        self.frozen: Frozen = from_columns(name, schema, columns)
        self._table = self.frozen.tables[0].variable
        self._default = defaults.for_null(*fill.renamed) if fill.renamed else None
        suffix = f"_{self._table}" if several else ""
        self._forward, self._backward = f"forward{suffix}", f"backward{suffix}"
        self.moved = Moved(fill, self._table, suffix) if fill.target else None

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
        values, back = self._values(new, old), self._values(old, new)
        for one in self.fill.shadows:
            values += self._value(one.new, one.old, known=one.forward(self._table))
            back += self._value(one.old, one.new, known=one.backward(self._table))
        return excused(
            f"{self._forward} = {{\n{values}}}\n{self._backward} = {{\n{back}}}\n"
        )

    @property
    def syncs(self) -> list[Written]:
        """The triggers between the old and the new columns."""
        return [self._sync(*group) for group in self._groups()]

    def _groups(self) -> list[tuple[_Columns, _Columns, str]]:
        """Return the new and the old columns that belong together, and their name."""
        groups: list[tuple[_Columns, _Columns, str]] = []
        if self.fill.old:
            groups.append((self.fill.new, self.fill.old, ""))
        for one in self.fill.shadows:
            groups.append(([one.new], [one.old], str(one.old.name)))
        if len(groups) == 1:
            groups = [(*groups[0][:2], "")]
        return groups

    def _some(self, of: str, columns: _Columns) -> str:
        """Spell the values of some columns."""
        if len(self._groups()) == 1:
            return of
        names = (quoted(str(column.name)) for column in columns)
        return f"{{{', '.join(f'{name}: {of}[{name}]' for name in names)}}}"

    def _sync(self, new: _Columns, old: _Columns, part: str, more: str = "") -> Written:
        schema, name = self.fill.table
        given = {"part": part or None, "schema": schema}
        options = [f"{k}={quoted(v)}" for k, v in given.items() if v is not None]
        first = f"    forward_sql={self.moved.missing},\n" if self.moved else ""
        lines = (
            f"op.create_sync(\n    {quoted(name)},\n"
            f"    change={quoted(self._change)},\n"
            f"    forward={self._some(self._forward, new)},\n"
            f"    backward={self._some(self._backward, old)},\n{first}{more}"
            + "".join(f"    {option},\n" for option in options)
            + ")"
        )
        more = "".join(f", {option}" for option in options)
        back = f"op.drop_sync({quoted(name)}, change={quoted(self._change)}{more})"
        return Written(lines, back)

    @property
    def drops(self) -> list[Written]:
        """The end of the triggers."""
        return [Written(self._sync(*group).back, "") for group in self._groups()]

    @property
    def resumed(self) -> list[Written]:
        """The triggers again, on the way back, and the values for them."""
        return [Written("", self._resumed(*group)) for group in self._groups()]

    def _resumed(self, new: _Columns, old: _Columns, part: str) -> str:
        """Spell how some triggers are made again.

        What was written meanwhile is in the new columns alone. A row whose old values
        still come to its new ones keeps them: they may say more. Of a text that became
        a row, that row may have another one by now.
        """
        differ = [self._differs(column) for column in new]
        if self.moved is not None:
            differ = [self.moved.differs(self._backward)]
        where = f"\n        {differ[0]}\n    "
        if len(differ) > 1:
            where = f"\n        {_any_of(differ)}\n    "
        catch_up = (
            f"    catch_up=sa.update({self._table})\n"
            f"    .where({where})\n    .values({self._some(self._backward, old)}),\n"
        )
        return self._sync(new, old, part, catch_up).lines

    @property
    def late(self) -> dict[str, str]:
        """The backfill of the rows that were written without a value since the fill.

        They get the default. Nothing takes it back, as little as if the row had been
        written with it.
        """
        if self._default is None:
            return {}
        name = f"fill_{self._table}_again"
        where = self._is_null(self.fill.new[0])
        values = self._some(self._forward, self.fill.new)
        return {name: self._backfill(name, where, values, "    deferred=False,\n")}

    @property
    def backfills(self) -> dict[str, str]:
        """The definitions of the backfills, by name."""
        fill = self.fill
        found = {} if self.moved is None else self.moved.backfills
        for one in fill.shadows:
            name, new = f"fill_{self._table}_{one.new.name}", quoted(str(one.new.name))
            where = self._is_null(one.new)
            if not one.is_tightened:
                where = f"\n        {where},\n        {self._of(one.old)}.is_not(None),"
                where += "\n    "
            values = f"{{{new}: {self._forward}[{new}]}}"
            options = "    undo=True,\n    deferred=True,\n"
            found[name] = self._backfill(name, where, values, options)
        if fill.new:
            values = self._some(self._forward, fill.new)
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
        """Spell the directive that takes a backfill back; "" where there is none.

        The rows of a table that the change makes go with that table.
        """
        if self.moved is not None and name in self.moved.backfills:
            return ""
        return f"op.undo_backfill({name})"

    def _backfill(
        self, name: str, where: str, values: str, options: str = "    undo=True,\n"
    ) -> str:
        return (
            f"{name} = Backfill(\n    sa.update({self._table})\n"
            f"    .where({where})\n    .values({values}),\n{options})\n"
        )

    def _differs(self, column: sa.Column[t.Any]) -> str:
        """Spell that a new column is not what the old ones say."""
        value = f"{self._forward}[{quoted(str(column.name))}]"
        return f"sn.differs({self._of(column)}, {value})"

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
            known = self._of(sources[0]) if self.fill.renamed and sources else None
            if self._default is not None and column is self.fill.new[0]:
                known = f"sa.func.coalesce({known}, {self._default})"
            lines.append(self._value(column, *sources, known=known))
        return "".join(lines)

    def _value(
        self, column: sa.Column[t.Any], *sources: sa.Column[t.Any], known: str | None
    ) -> str:
        """Spell what a column is set to, or that it is to be filled in."""
        name = quoted(str(column.name))
        if known is not None:
            return f"    {name}: {known},\n"
        what = f"the value of {column.name}"
        if sources:
            what += f" from {', '.join(str(c.name) for c in sources)}"
        flat = f"    {name}: frozen.fill_in({quoted(what)}),  {MARK}\n"
        if len(flat) > WIDTH - 8:
            flat = (
                f"    {name}: frozen.fill_in(  {MARK}\n        {quoted(what)}\n    ),\n"
            )
        return flat


def _any_of(conditions: list[str]) -> str:
    listed = "".join(f"\n            {line}," for line in conditions)
    return f"sa.or_({listed}\n        )"


def _codes(frozen: t.Iterable[Frozen]) -> list[str]:
    return [one.code for one in frozen]


def _imports(frozen: t.Iterable[Frozen]) -> tuple[str, ...]:
    return tuple(sorted({line for one in frozen for line in one.imports}))
