"""Every ``DATAMIGRATE_*`` key: its default, unit and meaning, read and checked here.

The configuration page of the documentation is generated from :data:`KEYS`.
"""

from __future__ import annotations

import dataclasses
import difflib
import typing as t

from . import accepted
from .accepted import STAGES as STAGES
from .accepted import Stage as Stage
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
    :param secret: whether a value may hold a password, and is shown in no error.
    :param advice: says what may be meant by a wrong value; "" if nothing is known.
    """

    field: str
    default: t.Any
    expects: str
    accepts: t.Callable[[t.Any], bool]
    meaning: str
    advice: t.Callable[[t.Any], str] = lambda value: ""
    secret: bool = False

    @property
    def name(self) -> str:
        return PREFIX + self.field.upper()


KEYS: tuple[Key, ...] = (
    Key(
        "target_seconds",
        0.05,
        "a number of seconds above 0, at most 1,000,000",
        accepted.positive,
        "How long one batch should take, in seconds. The size of the batches follows "
        "the measured rate to hold it, so no row stays locked for much longer.",
    ),
    Key(
        "batch_size",
        1000,
        "a whole number of rows from 1 to 10,000,000",
        accepted.rows,
        "The rows in the first batch of a backfill that does not name its own "
        "`batch_size`. The pace takes over from there.",
    ),
    Key(
        "max_batch_size",
        100_000,
        "a whole number of rows from 1 to 10,000,000",
        accepted.rows,
        "The most rows one batch may hold, however fast the database is.",
    ),
    Key(
        "atomic_rows",
        100_000,
        "a whole number of rows, at least 1",
        accepted.count,
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
        "a number of seconds from 0 to 1,000,000",
        accepted.not_negative,
        "How long, in seconds, `flask db upgrade` waits for another upgrade to end "
        "when `--wait` is not given.",
    ),
    Key(
        "lease_seconds",
        30,
        "a number of seconds above 0, at most 1,000,000",
        accepted.positive,
        "How long, in seconds, a runner that no longer reports is still taken for "
        "alive. A process that died on this host is noticed at once.",
    ),
    Key(
        "poll_seconds",
        1,
        "a number of seconds from 0 to 1,000,000",
        accepted.not_negative,
        "How often, in seconds, a running backfill looks whether an operator asked it "
        "to pause or to change its pace; 0 looks before every batch.",
    ),
    Key(
        "window",
        None,
        'None, or hours of two digits, like "01:00-05:00" or "Sat,Sun 22:00-06:00"',
        accepted.window,
        "When backfills may work, in the local time of the process that runs them; at "
        "other times they wait between two batches. It may go past midnight, and "
        'begin with days: "Mon-Fri 22:00-06:00" opens on five evenings.',
    ),
    Key(
        "max_load",
        None,
        "None, or a whole number of sessions, 0 or more",
        lambda value: value is None or value == 0 or accepted.count(value),
        "The most other sessions that may be at work for a batch to begin: the active "
        "ones of pg_stat_activity (those the user may see: grant `pg_read_all_stats` "
        "for all), or Threads_running of MySQL and MariaDB. SQLite has no such thing.",
    ),
    Key(
        "max_lag",
        None,
        "None, or a number of seconds above 0, at most 1,000,000",
        lambda value: value is None or accepted.positive(value),
        "The most seconds a replica may be behind for a batch to begin. PostgreSQL "
        "is asked for it (`replay_lag` of pg_stat_replication, which takes the right "
        "`pg_monitor`); for MySQL and MariaDB list `DATAMIGRATE_REPLICAS`. A replica "
        "that does not answer or does not replicate counts as behind.",
    ),
    Key(
        "replicas",
        (),
        "a list of URLs of PostgreSQL, MySQL or MariaDB",
        accepted.urls,
        "The replicas that `DATAMIGRATE_MAX_LAG` is about, as SQLAlchemy URLs; each is "
        "asked itself. On PostgreSQL its clock must be right. On MySQL and MariaDB "
        "the user needs `REPLICATION CLIENT` (`REPLICA MONITOR`), and the server the "
        "statement `SHOW REPLICA STATUS`: MySQL 8.0.22, MariaDB 10.5.2.",
        secret=True,
    ),
    Key(
        "row_lock_timeout",
        5,
        "a number of seconds above 0, at most 1,000,000",
        accepted.positive,
        "How long, in seconds, a batch waits for a row that somebody else holds "
        "before it is rolled back, made smaller and tried again.",
    ),
    Key(
        "statement_timeout",
        None,
        "None, or a number of seconds from 0.001 to 1,000,000",
        accepted.limit,
        "How long, in seconds, one statement of a batch may take before it is stopped, "
        "and the batch made smaller and tried again; None leaves that to the server. "
        "Checks and counts are not limited. MySQL limits queries alone by it (MariaDB "
        "all), SQLite nothing.",
    ),
    Key(
        "retry_seconds",
        120,
        "a number of seconds from 0 to 1,000,000",
        accepted.not_negative,
        "How long, in seconds, one batch is tried again after deadlocks, lock "
        "timeouts and lost connections before the backfill is failed.",
    ),
    Key(
        "ddl_lock_timeout",
        1,
        "a number of seconds above 0, at most 1,000,000",
        accepted.positive,
        "How long, in seconds, a statement that changes the schema may wait for its "
        "lock before it gives way: whoever comes after it in the queue waits as long. "
        "MySQL and MariaDB count whole seconds.",
    ),
    Key(
        "ddl_retry_seconds",
        120,
        "a number of seconds from 0 to 1,000,000",
        accepted.not_negative,
        "How long, in seconds, a schema change that did not get its lock is tried "
        "again, with growing random pauses, before it fails and names who holds it.",
    ),
    Key(
        "stages",
        {},
        'a dict of names to "expand", "migrate" or "contract"',
        accepted.stages,
        "What this code can live with: for each staged change, by its name, the stage "
        "the code is at. `flask db upgrade` holds the revisions of later stages.",
        accepted.meant_stage,
    ),
    Key(
        "stage_ttl",
        5,
        "a number of seconds from 0 to 1,000,000",
        accepted.not_negative,
        "How long, in seconds, a process goes by what it last heard of the staged "
        "changes before `reads_new` asks the database again.",
    ),
    Key(
        "check",
        "off",
        '"off", "warn" or "error"',
        lambda value: value in ("off", "warn", "error"),
        "Whether the first request of a process compares the stages of the config "
        'with the database, as `flask db data check` does. "warn" logs what does not '
        'go together, "error" refuses the requests until it does.',
    ),
    Key(
        "heartbeat",
        None,
        "None, or a number of seconds above 0, at most 1,000,000",
        lambda value: value is None or accepted.positive(value),
        "How often, in seconds, a process that has served a request says that it is "
        "alive, and at which stages its code is. `flask db upgrade` holds the contract "
        "revisions of a change while a process that is alive is at an earlier stage. "
        "None switches that off.",
    ),
    Key(
        "max_refusals",
        100,
        "a whole number of rows, at least 1",
        accepted.count,
        'The most rows that a backfill with `on_row_error="skip"` leaves out. With one '
        "more it fails: so many mean that the definition is wrong, and not the rows.",
    ),
    Key(
        "log_seconds",
        5,
        "a number of seconds above 0, at most 1,000,000",
        accepted.positive,
        "How often, in seconds, progress is logged when there is no terminal.",
    ),
    Key(
        "lint",
        {},
        'a dict with "disable" (a list of rule ids), "severity" (rule ids to "error", '
        '"warning" or "note") and "dialects" (a list of "postgresql", "mysql", '
        '"mariadb" and "sqlite"), each of which may be left out',
        accepted.lint,
        "How `flask db data lint` is set: the rules that are off, the severity of "
        "rules that have another than their own, and the databases the migrations run "
        "on, which are those of the app's URLs by default.",
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
    poll_seconds: float
    window: str | None
    max_load: int | None
    max_lag: float | None
    replicas: t.Sequence[str]
    row_lock_timeout: float
    statement_timeout: float | None
    retry_seconds: float
    ddl_lock_timeout: float
    ddl_retry_seconds: float
    stages: t.Mapping[str, Stage]
    stage_ttl: float
    check: t.Literal["off", "warn", "error"]
    heartbeat: float | None
    max_refusals: int
    log_seconds: float
    lint: t.Mapping[str, t.Any]


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
                f"{name} {_shown(key, value)} must be {key.expects}",
                key.advice(value) or f"The default is {key.default!r}",
            )
        else:
            values[key.field] = value
    return Settings(**values)


def _shown(key: Key, value: t.Any) -> str:
    return "cannot be used: it" if key.secret else f"is {value!r}, but"


def _nearest(name: str, known: t.Iterable[str]) -> str:
    match = difflib.get_close_matches(name, known, n=1)
    if match:
        return f"Did you mean {match[0]}?"
    return f"The keys are: {', '.join(sorted(known))}"


def _refuse(what: str, next: str) -> t.NoReturn:
    raise ConfigError(what, where="app.config", next=next)
