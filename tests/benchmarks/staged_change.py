"""The staged change of the example app, under gunicorn and live traffic.

Clients read and write bugs throughout, while the root causes get a table of their own
and lose it again. No request may fail, every answer must be right, and at the end the
database must say what was written last, and of the rest what it said before.

    python -m tests.benchmarks.staged_change \\
        --url postgresql+psycopg2://postgres@127.0.0.1/postgres
    python -m tests.benchmarks.staged_change --url mysql+pymysql://root@127.0.0.1/
"""

from __future__ import annotations

import functools
import sys
import time
import typing as t

import sqlalchemy as sa

from example_app.derived import cause_name
from tests.benchmarks import arguments
from tests.benchmarks import many_bugs
from tests.benchmarks.fingerprints import fingerprints
from tests.benchmarks.fleet import Fleet
from tests.benchmarks.fleet import flask
from tests.benchmarks.traffic import Client
from tests.benchmarks.traffic import line
from tests.databases.database import Database

BEFORE, FILLED = "0022", "0026"

WRITTEN = 2_000
"""The bugs up to this key are those that clients write, beside their own new ones."""

Step = tuple[str, t.Callable[[], object]]


def main() -> None:
    options = arguments.parser(__doc__, rows=500_000, runs=1)
    options.add_argument("--bugs", type=int, dest="rows", help="as --rows")
    options.add_argument("--workers", type=int, default=2, help="of each of two hosts")
    options.add_argument("--clients", type=int, default=4)
    options.add_argument("--per-second", type=int, default=25, help="of each client")
    options.add_argument("--rest", type=float, default=10, help="seconds between steps")
    given = options.parse_args()
    with arguments.scratch(given.url) as database:
        started = time.perf_counter()
        flask(database.url, "expand", "db", "upgrade", BEFORE)
        many_bugs.fill(database, given.rows)
        written = min(WRITTEN, given.rows // 2)
        before = fingerprints(database, written + 1, given.rows)
        print(f"{time.perf_counter() - started:.0f} s to fill it", file=sys.stderr)
        fleet = Fleet(database.url, given.workers)
        try:
            fleet.deploy("expand")
            clients = [
                Client(fleet, number, bugs, given.per_second)
                for number, bugs in enumerate(shares(database, written, given.clients))
            ]
            table = walk(
                fleet,
                clients,
                command=functools.partial(flask, database.url),
                wait=lambda: time.sleep(given.rest),
            )
        finally:
            fleet.close()
        print("\n".join(table))
        problems = [p for c in clients for p in (*c.failed, *c.wrong)]
        problems += lost(database, clients)
        after = fingerprints(database, written + 1, given.rows)
        problems += [
            f"{name} is not as before" for name in before if after[name] != before[name]
        ]
        answered = sum(client.answered for client in clients)
        writes = sum(c.writes for c in clients)
        print(f"\n{answered:,} requests, {writes:,} writes, {len(problems)} problems")
        print("\n".join(problems[:20]))
        sys.exit(bool(problems))


def walk(
    fleet: Fleet,
    clients: t.Sequence[Client],
    *,
    command: t.Callable[..., object],
    wait: t.Callable[[], object],
) -> list[str]:
    """Take all steps of the change, and back; return the rows of the table.

    :param command: runs a command of code at a stage, which comes first.
    :param wait: takes the time between some of the steps.
    """

    def db(stage: str, *words: str) -> t.Callable[[], object]:
        return lambda: command(stage, "db", *words)

    steps: tuple[Step, ...] = (
        ("at rest", wait),
        ("expand", db("expand", "upgrade")),
        ("half the hosts at migrate", lambda: fleet.deploy("migrate", 1)),
        ("both side by side", wait),
        ("migrate: registered", db("migrate", "upgrade", "--defer")),
        ("backfill, deferred", db("migrate", "data", "run")),
        ("all hosts at migrate", lambda: fleet.deploy("migrate", 0)),
        ("verified", wait),
        ("all hosts at contract", lambda: fleet.deploy("contract")),
        ("contract", db("contract", "upgrade")),
        ("at rest, contracted", wait),
        ("contract taken back", db("contract", "downgrade", FILLED)),
        ("all hosts back at migrate", lambda: fleet.deploy("migrate")),
        ("all hosts back at expand", lambda: fleet.deploy("expand")),
        ("the rest taken back", db("expand", "downgrade", BEFORE)),
        ("at rest again", wait),
    )
    table = [
        "| step | seconds | requests | p50 ms | p99 ms | longest ms |",
        "| --- | ---: | ---: | ---: | ---: | ---: |",
    ]
    for client in clients:
        client.step = steps[0][0]
        client.start()
    try:
        for name, take in steps:
            for client in clients:
                client.step = name
            started = time.perf_counter()
            take()
            table.append(line(name, clients, time.perf_counter() - started))
            print(table[-1], file=sys.stderr, flush=True)
    finally:
        for client in clients:
            client.end()
    return table


def shares(database: Database, last: int, count: int) -> list[dict[int, str | None]]:
    """Share out the bugs up to a key among the clients."""
    rows = database.rows(f"SELECT id, root_cause FROM bugs WHERE id <= {last}")
    return [{id: c for id, c in rows if id % count == n} for n in range(count)]


def lost(database: Database, clients: t.Sequence[Client]) -> list[str]:
    """Return the bugs that do not say what was written last, or never existed."""
    with database.engine().connect() as connection:
        query = sa.text("SELECT id, root_cause FROM bugs")
        found = {row[0]: row[1] for row in connection.execute(query)}
    return [
        f"at the end: bug {id} says {found.get(id)!r}, not {cause!r}"
        for client in clients
        for id, cause in client.causes.items()
        if id not in found or cause_name(found[id]) != cause_name(cause)
    ]


if __name__ == "__main__":
    main()
