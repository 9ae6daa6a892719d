"""Tables of the models that MySQL or MariaDB stores without transactions."""

from __future__ import annotations

import typing as t

from ...backfill.preconditions import engine_without_transactions
from ..check import Check
from ..findings import Finding
from ..subjects import Patient


def look(patient: Patient) -> t.Iterator[Finding]:
    models = patient.project.installation.models(patient.bind)
    for table in models.sorted_tables:
        engine = engine_without_transactions(patient.connection, table)
        if engine is not None:
            yield Finding(
                "problem",
                f"the table {table.fullname} is stored in {engine}, which has no "
                "transactions: no backfill may change it, and a request that fails "
                "leaves half of its writes",
                f"ALTER TABLE {patient.quoted(table.name, table.schema)} ENGINE=InnoDB",
            )


CHECK = Check(
    "storage engines",
    "every table of the models has transactions",
    look,
    only=("mysql",),
)
