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


def fallen(size: int, target: float = TARGET) -> Pace:
    """Return what trouble has made of a pace, down to one row."""
    pace = Pace(size, target, 100_000)
    while pace.shrink():
        pass
    return pace


@pytest.mark.parametrize("fixed", [0.04, 0.05, 0.1, 0.2, 1.0])
def test_trouble_leaves_no_trace_where_a_batch_costs_more_than_the_target(
    fixed: float,
) -> None:
    sizes = settle(fallen(500), fixed, 1e-5, 20)

    assert max(sizes) >= 500
    assert sizes[-1] >= 200


def test_a_loaded_machine_does_not_keep_batches_small() -> None:
    when = []
    for seed in range(100):
        chance, pace, batches = random.Random(seed), fallen(500), 0
        while pace.size < 500 and batches < 200:
            seconds = 0.1 + 1e-5 * pace.size
            pace.record(pace.size, seconds * chance.uniform(0.4, 1.6))
            batches += 1
        when.append(batches)

    when.sort()
    assert when[50] <= 20
    assert when[-1] <= 60


def test_rows_that_are_dear_stay_few_after_trouble() -> None:
    """Two seconds for two rows are no fixed cost."""
    assert max(settle(fallen(500), 0.0, 1.0, 100)) == 2
    assert sorted(settle(fallen(500), 0.01, 1e-3, 100))[-5] <= 80


def test_the_rows_that_had_trouble_are_gone_through_in_small_batches() -> None:
    pace = Pace(400, TARGET, 100_000)
    pace.shrink()

    assert settle(pace, 0.0, 1e-6, 6) == [100, 100, 100, 100, 200, 400]


def test_a_walk_that_begins_small_comes_back_to_the_size_it_was_given() -> None:
    pace = Pace(1, TARGET, 100_000, 500)

    assert max(settle(pace, 0.1, 1e-5, 12)) >= 500


def test_a_size_that_was_tuned_down_comes_back_when_that_is_over() -> None:
    pace = Pace(500, TARGET, 100_000)
    pace.tune(2, TARGET)
    assert max(settle(pace, 0.1, 1e-5, 30)) == 2

    pace.tune(100_000, TARGET)

    assert max(settle(pace, 0.1, 1e-5, 12)) >= 500
