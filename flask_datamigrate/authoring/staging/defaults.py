"""The default of a column that takes the place of another one.

With a default, the new column of a row that old code writes, and of each row there is,
would not be empty, and nothing would tell it from one that was filled. So it gets it
when the old column is no longer followed.
"""

from __future__ import annotations

import dataclasses
import re
import typing as t

import sqlalchemy as sa
from alembic.operations import MigrateOperation
from alembic.operations import ops

from ...frozen.families import family
from ...operations.renames import kind
from ..naming import quoted
from ..spelling import spelled
from .refusals import refusal
from .targets import TableName

_NUMBER = re.compile(r"0|-?[1-9]\d*")
_TEXT = re.compile(r"'([^'\\]*)'")
_TRUTHS = {
    "1": "sa.true()",
    "true": "sa.true()",
    "0": "sa.false()",
    "false": "sa.false()",
}


@dataclasses.dataclass(frozen=True, slots=True)
class Doubt:
    """New columns with a default, beside one that takes the place of what goes.

    :param gone: the columns of their kind that go.
    :param beside: those that come, and take the place.
    :param columns: those with a default: parts of what goes, or columns of their own.
    """

    table: TableName
    gone: tuple[str, ...]
    beside: tuple[str, ...]
    columns: tuple[str, ...]

    def __str__(self) -> str:
        gone, beside = ", ".join(self.gone), ", ".join(self.beside)
        goes = "goes" if len(self.gone) == 1 else "go"
        comes = "comes" if len(self.beside) == 1 else "come"
        new = ", ".join(self.columns)
        return f"{gone} {goes}, {beside} {comes} in its place, and {new} with a default"


Decide: t.TypeAlias = t.Callable[[Doubt], bool | None]
"""Says whether columns are parts of what goes; ``None`` where nobody can be asked."""


def given(table: TableName, column: sa.Column[t.Any]) -> MigrateOperation:
    """Give a column that may be NULL a default.

    :param table: its table.
    :param column: the column, with the default.
    """
    schema, name = table
    default = ops.AlterColumnOp(
        name,
        str(column.name),
        schema=schema,
        existing_type=column.type,
        existing_nullable=True,
        existing_server_default=None,
        modify_server_default=column.server_default,
    )
    return ops.ModifyTableOps(name, [default], schema=schema)


def taken(operation: ops.AlterColumnOp) -> MigrateOperation:
    """Take the default of a column away: old code may leave the value to it.

    :param operation: the change of the column, which has one.
    """
    default = ops.AlterColumnOp(
        operation.table_name,
        operation.column_name,
        schema=operation.schema,
        existing_type=operation.modify_type or operation.existing_type,
        existing_nullable=operation.existing_nullable,
        existing_server_default=operation.existing_server_default,
        modify_server_default=None,
    )
    return ops.ModifyTableOps(operation.table_name, [default], schema=operation.schema)


def lent(old: sa.Column[t.Any], new: sa.Column[t.Any]) -> sa.Column[t.Any] | None:
    """Return the old column with the default of the new one, if it is to have it.

    New code leaves the value to the database, and the new column follows the old. Old
    code always writes a column that has no default and forbids NULL.
    """
    alike = spelled(old.type).code == spelled(new.type).code
    if new.server_default is None or old.server_default is not None:
        return None
    if old.nullable or not alike:
        return None
    default = t.cast("t.Any", new.server_default)
    return sa.Column(old.name, old.type, server_default=default)


def heirs(
    listed: t.Iterable[MigrateOperation], decide: Decide
) -> set[tuple[TableName, str]]:
    """Find the new columns with a default that take the place of one that goes.

    That is of its kind, and there is none without a default to take it. An empty text
    is a default for want of a value: such a column may be a part of what goes. Of any
    other beside one without a default it is asked.

    :param listed: the operations of the difference.
    :return: the table and the name of each.
    :raises AuthoringError: when it is not known what a column is.
    """
    gone: _Named = {}
    taken: _Named = {}
    given: _Named = {}
    empty: set[tuple[TableName, str]] = set()
    for operation in listed:
        if isinstance(operation, ops.DropColumnOp):
            _note(gone, operation, operation.to_column())
        elif isinstance(operation, ops.AddColumnOp):
            column = operation.column
            if column.server_default is None:
                _note(taken, operation, column)
            elif column.computed is None and column.identity is None:
                _note(given, operation, column)
                if _value(column) == quoted(""):
                    table = (operation.schema, operation.table_name)
                    empty.add((table, str(column.name)))
    found = set()
    for place, names in given.items():
        table, of = place
        if of is None or place not in gone:
            continue
        own = [name for name in names if (table, name) not in empty]
        if own and place in taken:
            doubt = Doubt(table, *map(tuple, (gone[place], taken[place], own)))
            if not _are_parts(doubt, decide):
                names = [name for name in names if name not in own]
        found |= {(table, name) for name in names}
    return found


_Named: t.TypeAlias = dict[tuple[TableName, str | None], list[str]]
"""By table and kind: the names of columns."""


def _note(
    columns: _Named,
    operation: ops.DropColumnOp | ops.AddColumnOp,
    column: sa.Column[t.Any],
) -> None:
    table = (operation.schema, operation.table_name)
    columns.setdefault((table, kind(column.type)), []).append(str(column.name))


def _are_parts(doubt: Doubt, decide: Decide) -> bool:
    answer = decide(doubt)
    if answer is None:
        raise refusal(
            f"table {doubt.table[1]}",
            f"{doubt}, which may be another part of what goes, or a column of its own",
            "Say which: flask db data change NAME --parts (all of them are to be "
            "filled in), or --apart (it has its default from the start)",
        )
    return answer


def for_null(old: sa.Column[t.Any], new: sa.Column[t.Any]) -> str | None:
    """Spell what the new column has where the old one may be NULL, and it may not.

    :return: its default; ``None`` where that is no plain value, and the backfill is to
        name the rows.
    """
    followed = old.server_default is not None or lent(old, new) is not None
    never = followed and not old.nullable
    return None if new.nullable or never else _value(new)


def _value(column: sa.Column[t.Any]) -> str | None:
    """Spell the default of a column; ``None`` where it is no plain value."""
    default = getattr(column.server_default, "arg", None)
    of = family(column.type)
    if of == "text" and isinstance(default, str):
        return quoted(default)
    found = str(default)
    if of == "text":
        text = _TEXT.fullmatch(found)
        return quoted(text[1]) if text else None
    found = found.strip("'")
    if of == "boolean":
        return _TRUTHS.get(found.lower())
    return found if of == "number" and _NUMBER.fullmatch(found) else None
