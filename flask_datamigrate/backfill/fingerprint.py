"""What a definition means, as a short text that changes when the meaning does."""

from __future__ import annotations

import hashlib

import sqlalchemy as sa

from . import meaning
from .definition import Backfill
from .jobs import Rows


def fingerprint(backfill: Backfill, dialect: sa.Dialect) -> str:
    """Return twelve hexadecimal digits that stand for the definition.

    It covers the SQL with its values, the key, and the source of a transform
    without its comments and layout; not the options that may change in mid-run
    (batch size, throttle, check).

    :param dialect: one that has been connected, since only then it knows MariaDB
        from MySQL.
    """
    job = backfill.job
    parts = [job.kind, job.table.fullname, *(c.name for c in backfill.key)]
    parts.append(f"undo={backfill.undo}")
    if isinstance(job, Rows):
        parts += [*job.reads, "->", *job.writes, meaning.of_function(job.transform)]
        if job.where is not None:
            parts.append(_sql(job.where, dialect))
    else:
        parts.append(_sql(job.statement, dialect))
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:12]


def _sql(element: sa.ClauseElement, dialect: sa.Dialect) -> str:
    compiled = element.compile(dialect=dialect)
    binds = getattr(compiled, "binds", {})
    values = []
    for name, value in sorted(compiled.params.items()):
        # The order of the values of an IN means nothing, and is that of a set.
        several = getattr(binds.get(name), "expanding", False)
        values.append((name, meaning.of_value(set(value) if several else value)))
    return f"{' '.join(str(compiled).split())} {values}"
