"""The size of batches, by what they cost."""

from __future__ import annotations

import random

import pytest

from flask_datamigrate.backfill.pace import GROWTH
from flask_datamigrate.backfill.pace import Pace

TARGET = 0.05


def settle(pace: Pace, fixed: float, per_row: float, batches: int = 60) -> list[int]:
    """Run batches that cost a fixed time and a time a row; return their sizes."""
    sizes = []
    for _ in range(batches):
        sizes.append(pace.size)
        pace.record(pace.size, fixed + per_row * pace.size)
    return sizes


@pytest.mark.parametrize("first", [1, 100, 10_000, 90_000])
@pytest.mark.parametrize(
    ("fixed", "per_row"), [(0.0, 1e-5), (0.005, 1e-5), (0.01, 1e-3)]
)
def test_batches_come_to_last_the_target(
    first: int, fixed: float, per_row: float
) -> None:
    pace = Pace(first, TARGET, 100_000)

    settle(pace, fixed, per_row)

    assert fixed + per_row * pace.size == pytest.approx(TARGET, rel=0.35)


def test_a_batch_grows_by_a_factor_at_most() -> None:
    sizes = settle(Pace(10, TARGET, 100_000), 0.0, 1e-6)

    assert all(b <= a * GROWTH for a, b in zip(sizes, sizes[1:], strict=False))
    assert sizes[5] > sizes[0]


def test_a_batch_never_has_more_rows_than_allowed() -> None:
    sizes = settle(Pace(100, TARGET, 700), 0.0, 1e-9)

    assert max(sizes) == 700


def test_a_slow_commit_alone_does_not_make_batches_tiny() -> None:
    """Where each commit costs more than the target, smaller ones would not help."""
    pace = Pace(1000, TARGET, 100_000)

    settle(pace, 0.2, 1e-5)

    assert pace.size > 1000


def test_one_hiccup_changes_the_size_little_and_soon_heals() -> None:
    pace = Pace(1000, TARGET, 100_000)
    settle(pace, 0.001, 1e-5)
    steady = pace.size

    pace.record(pace.size, 1.0)
    settle(pace, 0.001, 1e-5, 30)

    assert pace.size == pytest.approx(steady, rel=0.35)


def test_noise_does_not_carry_the_size_away() -> None:
    chance = random.Random(5)
    pace = Pace(1000, TARGET, 100_000)
    sizes = []
    for _ in range(300):
        pace.record(pace.size, (0.002 + 1e-5 * pace.size) * chance.uniform(0.6, 1.6))
        sizes.append(pace.size)

    late = sorted(sizes[100:])
    assert 1_000 < late[0]
    assert late[-1] < 15_000


def test_trouble_makes_batches_smaller_at_once_down_to_one_row() -> None:
    pace = Pace(1000, TARGET, 100_000)
    sizes = []
    while pace.shrink():
        sizes.append(pace.size)

    assert sizes == sorted(sizes, reverse=True)
    assert sizes[0] <= 500
    assert pace.size == 1


def test_after_trouble_batches_grow_again() -> None:
    pace = Pace(5000, TARGET, 100_000)
    settle(pace, 0.001, 1e-5)
    steady = pace.size
    while pace.shrink():
        pass

    settle(pace, 0.001, 1e-5)

    assert pace.size == pytest.approx(steady, rel=0.35)
