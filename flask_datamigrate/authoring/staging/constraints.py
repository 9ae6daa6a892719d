"""How a constraint comes, and goes and comes again on the way back."""

from __future__ import annotations

import typing as t

import sqlalchemy as sa
from alembic.operations import ops
from sqlalchemy.dialects import postgresql

from ..naming import quoted
from .refusals import check_named
from .refusals import refusal
from .written import Written


def unique(
    name: str, table: str, columns: t.Sequence[str], schema: str | None
) -> Written:
    """Spell the directives that make columns unique while the app runs.

    PostgreSQL makes a constraint of an index in an instant; to it, and to SQLite, the
    index alone is not what the model says. On SQLite it finds the rows that are in the
    way, and names them. The guard is for a run that was cut off.
    """
    preparer = postgresql.dialect().identifier_preparer  # type: ignore[no-untyped-call]
    full = ".".join(preparer.quote(part) for part in (schema, table) if part)
    called = preparer.quote(name)
    adopt = f"ALTER TABLE {full} ADD CONSTRAINT {called} UNIQUE USING INDEX {called}"
    spelled = f"[{', '.join(quoted(column) for column in columns)}]"
    options = "" if schema is None else f", schema={quoted(schema)}"
    what, place = quoted(name), quoted(table)
    batch = f"with op.batch_alter_table({place}{options}) as batch:\n"
    lines = (
        f"kind = op.get_context().dialect.name\n"
        f"if not op.has_constraint({place}, {what}{options}):\n"
        f"    op.create_index_online(\n        {what},\n        {place},\n"
        f"        {spelled},\n        unique=True{options},\n    )\n"
        f'    if kind == "postgresql":\n'
        f"        op.execute(\n            {quoted(adopt)}\n        )\n"
        f'    if kind == "sqlite":\n'
        f"        op.drop_index_online(\n            {what}, {place}{options}\n"
        f"        )\n        {batch}"
        f"            batch.create_unique_constraint(\n"
        f"                batch.f({what}), {spelled}\n            )"
    )
    drop = f'batch.drop_constraint(batch.f({what}), type_="unique")'
    return Written(lines, _if(name, table, schema, batch, drop))


def _if(
    name: str, table: str, schema: str | None, batch: str, call: str, no: str = ""
) -> str:
    """Spell what is done to a constraint that is there, or that is not.

    A run that was cut off may have done it.

    :param no: "not " for one that is not there.
    """
    options = "" if schema is None else f", schema={quoted(schema)}"
    there = f"op.has_constraint({quoted(table)}, {quoted(name)}{options})"
    return f"if {no}{there}:\n    {batch}        {call}"


def dropped(operation: ops.DropConstraintOp) -> Written:
    """Spell the directive that drops a constraint, and the one that makes it again."""
    check_named(operation, "constraint")
    table, schema = operation.table_name, operation.schema
    name, kind = str(operation.constraint_name), operation.constraint_type
    options = "" if schema is None else f", schema={quoted(schema)}"
    batch = f"with op.batch_alter_table({quoted(table)}{options}) as batch:\n"
    drop = f"batch.drop_constraint(batch.f({quoted(name)}), type_={quoted(str(kind))})"
    lines = _if(name, table, schema, batch, drop)
    constraint = operation.to_constraint()
    if isinstance(constraint, sa.UniqueConstraint):
        columns = [str(column.name) for column in constraint.columns]
        return Written(lines, unique(name, table, columns, schema).lines)
    made = _made_again(operation)
    return Written(lines, _if(name, table, schema, batch, made, "not "))


def without_index(operation: ops.DropConstraintOp) -> Written:
    """Spell what drops the index that MySQL made for a foreign key, and left there.

    It has the key's name. On the way back it comes with the key.
    """
    table, schema = operation.table_name, operation.schema
    place, name = quoted(table), quoted(str(operation.constraint_name))
    options = "" if schema is None else f", schema={quoted(schema)}"
    return Written(
        f"# MySQL and MariaDB made it for the foreign key.\n"
        f"if op.has_index({place}, {name}{options}):\n"
        f"    op.drop_index_online(\n        {name}, {place}{options}\n    )",
        "",
    )


def _made_again(operation: ops.DropConstraintOp) -> str:
    constraint = operation.to_constraint()
    name = str(operation.constraint_name)
    if isinstance(constraint, sa.ForeignKeyConstraint):
        element = constraint.elements[0]
        local = [column.name for column in constraint.columns]
        remote = [e.target_fullname.rpartition(".")[2] for e in constraint.elements]
        schema, _, referent = element.target_fullname.rpartition(".")[0].rpartition(".")
        options = {
            "referent_schema": schema or None,
            "ondelete": constraint.ondelete,
            "onupdate": constraint.onupdate,
            "deferrable": constraint.deferrable,
            "initially": constraint.initially,
        }
        given = "".join(f", {k}={v!r}" for k, v in options.items() if v is not None)
        what = f"batch.f({name!r}), {referent!r}, {local!r}, {remote!r}{given}"
        return f"batch.create_foreign_key({what})"
    raise refusal(f"drop constraint {name}", "it is not known how to make it again")
