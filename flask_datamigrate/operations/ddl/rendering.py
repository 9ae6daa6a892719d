"""How autogenerate writes the safe DDL directives into a revision.

A ``process_revision_directives`` of the app, or a rewriter of Alembic, may put them in
place of Alembic's own.
"""

from __future__ import annotations

import typing as t

import sqlalchemy as sa
from alembic.autogenerate import render
from alembic.autogenerate import renderers

from .directives.base import SafeOp

if t.TYPE_CHECKING:
    from alembic.autogenerate.api import AutogenContext


@renderers.dispatch_for(SafeOp)
def _render(context: AutogenContext, operation: SafeOp) -> str:
    """Write the call, without what has its default."""
    positional, keywords = operation.arguments()
    parts = [_value(context, value) for value in positional]
    parts += [
        f"{name}={_value(context, value)}"
        for name, value in keywords.items()
        if value is not None
    ]
    prefix = context.opts["alembic_module_prefix"] or ""
    return f"{prefix}{operation.name}({', '.join(parts)})"


def _value(context: AutogenContext, value: t.Any) -> str:
    if isinstance(value, sa.types.TypeEngine):
        return str(render._repr_type(value, context))
    if isinstance(value, list):
        return f"[{', '.join(_value(context, one) for one in value)}]"
    if isinstance(value, sa.ClauseElement):
        text = value.compile(compile_kwargs={"literal_binds": True})
        return repr(str(text))
    return repr(value)
