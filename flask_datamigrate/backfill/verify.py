"""Whether a backfill did what it was for."""

from __future__ import annotations

import contextlib
import re
import typing as t

import sqlalchemy as sa
from sqlalchemy import exc
from sqlalchemy.ext.compiler import compiles

from ..errors import VerificationError
from . import faults
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
    elif verify is not True and verify is not False:
        wrong = _asked(connection, verify, label, done)
        if wrong:
            raise VerificationError(
                wrong,
                where=label,
                state=done,
                next="Mend the data or the check, and run the same command again",
            )


def _asked(
    connection: sa.Connection, verify: t.Any, label: str, done: str
) -> str | None:
    """Return what a backfill's own check finds wrong.

    :raises VerificationError: when the check itself is refused; what passes by itself,
        as a lost connection, is raised as it is.
    """
    try:
        if not callable(verify):
            value = connection.execute(verify).scalar()
            wrong = f"its check returned {value!r}, and must return 0"
            return None if value == 0 else wrong
        found = verify(connection)
        return f"its check says: {found}" if found else None
    except exc.DBAPIError as error:
        fault = faults.classify(error)
        if fault in faults.RETRIED:
            raise
        what = f"{fault.meaning}: {faults.message(error)}"
        raise _broken(what, label, done) from error
    except exc.SQLAlchemyError as error:
        raise _broken(str(error).splitlines()[0], label, done) from error
    except (Exception, SystemExit) as error:
        return f"its check says: it raised {type(error).__name__}: {error}"


def try_out(connection: sa.Connection, backfill: Backfill, label: str) -> None:
    """Refuse a check that cannot be made, before the first row is changed.

    :param label: how the error names the backfill.
    :raises VerificationError: when the database does not understand its statement.
    """
    verify = backfill.verify
    if not isinstance(verify, sa.Select | sa.TextClause):
        return
    if isinstance(verify, sa.TextClause) and not _ONE_QUERY.match(verify.text):
        return
    try:
        with connection.begin_nested():
            connection.execute(_Explain(verify))
    except exc.DBAPIError as error:
        if faults.classify(error) is faults.Fault.STATEMENT:
            what = f"{faults.Fault.STATEMENT.meaning}: {faults.message(error)}"
            raise _broken(what, label, "No row was changed") from error
        if faults.classify(error) in faults.RETRIED:
            raise


_ONE_QUERY = re.compile(r"\s*(SELECT|WITH)\b[^;]*;?\s*\Z", re.IGNORECASE)


class _Explain(sa.Executable, sa.ClauseElement):
    """A query that the database is to plan, and not to run."""

    inherit_cache = False

    def __init__(self, query: sa.Select[t.Any] | sa.TextClause) -> None:
        self.query = query


@compiles(_Explain)
def _explain(element: _Explain, compiler: t.Any, **options: t.Any) -> str:
    return f"EXPLAIN {compiler.process(element.query, **options)}"


def _broken(what: str, label: str, state: str) -> VerificationError:
    return VerificationError(
        f"its check (verify=) could not be made: {what}",
        where=label,
        state=state,
        next="Mend verify=, and run the same command again",
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
