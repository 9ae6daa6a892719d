"""Every ``DATAMIGRATE_*`` key: its default, unit and meaning, read and checked here.

The configuration page of the documentation is generated from :data:`KEYS`.
"""

from __future__ import annotations

import dataclasses
import difflib
import typing as t

from .errors import ConfigError

PREFIX = "DATAMIGRATE_"


@dataclasses.dataclass(frozen=True, slots=True)
class Key:
    """One configuration key.

    :param field: the attribute of :class:`Settings` it fills.
    :param default: the value when the app does not set it.
    :param expects: what a right value is, in the words of an error message.
    :param accepts: tells whether a value is right.
    :param meaning: what it changes, with its unit.
    """

    field: str
    default: t.Any
    expects: str
    accepts: t.Callable[[t.Any], bool]
    meaning: str

    @property
    def name(self) -> str:
        return PREFIX + self.field.upper()


def _number(value: t.Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _positive(value: t.Any) -> bool:
    return _number(value) and value > 0


def _not_negative(value: t.Any) -> bool:
    return _number(value) and value >= 0


def _count(value: t.Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 1


KEYS: tuple[Key, ...] = (
    Key(
        "target_seconds",
        0.05,
        "a number of seconds above 0",
        _positive,
        "How long one batch should take, in seconds. The size of the batches follows "
        "the measured rate to hold it, so no row stays locked for much longer.",
    ),
    Key(
        "batch_size",
        1000,
        "a whole number of rows, at least 1",
        _count,
        "The rows in the first batch of a backfill that does not name its own "
        "`batch_size`. The pace takes over from there.",
    ),
    Key(
        "max_batch_size",
        100_000,
        "a whole number of rows, at least 1",
        _count,
        "The most rows one batch may hold, however fast the database is.",
    ),
    Key(
        "atomic_rows",
        100_000,
        "a whole number of rows, at least 1",
        _count,
        "The most rows a table may have for a backfill with `atomic=True`.",
    ),
    Key(
        "backfills",
        "inline",
        '"inline" or "deferred"',
        lambda value: value in ("inline", "deferred"),
        '"inline": `flask db upgrade` runs the backfills it meets. "deferred": it '
        "registers them and goes on; `flask db data run` does the work.",
    ),
    Key(
        "lock",
        "session",
        '"session" or "row"',
        lambda value: value in ("session", "row"),
        'How one upgrade at a time is ensured. "session": a lock of the database '
        "session, gone when the process dies (PostgreSQL, MySQL, MariaDB). "
        '"row": a row with a lease, for a server behind a pooler that hands each '
        "transaction to another session. SQLite always uses the row.",
    ),
    Key(
        "lock_wait",
        3600,
        "a number of seconds, 0 or more",
        _not_negative,
        "How long, in seconds, `flask db upgrade` waits for another upgrade to end "
        "when `--wait` is not given.",
    ),
    Key(
        "lease_seconds",
        30,
        "a number of seconds above 0",
        _positive,
        "How long, in seconds, a runner that no longer reports is still taken for "
        "alive. A process that died on this host is noticed at once.",
    ),
    Key(
        "row_lock_timeout",
        5,
        "a number of seconds above 0",
        _positive,
        "How long, in seconds, a batch waits for a row that somebody else holds "
        "before it is rolled back, made smaller and tried again.",
    ),
    Key(
        "retry_seconds",
        120,
        "a number of seconds, 0 or more",
        _not_negative,
        "How long, in seconds, one batch is tried again after deadlocks, lock "
        "timeouts and lost connections before the backfill is failed.",
    ),
    Key(
        "log_seconds",
        5,
        "a number of seconds above 0",
        _positive,
        "How often, in seconds, progress is logged when there is no terminal.",
    ),
)


@dataclasses.dataclass(frozen=True, slots=True)
class Settings:
    """The checked values of one app's ``DATAMIGRATE_*`` keys."""

    target_seconds: float
    batch_size: int
    max_batch_size: int
    atomic_rows: int
    backfills: t.Literal["inline", "deferred"]
    lock: t.Literal["session", "row"]
    lock_wait: float
    lease_seconds: float
    row_lock_timeout: float
    retry_seconds: float
    log_seconds: float


def read(config: t.Mapping[str, t.Any]) -> Settings:
    """Read and check the keys in an app's config.

    :param config: ``app.config``.
    :raises ConfigError: for a key that does not exist, with the nearest one that
        does, or a value that cannot be used.
    """
    known = {key.name: key for key in KEYS}
    values = {key.field: key.default for key in KEYS}
    for name, value in config.items():
        if not name.startswith(PREFIX):
            continue
        key = known.get(name)
        if key is None:
            _refuse(f"There is no configuration key {name}", _nearest(name, known))
        elif not key.accepts(value):
            _refuse(
                f"{name} is {value!r}, but must be {key.expects}",
                f"The default is {key.default!r}",
            )
        else:
            values[key.field] = value
    return Settings(**values)


def _nearest(name: str, known: t.Iterable[str]) -> str:
    match = difflib.get_close_matches(name, known, n=1)
    if match:
        return f"Did you mean {match[0]}?"
    return f"The keys are: {', '.join(sorted(known))}"


def _refuse(what: str, next: str) -> t.NoReturn:
    raise ConfigError(what, where="app.config", next=next)
