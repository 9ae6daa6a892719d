"""Clients that read and write bugs, and remember what the app has to say of them."""

from __future__ import annotations

import http.client
import json
import random
import statistics
import threading
import time
import typing as t

from example_app.derived import cause_name
from tests.benchmarks.fleet import Fleet

CAUSES = (
    "race condition", "Race conditon ", "of by one", "off by one", "time zone",
    "missing index", "", None,
)  # fmt: skip
"""What a client writes as a root cause; now and then it is one that nobody had."""


class Client(threading.Thread):
    """One of several clients; each writes bugs of its own.

    :param number: which of the clients it is.
    :param bugs: the bugs there are at first, with their causes.
    :param per_second: the requests it makes.
    """

    def __init__(
        self, fleet: Fleet, number: int, bugs: dict[int, str | None], per_second: int
    ) -> None:
        super().__init__(daemon=True)
        self.causes = bugs
        self.step = ""
        self.took: dict[str, list[float]] = {}
        self.failed: list[str] = []
        self.wrong: list[str] = []
        self.writes = 0
        self._fleet = fleet
        self._draw = random.Random(number)
        self._number = number
        self._pause = 1 / per_second
        self._ended = threading.Event()

    def run(self) -> None:
        due = time.monotonic()
        while not self._ended.is_set():
            self._draw.choices(
                (self._show, self._list, self._search, self._change, self._add),
                (40, 10, 5, 30, 15),
            )[0]()
            due = max(due + self._pause, time.monotonic() - 1)
            self._ended.wait(max(0, due - time.monotonic()))

    @property
    def answered(self) -> int:
        """How many requests it has made."""
        return sum(map(len, list(self.took.values())))

    def end(self) -> None:
        self._ended.set()
        self.join()

    def _show(self) -> None:
        id = self._draw.choice(list(self.causes))
        self._expect(id, self._ask("GET", f"/api/bugs/{id}"))

    def _list(self) -> None:
        self._ask("GET", "/api/bugs")

    def _search(self) -> None:
        self._ask("GET", "/api/search?q=race+condition&limit=5")

    def _change(self) -> None:
        id = self._draw.choice(list(self.causes))
        cause = self._cause()
        self.causes[id] = cause
        self._expect(id, self._ask("PATCH", f"/api/bugs/{id}", root_cause=cause))

    def _add(self) -> None:
        cause = self._cause()
        made = self._ask("POST", "/api/bugs", title="New", root_cause=cause)
        if made is not None:
            self.causes[made["id"]] = cause
            self._expect(made["id"], made)

    def _cause(self) -> str | None:
        self.writes += 1
        if self._draw.random() < 0.05:
            return f"cause {self._number} {self.writes}"
        return self._draw.choice(CAUSES)

    def _expect(self, id: int, answer: dict[str, t.Any] | None) -> None:
        if answer is None:
            return
        said, meant = answer["root_cause"], self.causes[id]
        if cause_name(said) != cause_name(meant):
            self.wrong.append(f"{self.step}: bug {id} says {said!r}, not {meant!r}")

    def _ask(self, method: str, path: str, **sent: t.Any) -> dict[str, t.Any] | None:
        step = self.step
        host = self._fleet.begin()
        started = time.perf_counter()
        try:
            connection = http.client.HTTPConnection("127.0.0.1", host.port, timeout=60)
            body = json.dumps(sent) if sent else None
            headers = {"Content-Type": "application/json"}
            connection.request(method, path, body, headers)
            response = connection.getresponse()
            answer = response.read()
            connection.close()
            if response.status >= 400:
                raise ValueError(f"{response.status} {answer[:200]!r}")
            found: dict[str, t.Any] = json.loads(answer)
            return found
        except (OSError, http.client.HTTPException, ValueError) as error:
            self.failed.append(f"{step}: {method} {path} at {host.stage}: {error}")
            return None
        finally:
            self._fleet.end(host)
            took = time.perf_counter() - started
            self.took.setdefault(step, []).append(took)


def line(step: str, clients: t.Sequence[Client], seconds: float) -> str:
    """Return a row of the table: a step, and how long its requests took."""
    took = sorted(one for client in clients for one in client.took.get(step, ()))
    if len(took) < 2:
        return f"| {step} | {seconds:.0f} | {len(took)} | | | |"
    p50 = statistics.median(took) * 1000
    p99 = statistics.quantiles(took, n=100, method="inclusive")[98] * 1000
    return (
        f"| {step} | {seconds:.0f} | {len(took):,} | {p50:.0f} | {p99:.0f} | "
        f"{took[-1] * 1000:.0f} |"
    )
