"""Runs of several ways in turn, and what they come to."""

from __future__ import annotations

import gc
import statistics
import sys
import time
import typing as t

Seconds = dict[str, list[float]]
"""The seconds of each run, by the name of the way."""


def interleaved(
    ways: t.Mapping[str, t.Callable[[], object]],
    runs: int,
    *,
    before: t.Callable[[], object] | None = None,
    after: t.Callable[[], object] | None = None,
) -> Seconds:
    """Time each way once, then each of them again, and so on.

    What else the machine does then falls on all of them alike. Every round begins
    with another way, so that none profits from its place.

    :param ways: what to time, by name.
    :param before: called before each run, and not timed.
    :param after: called after each run, and not timed.
    """
    seconds: Seconds = {name: [] for name in ways}
    names = list(ways)
    for run in range(runs):
        for name in names[run % len(names) :] + names[: run % len(names)]:
            if before is not None:
                before()
            gc.collect()
            started = time.perf_counter()
            ways[name]()
            seconds[name].append(time.perf_counter() - started)
            if after is not None:
                after()
            print(
                f"run {run + 1}, {name}: {seconds[name][-1]:.3f} s",
                file=sys.stderr,
                flush=True,
            )
    return seconds


def ratios(seconds: Seconds, base: str, *, unit: str = "s", digits: int = 2) -> str:
    """Return a Markdown table of each way against one of them.

    The ratio is that of the medians; the range is that of the single rounds, each
    way against the base of its own round.

    :param base: the way that is 1.00.
    :param unit: ``s`` or ``ms``, for the medians.
    :param digits: of the medians.
    """
    scale = {"s": 1, "ms": 1000}[unit]
    rows = []
    for name, times in seconds.items():
        median = statistics.median(times)
        rounds = [a / b for a, b in zip(times, seconds[base], strict=True)]
        ratio = median / statistics.median(seconds[base])
        between = f"{min(rounds):.2f}–{max(rounds):.2f}" if name != base else ""
        rows.append((name, f"{ratio:.2f}", between, f"{median * scale:.{digits}f}"))
    return table(("way", "ratio", "single rounds", f"median, {unit}"), rows)


def table(head: t.Sequence[str], rows: t.Iterable[t.Sequence[str]]) -> str:
    """Return a Markdown table; the first column is text and the others are numbers."""
    lines = [head, ["---", *("---:" for _ in head[1:])], *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)
