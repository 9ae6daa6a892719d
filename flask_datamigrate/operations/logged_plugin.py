"""``op.execute_logged``, made known to Alembic.

Loaded with :mod:`~flask_datamigrate.operations.plugin`, and under the same rule: it
imports nothing but ``alembic.operations``.
"""

from __future__ import annotations

import typing as t

from alembic.operations import MigrateOperation
from alembic.operations import Operations


@Operations.register_operation("execute_logged")
class ExecuteLoggedOp(MigrateOperation):
    """Run a statement and log the rows it changes."""

    def __init__(
        self, statement: t.Any, template: str, options: dict[str, t.Any]
    ) -> None:
        self.statement = statement
        self.template = template
        self.options = options

    @classmethod
    def execute_logged(
        cls,
        operations: Operations,
        statement: t.Any,
        template: str,
        returning: t.Any = None,
        limit: int = 1000,
        redact: t.Any = None,
    ) -> t.Any:
        """Run a statement, log a line for each row it changes, and count them.

        ::

            op.execute_logged(
                sa.update(users).where(users.c.active.is_(None)).values(active=True),
                "Activated user id=%(id)s login=%(login)s",
                returning=["id", "login"],
            )

        The values are those after an insert or update, and those before a delete. In
        ``--sql`` mode the statement is written, and no row is logged.

        :param statement: an insert, update or delete, one of ``snippets``, or SQL
            text where the database itself returns the rows it changes.
        :param template: the line, with ``%(column)s`` or ``%(column)r`` for values.
        :param returning: the columns, by name or as such, that the line may show.
        :param limit: the most rows to log; "… and N more" stands for the others.
        :param redact: columns of which ``[redacted]`` is shown in place of values,
            in the lines and in errors.
        """
        options = {
            "returning": returning or (),
            "limit": limit,
            "redact": redact or (),
        }
        return operations.invoke(cls(statement, template, options))


@Operations.implementation_for(ExecuteLoggedOp)
def _execute_logged(operations: Operations, operation: ExecuteLoggedOp) -> int:
    from . import logged

    return logged.execute(
        operations.migration_context,
        operation.statement,
        operation.template,
        **operation.options,
    )
