"""Backfills of small tables, in the transaction of their revision."""

from __future__ import annotations

import logging
import typing as t

from sqlalchemy import exc

from ..backfill import estimates
from ..backfill import faults
from ..backfill import preconditions
from ..backfill import quiet
from ..backfill import verify
from ..backfill.batch import RowError
from ..backfill.definition import Backfill
from ..backfill.jobs import Delete
from ..backfill.jobs import Insert
from ..backfill.jobs import Rows
from ..backfill.keys import WholeTable
from ..backfill.keys import describe
from ..backfill.writers import writer
from ..dialects import family
from ..errors import BackfillError
from ..errors import DefinitionError
from ..errors import VerificationError
from ..frozen.compare import check_key
from .log import LOGGER
from .segment import current
from .segment import what_stays

if t.TYPE_CHECKING:
    from alembic.runtime.migration import MigrationContext

_logger = logging.getLogger(LOGGER)


def run(context: MigrationContext, backfill: Backfill, limit: int, where: str) -> int:
    """Change all rows at once, on Alembic's connection.

    :param limit: the most rows the table may have (``DATAMIGRATE_ATOMIC_ROWS``).
    :param where: how errors name the backfill.
    :returns: how many rows changed.
    :raises DefinitionError: when the table has more rows than ``limit``.
    """
    connection = context.connection
    assert connection is not None
    preconditions.check(connection, backfill, where=where)
    if isinstance(backfill.job, Rows):
        # Rows from Python are written back by it.
        check_key(connection, backfill.table, backfill.key, where=where)
    if estimates.at_most(connection, backfill.table, limit) is None:
        raise DefinitionError(
            f"atomic=True changes all rows in one transaction, and the table has more "
            f"than {limit:,} (DATAMIGRATE_ATOMIC_ROWS)",
            where=where,
            state=what_stays(transactional=context.impl.transactional_ddl),
            next="Leave atomic=True out, so that it runs in batches, and put the DDL "
            "of this revision into one of its own",
        )
    key = WholeTable(backfill.key, family(connection.dialect))
    try:
        with quiet.part(connection):
            result = writer(backfill.job, key, None).write(connection, None, ())
        left = verify.left(connection, backfill, key, ())
        verify.check(connection, backfill, key, left, result.skipped, where)
    except RowError as error:
        row = "" if error.position is None else describe(key.columns, error.position)
        raise BackfillError(
            error.what,
            where=f"{where}, row {row}" if row else where,
            state=what_stays(transactional=context.impl.transactional_ddl),
            next="Mend the row or the transform, and run the same command again",
        ) from error
    except VerificationError as error:
        raise VerificationError(
            error.what,
            where=where,
            state=what_stays(transactional=context.impl.transactional_ddl),
            next="Mend the data or the check, and run the same command again",
        ) from error
    except exc.DBAPIError as error:
        raise faults.explain(
            error,
            where=where,
            state=what_stays(transactional=context.impl.transactional_ddl),
            next=faults.classify(error).again,
        ) from error
    done = "rows changed"
    if isinstance(backfill.job, Insert):
        done = f"rows inserted into {backfill.job.statement.table.name}"
    elif isinstance(backfill.job, Delete):
        done = "rows deleted"
    _logger.info(
        "%s: %s %s in the revision's own transaction%s",
        where,
        f"{result.changed:,}",
        done,
        "" if _is_together(context) else _NOT_TOGETHER,
    )
    return result.changed


def _is_together(context: MigrationContext) -> bool:
    """Tell whether the schema changes of the revision are in its transaction."""
    segment = current.get()
    whole = segment is not None and segment.staged and not segment.kept
    return context.impl.transactional_ddl or (
        whole and family(context.dialect) == "sqlite"
    )


_NOT_TOGETHER = (
    ". This database does not roll DDL back: if a later step of the revision fails, "
    "the tables stay as changed up to there."
)
