"""Each snippet gives what its Python function gives, on every database and driver."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck
from hypothesis import given
from hypothesis import settings
from hypothesis import strategies as st

from tests.databases.database import Database
from tests.snippets.cases import ALL
from tests.snippets.parity import BACKENDS
from tests.snippets.parity import Parity
from tests.snippets.parity import bench


def _id(value: object) -> str:
    return value.name if isinstance(value, Parity) else str(value)


@pytest.mark.parametrize(
    ("database", "driver"), BACKENDS, ids=str, indirect=["database"]
)
@pytest.mark.parametrize("parity", ALL, ids=_id)
def test_it_gives_the_same(database: Database, driver: str, parity: Parity) -> None:
    with bench(database, driver, parity) as table:
        different = table.all_differences()

    assert not different, "\n".join(map(str, different[:10]))


@pytest.mark.parametrize(
    ("database", "driver"), BACKENDS, ids=str, indirect=["database"]
)
@pytest.mark.parametrize("parity", [p for p in ALL if p.random is not None], ids=_id)
def test_it_gives_the_same_for_random_inputs(
    database: Database, driver: str, parity: Parity
) -> None:
    assert parity.random is not None
    with bench(database, driver, parity) as table:

        @settings(
            max_examples=15,
            deadline=None,
            suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
        )
        @given(st.lists(parity.random, min_size=1, max_size=40))
        def check(rows: list[tuple[object, ...]]) -> None:
            different = table.differences(rows)
            assert not different, "\n".join(map(str, different[:3]))

        check()
