"""Tables that a cut-off batch_alter_table left."""

from __future__ import annotations

import typing as t

from ..check import Check
from ..findings import Finding
from ..subjects import Patient

_PREFIX = "_alembic_tmp_"
_LONGEST = 50
"""Where Alembic cuts such a name."""


def look(patient: Patient) -> t.Iterator[Finding]:
    for left in patient.tables:
        if not left.startswith(_PREFIX):
            continue
        schema = patient.place.schema
        quoted = patient.quoted(left, schema)
        of = [one for one in patient.tables if f"{_PREFIX}{one}"[:_LONGEST] == left]
        if of:
            yield Finding(
                "problem",
                f"{left} was left by a batch_alter_table on {of[0]} that was cut off, "
                f"and the next one may fail on it; the rows are in {of[0]}",
                f"DROP TABLE {quoted}",
            )
        else:
            whole = patient.quoted(left.removeprefix(_PREFIX))
            yield Finding(
                "problem",
                f"{left} was left by a batch_alter_table that was cut off after it "
                "had dropped the old table: the rows are in here alone",
                f"ALTER TABLE {quoted} RENAME TO {whole}",
            )


CHECK = Check("batch tables", "none is left over", look)
