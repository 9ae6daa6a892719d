"""Many bugs in the example app's database, quickly."""

from __future__ import annotations

from tests.benchmarks.fleet import flask
from tests.databases.database import Database

GENERATED = 20_000
"""What ``flask seed`` makes of each table; of more bugs, the database makes copies."""

_COLUMNS = "title, root_cause, status, created_at, created_year, reporter_id"


def fill(database: Database, rows: int) -> None:
    """Have bugs with the keys from 1 on.

    :param database: at the revision in front of the change of the root causes.
    :param rows: how many bugs.
    """
    there = min(rows, GENERATED)
    flask(database.url, "expand", "seed", "--rows", str(there))
    while there < rows:
        more = min(there, rows - there)
        database.execute(
            f"INSERT INTO bugs (id, {_COLUMNS}) SELECT id + {there}, {_COLUMNS} "
            f"FROM bugs WHERE id <= {more}"
        )
        there += more
    if database.name == "postgresql":
        database.execute(f"SELECT setval(pg_get_serial_sequence('bugs', 'id'), {rows})")
    database.execute("ANALYZE TABLE bugs" if database.name == "mysql" else "ANALYZE")
