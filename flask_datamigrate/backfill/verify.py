"""Whether a backfill did what it was for."""

from __future__ import annotations

import contextlib
import typing as t

import sqlalchemy as sa
from sqlalchemy import exc

from ..errors import VerificationError
from . import vain
from .definition import Backfill
from .jobs import Rows
from .jobs import Update
from .keys import Key
from .keys import Position
from .keys import describe
from .keys import parameters


def clears_where(backfill: Backfill) -> bool:
    """Tell whether, after it, no row may match the ``where`` any more."""
    return (
        backfill.verify is True
        and isinstance(backfill.job, Update | Rows)
        and backfill.job.clears
    )


def matching(backfill: Backfill) -> sa.ColumnElement[bool]:
    where = backfill.job.where
    assert where is not None
    return where


def left(
    connection: sa.Connection, backfill: Backfill, key: Key, upper: Position | None
) -> int | None:
    """Count the rows up to ``upper`` that still match; ``None`` when none need not."""
    if not clears_where(backfill) or upper is None:
        return None
    statement = (
        sa.select(sa.func.count())
        .select_from(backfill.table)
        .where(matching(backfill), key.until())
    )
    return connection.execute(statement, parameters(None, upper)).scalar_one()


class StillMatching(Exception):
    """Rows of a batch match the ``where`` right after they were changed.

    :param rows: the keys of some of them.
    """

    def __init__(self, rows: tuple[Position, ...]) -> None:
        self.rows = rows
        super().__init__(rows)


def check_batch(
    connection: sa.Connection,
    backfill: Backfill,
    key: Key,
    low: Position | None,
    high: Position,
    skipped: int,
) -> None:
    """Look whether rows of a batch still match after it.

    After every batch where a row must not be visited twice: only then is what matches
    at the end sure to have come in meanwhile. Otherwise the first batch shows whether
    the ``where`` is one that clears.

    :param skipped: rows of the batch that a transform left as they were.
    :raises StillMatching: when more rows match than those.
    """
    statement = (
        sa.select(*key.columns)
        .where(matching(backfill), key.between(low))
        .order_by(*key.order())
        .limit(skipped + 1)
    )
    still = connection.execute(statement, parameters(low, high)).all()
    if len(still) > skipped:
        raise StillMatching(tuple(tuple(row) for row in still))


def check(
    connection: sa.Connection,
    backfill: Backfill,
    key: Key,
    remaining: int | None,
    skipped: int,
    label: str,
) -> None:
    """Fail if what must hold at the end does not.

    :param remaining: what :func:`left` counted.
    :param skipped: rows a transform left as they were.
    :param label: how the error names the backfill.
    :raises VerificationError: with how many rows are left and some of their keys, or
        what the backfill's own check returned.
    """
    verify = backfill.verify
    done = "Every row was visited and what was changed is committed"
    if clears_where(backfill):
        if remaining is not None and remaining > skipped:
            what = f"{_still(remaining)} the where after the last batch"
            next = "if the definition is wrong, mend it"
            examples, found = _examples(connection, backfill, key), None
            with contextlib.suppress(exc.DBAPIError):
                found = vain.look(connection, backfill, key)
            if found is None:
                what += f", for example {examples}"
            else:
                what += f"; {found.what}"
                next = found.advice[0].lower() + found.advice[1:]
            raise VerificationError(
                what,
                where=label,
                state=done,
                next="If the app keeps writing such rows, mend that first; "
                f"{next}; what was edited needs flask db data accept. Then run the "
                "same command again",
            )
    elif callable(verify):
        try:
            wrong = verify(connection)
        except exc.DBAPIError:
            raise
        except (Exception, SystemExit) as error:
            wrong = f"it raised {type(error).__name__}: {error}"
        if wrong:
            raise VerificationError(
                f"its check says: {wrong}",
                where=label,
                state=done,
                next="Mend the data or the check, and run the same command again",
            )
    elif isinstance(verify, sa.Select | sa.TextClause):
        value = connection.execute(verify).scalar()
        if value != 0:
            raise VerificationError(
                f"its check returned {value!r}, and must return 0",
                where=label,
                state=done,
                next="Mend the data or the check, and run the same command again",
            )


def _still(count: int) -> str:
    return "1 row still matches" if count == 1 else f"{count:,} rows still match"


def _examples(connection: sa.Connection, backfill: Backfill, key: Key) -> str:
    statement: sa.Select[t.Any] = (
        sa.select(*key.columns)
        .where(matching(backfill))
        .order_by(*key.order())
        .limit(3)
    )
    found = connection.execute(statement)
    return ", ".join(describe(key.columns, tuple(row)) for row in found)
