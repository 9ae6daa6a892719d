"""What each kind of data migration says between its head and its functions."""

from __future__ import annotations

import dataclasses
import textwrap
import typing as t

from ..typing_rules import are_apart
from .freeze import Column
from .freeze import Frozen
from .freeze import Table
from .freeze import in_order
from .layout import excused
from .naming import attribute
from .naming import is_plain
from .naming import quoted

if t.TYPE_CHECKING:
    from .revision import Options

MARK = "# <- fill in"

# Not `from flask_datamigrate import Backfill, frozen`: one statement for each name
# is what isort agrees to with and without force-single-line.
_FROZEN = "import flask_datamigrate.frozen as frozen"
_BACKFILL = "from flask_datamigrate import Backfill"
_UNDO_ERROR = "from flask_datamigrate.errors import UndoError"
_OP = "from alembic import op"

_KEY = Column("id", key=True, nullable=False, needed=False)
_BLANK = Column("column_name", key=False, nullable=True, needed=False)
_EXAMPLE = Frozen(
    code=f"""\
table = frozen.table(
    "table_name",  {MARK}
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("column_name", sa.Text),
)
""",
    imports=("import sqlalchemy as sa",),
    tables=(Table("table", "table_name", (_KEY, _BLANK)),),
)


@dataclasses.dataclass(frozen=True, slots=True)
class Body:
    """The parts of a revision that depend on its kind.

    :param imports: the import lines, in isort's order.
    :param definitions: what stands at the level of the module, in order.
    :param upgrade: the statements of ``upgrade()``, indented for a function.
    :param downgrade: those of ``downgrade()``.
    """

    imports: tuple[str, ...]
    definitions: tuple[str, ...]
    upgrade: str
    downgrade: str


def written(options: Options) -> Body:
    """Write the body of a revision.

    What it writes can be imported at once, and refuses to run until the one marked
    expression is filled in.

    :param options: what was asked for.
    """
    if options.kind == "sql":
        return _sql(options)
    frozen = options.frozen if options.frozen.tables else _EXAMPLE
    definition = _DEFINITIONS[options.kind](frozen.tables, _keywords(options))
    undo = _is_undone(options)
    lost = _LOST[options.kind]
    imports = {_OP, _FROZEN, _BACKFILL, *frozen.imports} - {_ALONE}
    return Body(
        imports=in_order(imports if undo else {*imports, _UNDO_ERROR}),
        definitions=(frozen.code, *map(excused, definition)),
        upgrade="op.backfill(backfill)",
        downgrade="op.undo_backfill(backfill)" if undo else _refusal(*lost),
    )


_ALONE = "from flask_datamigrate import frozen"

_NOT_KEPT = (
    "the values from before this revision were not kept",
    "Write the way back in downgrade()",
)
_LOST = {
    # These with --atomic only, and an insert where it cannot be undone.
    "update": _NOT_KEPT,
    "rows": _NOT_KEPT,
    "insert": (
        "the rows this revision added cannot be told from later ones",
        "Write the DELETE in downgrade(), or `pass` to keep them",
    ),
    "delete": (
        "the rows this revision deleted do not come back",
        "Restore them from a backup, then write `pass` in downgrade()",
    ),
    "sql": (
        "nobody has said how to take this revision's SQL back",
        "Write the way back in downgrade()",
    ),
}


def _update(tables: tuple[Table, ...], keywords: str) -> tuple[str, ...]:
    table = tables[0]
    target = _target(table)
    blank = f"frozen.fill_in({quoted(f'the value of {target.name}')})"
    if is_plain(target.name) and target.name != "self":
        value = f"{target.name}={blank}"
    else:
        value = f"{{{quoted(target.name)}: {blank}}}"
    where = f"\n    .where({_is_null(table, target)})" if target.nullable else ""
    return (
        f"backfill = Backfill(\n"
        f"    sa.update({table.variable}){where}\n"
        f"    .values(\n"
        f"        {value},  {MARK}\n"
        f"    ),\n"
        f"{keywords})\n",
    )


def _rows(tables: tuple[Table, ...], keywords: str) -> tuple[str, ...]:
    table = tables[0]
    target = _target(table)
    reads = [c for c in table.columns if not c.key and c != target]
    name = quoted(target.name)
    blank = f"frozen.fill_in({quoted(f'the value of {target.name}')}, row)"
    where = f"    where={_is_null(table, target)},\n" if target.nullable else ""
    read = "".join(f"        {quoted(c.name)},\n" for c in reads)
    return (
        f"\ndef transform(row):\n    return {{\n        {name}: {blank},  {MARK}\n"
        "    }\n",
        f"\nbackfill = Backfill.rows(\n"
        f"    {table.variable},\n"
        f"    transform,\n"
        + (f"    reads=[\n{read}    ],\n" if reads else "    reads=[],\n")
        + f"    writes=[{name}],\n"
        f"{where}"
        f"{keywords})\n",
    )


def _insert(tables: tuple[Table, ...], keywords: str) -> tuple[str, ...]:
    source, target = tables[:2]
    known = {column.name: column for column in source.columns}
    wanted = [c for c in target.columns if not c.key or c.needed]
    wanted = wanted or list(target.columns)
    copied = [
        c
        for c in wanted
        if c.name in known and not are_apart(known[c.name].family, c.family)
    ]
    blanks = [c for c in wanted if c not in copied and c.needed]
    if not copied and not blanks:
        blanks = wanted[:1]
    names = ", ".join(quoted(column.name) for column in [*copied, *blanks])
    lines = [f"            {source.variable}.c{attribute(c.name)}," for c in copied]
    # One mark for the whole list, however many of its columns are to be found.
    for number, column in enumerate(blanks):
        mark = f"  {MARK}" if number == 0 else ""
        what = quoted(f"the value of {column.name}")
        lines.append(f"            frozen.fill_in({what}),{mark}")
    tail = f".select_from({source.variable})"
    if not blanks:
        what = quoted(f"which rows of {source.name} to copy")
        tail += f".where(\n            frozen.fill_in({what}),  {MARK}\n        )"
    select = "\n".join(lines)
    return (
        f"backfill = Backfill(\n"
        f"    sa.insert({target.variable}).from_select(\n"
        f"        [{names}],\n"
        f"        sa.select(\n{select}\n        ){tail},\n"
        f"    ),\n"
        f"    over={source.variable},\n"
        f"{keywords})\n",
    )


def _delete(tables: tuple[Table, ...], keywords: str) -> tuple[str, ...]:
    table = tables[0]
    what = quoted(f"which rows of {table.name} to delete")
    return (
        f"backfill = Backfill(\n"
        f"    sa.delete({table.variable}).where(\n"
        f"        frozen.fill_in({what}),  {MARK}\n"
        f"    ),\n"
        f"{keywords})\n",
    )


_DEFINITIONS: dict[str, t.Callable[[tuple[Table, ...], str], tuple[str, ...]]] = {
    "update": _update,
    "rows": _rows,
    "insert": _insert,
    "delete": _delete,
}


def _sql(options: Options) -> Body:
    tables = options.frozen
    imports = {_OP, _FROZEN, _UNDO_ERROR, *tables.imports} - {_ALONE}
    return Body(
        imports=in_order(imports),
        definitions=(tables.code,) if tables.tables else (),
        upgrade=f'op.execute(frozen.fill_in("the SQL statement"))  {MARK}',
        downgrade=_refusal(*_LOST["sql"]),
    )


def _keywords(options: Options) -> str:
    words = []
    if _is_undone(options):
        words.append("    undo=True,\n")
    if options.deferred:
        words.append("    deferred=True,\n")
    if options.atomic:
        words.append("    atomic=True,\n")
    return "".join(words)


def _is_undone(options: Options) -> bool:
    """Tell whether a backfill can take its work back.

    Inserted rows are found again by the key of the table they went into.
    """
    into = options.frozen.tables[1:] if options.kind == "insert" else ()
    keyed = all(any(column.key for column in table.columns) for table in into)
    return keyed and not options.atomic


def _target(table: Table) -> Column:
    """Choose the column to fill: the last that may be null, as ADD COLUMN makes it."""
    free = [column for column in table.columns if not column.key]
    empty = [column for column in free if column.nullable]
    return (empty or free)[-1]


def _is_null(table: Table, column: Column) -> str:
    return f"{table.variable}.c{attribute(column.name)}.is_(None)"


def _refusal(what: str, next: str) -> str:
    return textwrap.indent(
        f"raise UndoError(\n"
        f"    {quoted(what)},\n"
        f'    where=f"revision {{revision}}",\n'
        f'    state="Nothing was changed",\n'
        f"    next={quoted(next)},\n"
        f")",
        "    ",
    ).lstrip()
