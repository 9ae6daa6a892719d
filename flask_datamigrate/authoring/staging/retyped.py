"""Which values of a column's old type are values of its new one, as they are."""

from __future__ import annotations

import typing as t

import sqlalchemy as sa
from alembic.operations import ops


def is_shorter(old: t.Any, new: t.Any) -> bool:
    """Tell whether there are texts that the old type takes and the new one does not."""
    if not isinstance(old, sa.String) or getattr(new, "length", None) is None:
        return False
    return old.length is None or bool(new.length < old.length)


def is_retyped(operation: ops.AlterColumnOp) -> bool:
    """Tell whether a column gets a type that not every value is one of, as it is."""
    return operation.modify_type is not None and not _is_wider(operation)


def _is_wider(operation: ops.AlterColumnOp) -> bool:
    """Tell whether every value of the old type is one of the new type, as it is."""
    old, new = operation.existing_type, operation.modify_type
    if isinstance(old, sa.String) and isinstance(new, sa.String):
        longer = new.length is None or (old.length or 0) <= new.length
        return longer and old.length is not None and not isinstance(new, sa.Enum)
    return False
