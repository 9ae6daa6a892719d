"""Constraints that a cut-off schema change has not validated, or left behind."""

from __future__ import annotations

import typing as t

from ...tablenames import OWN_TABLES
from ..check import Check
from ..findings import Finding
from ..subjects import Patient

# Since 18 a constraint may be NOT ENFORCED, and then is never validated. There a NOT
# NULL is a constraint too, named for its table: one of a state table is no leftover.
_OPEN = """
SELECT n.nspname AS space, t.relname AS of, k.conname AS name,
k.contype <> 'n' AND left(k.conname, length(:own)) = :own AS own
FROM pg_constraint k JOIN pg_class t ON t.oid = k.conrelid
JOIN pg_namespace n ON n.oid = t.relnamespace
WHERE k.contype IN ('c', 'f', 'n') AND n.nspname NOT LIKE 'pg\\_%'
AND (NOT k.convalidated OR k.contype <> 'n' AND left(k.conname, length(:own)) = :own)
AND coalesce(to_jsonb(k) ->> 'conenforced', 'true') = 'true' ORDER BY 1, 2, 3
"""


def look(patient: Patient) -> t.Iterator[Finding]:
    for row in patient.rows(_OPEN, own=OWN_TABLES):
        table, name = patient.quoted(row.of, row.space), patient.quoted(row.name)
        if row.own:
            yield Finding(
                "problem",
                f"{row.name} on {row.of} was left by a schema change that was cut off",
                "flask db upgrade, which goes on with it; or, if its revision is given "
                f"up, ALTER TABLE {table} DROP CONSTRAINT {name}",
            )
        else:
            yield Finding(
                "warning",
                f"{row.name} on {row.of} is NOT VALID: it holds for what is written, "
                "and the rows from before were not looked at",
                f"flask db upgrade, if its revision is not applied yet; or ALTER TABLE "
                f"{table} VALIDATE CONSTRAINT {name}",
            )


CHECK = Check("constraints", "all are validated", look, only=("postgresql",))
