"""Indexes that a cut-off CREATE INDEX CONCURRENTLY left invalid."""

from __future__ import annotations

import typing as t

from ..check import Check
from ..findings import Finding
from ..subjects import Patient

# An index on a partitioned table alone is invalid until each partition has one. Of a
# session that builds it, other users see no more than that it does.
_INVALID = """
SELECT n.nspname AS space, c.relname AS name, t.relname AS of,
  (SELECT min(pid) FROM pg_stat_progress_create_index WHERE index_relid = c.oid) AS pid
FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid
JOIN pg_class t ON t.oid = i.indrelid JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE NOT (i.indisvalid AND i.indisready) AND c.relkind = 'i'
AND n.nspname NOT LIKE 'pg\\_%' ORDER BY 1, 2
"""
_REBUILT = ("_ccnew", "_ccold")
"""How PostgreSQL calls what REINDEX CONCURRENTLY is at."""


def look(patient: Patient) -> t.Iterator[Finding]:
    for row in patient.rows(_INVALID):
        if row.pid is not None:
            yield Finding(
                "note", f"{row.name} on {row.of} is being built (session {row.pid})"
            )
            continue
        name = patient.quoted(row.name, row.space)
        drop = f"DROP INDEX CONCURRENTLY {name}"
        mend = f"REINDEX INDEX CONCURRENTLY {name}; or, if it is not needed, {drop}"
        yield Finding(
            "problem",
            f"{row.name} on {row.of} is invalid, left by a CREATE INDEX CONCURRENTLY "
            "that was cut off: it slows writes down and serves no query",
            drop if row.name.rstrip("0123456789").endswith(_REBUILT) else mend,
        )


CHECK = Check("indexes", "none is invalid", look, only=("postgresql",))
