"""The exceptions of Flask-DataMigrate: one tree, each with what, where and what next.

Every error is an Alembic ``CommandError``, so Flask-Migrate and plain Alembic
print it as one message and exit with 1.
"""

from __future__ import annotations

import typing as t

from alembic.util import CommandError

if t.TYPE_CHECKING:
    from .upgrading.report import UpgradeReport

__all__ = [
    "AuthoringError",
    "BackfillError",
    "ClaimedError",
    "ConfigError",
    "DataMigrateError",
    "DatabaseError",
    "DefinitionError",
    "EditedError",
    "FrozenMismatchError",
    "GateError",
    "InterruptedRun",
    "LintError",
    "LockTimeoutError",
    "MixedRevisionError",
    "OfflineError",
    "PausedRun",
    "RevisionError",
    "SchemaError",
    "SchemaLockError",
    "SourceError",
    "StageError",
    "UndoError",
    "VerificationError",
]


class DataMigrateError(CommandError):
    """The root of all errors this package raises on purpose.

    :param what: what failed, one sentence.
    :param where: the revision, table, column or key it failed at.
    :param state: what is now true of the data.
    :param next: what to do, with the command to type.
    """

    exit_code: t.ClassVar[int] = 1
    """The exit code of a command that ends with this error."""

    not_run: tuple[str, ...] = ()
    """The backfills of the same command whose turn did not come."""

    def __init__(
        self, what: str, *, where: str = "", state: str = "", next: str = ""
    ) -> None:
        self.what = what
        self.where = where
        self.state = state
        self.next = next
        super().__init__(self._said())

    def add_state(self, *sentences: str) -> None:
        """Say more about the state of the data."""
        said = [_sentence(s) for s in (self.state, *sentences) if s]
        self.state = " ".join(said)
        self.args = (self._said(),)

    def _said(self) -> str:
        head = f"{self.where}: {self.what}" if self.where else self.what
        parts = (head, self.state, self.next)
        return " ".join(_sentence(part) for part in parts if part)


class ConfigError(DataMigrateError):
    """A ``DATAMIGRATE_*`` key, or a database URL, that cannot work."""


class AuthoringError(DataMigrateError):
    """``flask db data new`` or ``freeze`` was asked for what cannot be written."""


class DefinitionError(DataMigrateError):
    """A :class:`~flask_datamigrate.Backfill` or a snippet that cannot be meant so."""


class LintError(DataMigrateError):
    """``flask db data lint`` was asked for what it cannot read."""


class FrozenMismatchError(DataMigrateError):
    """A frozen table that differs from the table in the database."""


class MixedRevisionError(DataMigrateError):
    """A revision with schema operations beside a batched backfill."""


class RevisionError(DataMigrateError):
    """A migration script raised an exception of its own."""


class OfflineError(DataMigrateError):
    """An operation that needs a database was asked for with ``--sql``."""


class SchemaError(DataMigrateError):
    """A schema change that the database, or the rows in it, do not allow."""


class SchemaLockError(SchemaError):
    """A schema change did not get its lock, since somebody else holds it."""

    blockers: tuple[str, ...] = ()
    """The sessions in the way: process id, state and statement."""

    again = False
    """Whether the whole transaction can be tried again."""


class StageError(DataMigrateError):
    """A staged change whose revisions do not make sense together."""


class GateError(DataMigrateError):
    """A contract revision is held, since its change is not ready for it."""

    exit_code = 3

    report: UpgradeReport | None = None
    """What the upgrade did in front of the gate."""


class LockTimeoutError(DataMigrateError):
    """Another upgrade held the migration lock for the whole wait."""


class DatabaseError(DataMigrateError):
    """The database refused: it is down, read-only, full, locked, or dislikes SQL."""


class BackfillError(DataMigrateError):
    """A backfill stopped; what it had committed stays, and it can go on."""


class ClaimedError(BackfillError):
    """A live process is running this backfill already."""


class EditedError(BackfillError):
    """The definition of a backfill changed between two runs of it."""


class VerificationError(BackfillError):
    """A backfill reached its last row, and its check does not hold."""


class SourceError(DataMigrateError):
    """What rows are taken from has several for one, and which counts is not said."""


class UndoError(BackfillError):
    """A backfill cannot be undone."""


class InterruptedRun(BackfillError):
    """A signal stopped the backfill between two batches; everything is saved."""

    exit_code = 130


class PausedRun(InterruptedRun):
    """An operator paused the backfill, or its time was over; everything is saved."""

    exit_code = 3


def _sentence(text: str) -> str:
    return text if text.endswith((".", "!", "?", ":")) else f"{text}."
