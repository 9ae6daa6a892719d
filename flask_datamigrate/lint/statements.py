"""What SQL texts change, in the terms that ``op.`` directives are read in."""

from __future__ import annotations

import re
import typing as t

from .findings import Table
from .rows import RowChange
from .rows import Verb
from .schema import Kind
from .schema import SchemaChange
from .sqltext import SqlText

if t.TYPE_CHECKING:
    from sqlglot import expressions as exp

_COMMIT = re.compile(r"\s*COMMIT(?:\s+(?:WORK|TRANSACTION))?\s*", re.IGNORECASE)
# In the body of a routine, semicolons do not end the statement.
_ROUTINE = re.compile(
    r"\$\w*\$|\bcreate\b.*\b(?:trigger|procedure|function)\b", re.I | re.S
)


def commits(sql: SqlText) -> bool:
    """Tell whether a text ends the transaction; the parser is not needed for that."""
    if _ROUTINE.search(sql.text):
        return False
    return any(_COMMIT.fullmatch(part) for part in sql.text.split(";"))


def row_changes(
    sql: SqlText, statements: t.Iterable[exp.Expression]
) -> t.Iterator[RowChange]:
    """Return what parsed statements change in rows."""
    from sqlglot import expressions as exp

    verbs: dict[type[exp.Expression], Verb] = {
        exp.Update: "update",
        exp.Delete: "delete",
        exp.Insert: "insert",
        exp.TruncateTable: "delete",
    }
    for statement in statements:
        verb = verbs.get(type(statement))
        if verb is None:
            continue
        target = statement.this
        if isinstance(statement, exp.TruncateTable):
            target = statement.expressions[0] if statement.expressions else None
        if isinstance(target, exp.Schema):
            target = target.this
        where = _part(statement, "where")
        source = _part(statement, "expression") if verb == "insert" else None
        yield RowChange(
            verb,
            _target(statement, target),
            sql.node,
            sql.site,
            filtered=where is not None or _joins(statement, target),
            written=frozenset(_written(statement)),
            tested=frozenset(_names(where)),
            fills=_fills(where, frozenset(_written(statement))),
            limited=_part(statement, "limit") is not None,
            paged=where is not None and where.find(exp.Limit) is not None,
            copies=_reads_table(source),
        )


def schema_changes(
    sql: SqlText, statements: t.Iterable[exp.Expression]
) -> t.Iterator[SchemaChange]:
    """Return what parsed statements change in the schema."""
    from sqlglot import expressions as exp

    for statement in statements:
        if isinstance(statement, exp.Create):
            yield from _created(sql, statement)
        elif isinstance(statement, exp.Drop) and statement.args.get("kind") == "TABLE":
            table = _table(statement.this)
            yield SchemaChange(Kind.DROP_TABLE, table, None, sql.node, sql.site)
        elif isinstance(statement, exp.Drop):
            yield SchemaChange(Kind.OTHER, None, None, sql.node, sql.site)
        elif isinstance(statement, exp.Alter):
            yield from _altered(sql, statement)


def pages(statements: t.Iterable[exp.Expression]) -> bool:
    """Tell whether a statement skips rows by OFFSET."""
    from sqlglot import expressions as exp

    return any(statement.find(exp.Offset) is not None for statement in statements)


def _created(sql: SqlText, statement: exp.Create) -> t.Iterator[SchemaChange]:
    from sqlglot import expressions as exp

    kind = statement.args.get("kind")
    if kind == "TABLE":
        target = statement.this
        target = target.this if isinstance(target, exp.Schema) else target
        yield SchemaChange(Kind.CREATE_TABLE, _table(target), None, sql.node, sql.site)
    elif kind == "INDEX":
        yield SchemaChange(
            Kind.CREATE_INDEX,
            _table(statement.this.args.get("table")),
            statement.this.name,
            sql.node,
            sql.site,
            online=bool(statement.args.get("concurrently")),
        )
    else:
        yield SchemaChange(Kind.OTHER, None, None, sql.node, sql.site)


def _altered(sql: SqlText, statement: exp.Alter) -> t.Iterator[SchemaChange]:
    if statement.args.get("kind") != "TABLE":
        yield SchemaChange(Kind.OTHER, None, None, sql.node, sql.site)
        return
    table = _table(statement.this)
    not_valid = bool(statement.args.get("not_valid"))
    for action in statement.args.get("actions") or ():
        for kind, name in _actions(action):
            yield SchemaChange(kind, table, name, sql.node, sql.site, online=not_valid)


def _actions(action: exp.Expression) -> t.Iterator[tuple[Kind, str | None]]:
    from sqlglot import expressions as exp

    if isinstance(action, exp.AlterColumn):
        if action.args.get("dtype") is not None:
            yield Kind.CHANGE_TYPE, action.name
        elif action.args.get("allow_null") is False and not action.args.get("drop"):
            yield Kind.SET_NOT_NULL, action.name
        else:
            yield Kind.OTHER, action.name
    elif isinstance(action, exp.ColumnDef):
        yield Kind.ADD_COLUMN, action.name
    elif isinstance(action, exp.RenameColumn):
        yield Kind.RENAME_COLUMN, action.name
    elif isinstance(action, exp.AlterRename):
        yield Kind.RENAME_TABLE, action.name
    elif isinstance(action, exp.Drop):
        column = action.args.get("kind") == "COLUMN"
        yield Kind.DROP_COLUMN if column else Kind.DROP_CONSTRAINT, action.name
    elif isinstance(action, exp.AddConstraint):
        for constraint in action.expressions:
            yield from _constraint(constraint)
    else:
        yield Kind.OTHER, None


def _constraint(node: exp.Expression) -> t.Iterator[tuple[Kind, str | None]]:
    from sqlglot import expressions as exp

    name = node.name if isinstance(node, exp.Constraint) else None
    inner = node.expressions if isinstance(node, exp.Constraint) else [node]
    kinds: dict[type[exp.Expression], Kind] = {
        exp.ForeignKey: Kind.ADD_FOREIGN_KEY,
        exp.CheckColumnConstraint: Kind.ADD_CHECK,
        exp.UniqueColumnConstraint: Kind.ADD_UNIQUE,
    }
    for part in inner:
        yield kinds.get(type(part), Kind.OTHER), name


def _table(node: exp.Expression | None) -> Table | None:
    from sqlglot import expressions as exp

    if not isinstance(node, exp.Table) or not node.name or "_hole" in node.name:
        return None
    return Table(node.name, node.db or None)


def _target(statement: exp.Expression, node: exp.Expression | None) -> Table | None:
    """Return the table changed; ``DELETE FROM a USING b`` may name an alias."""
    found = _table(node)
    if found is None or found.schema:
        return found
    from sqlglot import expressions as exp

    for table in statement.find_all(exp.Table):
        if table.alias == found.name and table.name != found.name:
            return _table(table)
    return found


def _joins(statement: exp.Expression, target: exp.Expression | None) -> bool:
    """Tell whether a join chooses the rows, as a WHERE does."""
    if target is not None and target.args.get("joins"):
        return True
    return any(statement.args.get(part) for part in ("using", "tables"))


def _part(statement: exp.Expression, name: str) -> exp.Expression | None:
    """Return a part of a statement; what is absent is False in some releases."""
    return statement.args.get(name) or None


def _reads_table(source: exp.Expression | None) -> bool:
    """Tell whether the rows of an insert are those of a table, and not written here."""
    # The parser's releases differ in the name.
    return source is not None and bool(
        source.args.get("from_") or source.args.get("from")
    )


def _fills(where: exp.Expression | None, written: t.Collection[str]) -> bool:
    from sqlglot import expressions as exp

    condition = None if where is None else where.this
    return (
        isinstance(condition, exp.Is)
        and isinstance(condition.this, exp.Column)
        and isinstance(condition.expression, exp.Null)
        and condition.this.name in written
    )


def _written(statement: exp.Expression) -> t.Iterator[str]:
    from sqlglot import expressions as exp

    if isinstance(statement, exp.Update):
        for assignment in statement.expressions:
            if isinstance(assignment, exp.EQ):
                for column in assignment.this.find_all(exp.Column):
                    yield column.name


def _names(node: exp.Expression | None) -> t.Iterator[str]:
    from sqlglot import expressions as exp

    if node is not None:
        for column in node.find_all(exp.Column):
            yield column.name
