"""What a database's error means: try again, make it smaller, or tell the operator."""

from __future__ import annotations

import enum
import typing as t

from sqlalchemy import exc

from ..errors import DatabaseError


class Fault(enum.Enum):
    """A kind of trouble: what it is, and what to do about it."""

    LOCKED = ("somebody else holds the lock", "Look for a long transaction, and go on")
    DEADLOCK = ("the database resolved a deadlock", "Go on")
    TIMEOUT = ("the statement took too long", "Give a smaller batch_size, and go on")
    DISCONNECTED = ("the connection was lost", "Go on when the server is back")
    DOWN = ("the database does not answer", "Check the URL and that the server runs")
    LOGIN = (
        "the database refused the login",
        "Check the user and the password in the URL",
    )
    MISSING = (
        "there is no such database",
        "Create it (for SQLite, its folder), or mend the URL",
    )
    READ_ONLY = (
        "the database is read-only",
        "Connect to the primary, or make the file writable, and go on",
    )
    DISK_FULL = ("the database is out of disk", "Free some space, and go on")
    DENIED = ("the user lacks a right", "Grant it, and go on")
    ROW = ("the database refused a row", "Mend the row or the expression, and go on")
    STATEMENT = ("the database refused the statement", "Mend the statement")
    OTHER = ("the database reported an error", "Mend its cause, and go on")

    @property
    def meaning(self) -> str:
        return self.value[0]

    @property
    def advice(self) -> str:
        return self.value[1]

    @property
    def again(self) -> str:
        """The advice, for a command that goes on from where it stopped."""
        link = ":" if self.advice.lower().endswith("go on") else ", and"
        return f"{self.advice}{link} run the same command again"


GONE = frozenset({Fault.DISCONNECTED, Fault.DOWN})
"""What a new connection may help against, in a while."""

SHRUNK = frozenset({Fault.LOCKED, Fault.DEADLOCK, Fault.TIMEOUT})
"""What a smaller batch helps against."""

RETRIED = GONE | SHRUNK
"""What the engine tries again by itself."""

SPLIT = frozenset({Fault.ROW, Fault.OTHER})
"""What is narrowed down to the one row that causes it."""

# SQLSTATE or its class, https://www.postgresql.org/docs/15/errcodes-appendix.html
_SQLSTATE = {
    "55P03": Fault.LOCKED,
    "40P01": Fault.DEADLOCK,
    "40001": Fault.DEADLOCK,
    "57014": Fault.TIMEOUT,
    "25006": Fault.READ_ONLY,
    "53100": Fault.DISK_FULL,
    "42501": Fault.DENIED,
    "57P01": Fault.DISCONNECTED,
    "57P02": Fault.DISCONNECTED,
    "57P03": Fault.DOWN,
    "53300": Fault.DOWN,
    "3D000": Fault.MISSING,
    "28": Fault.LOGIN,
    "08": Fault.DISCONNECTED,
    "22": Fault.ROW,
    "23": Fault.ROW,
    "42": Fault.STATEMENT,
}

# https://mariadb.com/kb/en/mariadb-error-code-reference/
_MYSQL = {
    1205: Fault.LOCKED,
    1213: Fault.DEADLOCK,
    1020: Fault.DEADLOCK,
    1969: Fault.TIMEOUT,
    3024: Fault.TIMEOUT,
    2006: Fault.DISCONNECTED,
    2013: Fault.DISCONNECTED,
    2055: Fault.DISCONNECTED,
    1927: Fault.DISCONNECTED,
    1053: Fault.DISCONNECTED,
    1317: Fault.DISCONNECTED,
    2002: Fault.DOWN,
    2003: Fault.DOWN,
    1040: Fault.DOWN,
    1049: Fault.MISSING,
    1290: Fault.READ_ONLY,
    1792: Fault.READ_ONLY,
    1836: Fault.READ_ONLY,
    1021: Fault.DISK_FULL,
    1114: Fault.DISK_FULL,
    1044: Fault.DENIED,
    1045: Fault.LOGIN,
    1142: Fault.DENIED,
    1054: Fault.STATEMENT,
    1064: Fault.STATEMENT,
    1146: Fault.STATEMENT,
    1305: Fault.STATEMENT,
    1048: Fault.ROW,
    1062: Fault.ROW,
    1264: Fault.ROW,
    1292: Fault.ROW,
    1365: Fault.ROW,
    1366: Fault.ROW,
    1406: Fault.ROW,
    1451: Fault.ROW,
    1452: Fault.ROW,
    4025: Fault.ROW,
}

# Messages, since Python 3.10 does not give SQLite's codes.
_SQLITE = {
    "database is locked": Fault.LOCKED,
    "database table is locked": Fault.LOCKED,
    "readonly database": Fault.READ_ONLY,
    "database or disk is full": Fault.DISK_FULL,
    "unable to open database": Fault.MISSING,
    "disk i/o error": Fault.DISK_FULL,
    "constraint failed": Fault.ROW,
    "datatype mismatch": Fault.ROW,
    "integer overflow": Fault.ROW,
    "no such": Fault.STATEMENT,
    "syntax error": Fault.STATEMENT,
}


# What libpq says when it cannot connect, without a SQLSTATE.
_CONNECTING = {
    "authentication failed": Fault.LOGIN,
    "no pg_hba.conf entry": Fault.LOGIN,
    'role "': Fault.LOGIN,
    "does not exist": Fault.MISSING,
}
_NOT_CONNECTED = ("connect", "could not translate host name", "resolve host")


def classify(error: BaseException) -> Fault:
    """Tell what kind of trouble an exception of SQLAlchemy is."""
    if not isinstance(error, exc.DBAPIError):
        return Fault.OTHER
    if error.connection_invalidated:
        return Fault.DISCONNECTED
    cause = error.orig
    # First, since PyMySQL gives a SQLSTATE too, which is HY000 for most.
    number = cause.args[0] if cause is not None and cause.args else None
    if isinstance(number, int) and number in _MYSQL:
        return _MYSQL[number]
    state = getattr(cause, "sqlstate", None) or getattr(cause, "pgcode", None)
    if state:
        return _SQLSTATE.get(state) or _SQLSTATE.get(state[:2]) or Fault.OTHER
    if isinstance(number, int):
        return Fault.OTHER
    text = str(cause).lower()
    for part, fault in _SQLITE.items():
        if part in text:
            return fault
    if isinstance(error, exc.OperationalError) and any(
        part in text for part in _NOT_CONNECTED
    ):
        for part, fault in _CONNECTING.items():
            if part in text:
                return fault
        return Fault.DOWN
    return Fault.OTHER


def message(error: exc.DBAPIError) -> str:
    """Return what the database said, in one line, without the statement's values.

    Of PostgreSQL the DETAIL is left out: it may show every column of a row.
    """
    cause = error.orig
    diagnosis = getattr(cause, "diag", None)
    primary = getattr(diagnosis, "message_primary", None)
    if primary:
        hint = getattr(diagnosis, "message_hint", None)
        return " ".join(f"{primary} {hint or ''}".split())
    args: tuple[t.Any, ...] = getattr(cause, "args", ())
    if len(args) == 2 and isinstance(args[0], int):
        return f"{args[1]} ({args[0]})"
    lines = [line.strip() for line in str(cause).splitlines() if line.strip()]
    kept = [line for line in lines if not line.startswith(("LINE ", "^"))]
    return " ".join(kept) or type(cause).__name__


def explain(
    error: exc.DBAPIError, *, where: str = "", state: str = "", next: str = ""
) -> DatabaseError:
    """Turn a database's error into one of ours.

    :param where: what was being done.
    :param state: what is now true of the data.
    :param next: what to do, when it is more than the fault's own advice.
    """
    fault = classify(error)
    return DatabaseError(
        f"{fault.meaning}: {message(error)}",
        where=where,
        state=state,
        next=next or fault.advice,
    )
