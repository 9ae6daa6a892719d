"""Backfills of small tables, in the transaction of their revision."""

from __future__ import annotations

import logging
import typing as t

import sqlalchemy as sa
from sqlalchemy import exc

from ..backfill import estimates
from ..backfill import faults
from ..backfill import verify
from ..backfill.batch import RowError
from ..backfill.connections import family
from ..backfill.definition import Backfill
from ..backfill.keys import Key
from ..backfill.keys import describe
from ..backfill.writers import writer
from ..errors import BackfillError
from ..errors import DefinitionError
from ..errors import VerificationError
from ..frozen.compare import check as check_table
from .log import LOGGER

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
    check_table(connection, backfill.table, where=where)
    if estimates.at_most(connection, backfill.table, limit) is None:
        raise DefinitionError(
            f"atomic=True changes all rows in one transaction, and the table has more "
            f"than {limit:,} (DATAMIGRATE_ATOMIC_ROWS)",
            where=where,
            state=_rolled_back(context),
            next="Leave atomic=True out, so that it runs in batches, and put the DDL "
            "of this revision into one of its own",
        )
    key = Key(backfill.key, family(connection.dialect))
    top = connection.execute(
        sa.select(*key.columns).order_by(*key.descending()).limit(1)
    ).first()
    if top is None:
        return 0
    high = tuple(top)
    try:
        result = writer(backfill.job, key, None).write(connection, None, high)
        left = verify.left(connection, backfill, key, high)
        verify.check(connection, backfill, key, left, result.skipped, where)
    except RowError as error:
        row = "" if error.position is None else describe(key.columns, error.position)
        raise BackfillError(
            error.what,
            where=f"{where}, row {row}" if row else where,
            state=_rolled_back(context),
            next="Mend the row or the transform, and run the same command again",
        ) from error
    except VerificationError as error:
        raise VerificationError(
            error.what,
            where=where,
            state=_rolled_back(context),
            next="Mend the data or the check, and run the same command again",
        ) from error
    except exc.DBAPIError as error:
        advice = faults.classify(error).advice
        raise faults.explain(
            error,
            where=where,
            state=_rolled_back(context),
            next=f"{advice}: run the same command again",
        ) from error
    _logger.info(
        "%s: %s rows changed in the revision's own transaction. %s",
        where,
        f"{result.changed:,}",
        "" if context.impl.transactional_ddl else _NOT_TOGETHER,
    )
    return result.changed


_NOT_TOGETHER = (
    "This database does not roll DDL back: if a later step of the revision fails, "
    "the tables stay as changed up to there."
)


def _rolled_back(context: MigrationContext) -> str:
    if context.impl.transactional_ddl:
        return "The revision was rolled back whole"
    return (
        "No row was changed, but this database does not roll DDL back: schema changes "
        "above it in the revision stay"
    )
