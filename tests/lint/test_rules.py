"""What each rule finds, and what it must not."""

from __future__ import annotations

import pathlib
import textwrap
import typing as t

import pytest

from tests.lint.cases import constraints
from tests.lint.cases import imports
from tests.lint.cases import locks
from tests.lint.cases import rows
from tests.lint.cases import shape
from tests.lint.cases import texts
from tests.lint.cases import transactions
from tests.lint.reading import rules

ROOMS = (constraints, imports, locks, rows, shape, texts, transactions)


def cases(name: str) -> t.Iterator[t.Any]:
    for room in ROOMS:
        for rule, bodies in getattr(room, name).items():
            assert len(bodies) >= 4, (rule, name)
            for title, body in bodies.items():
                before: str = getattr(room, "TABLES", "")
                text = before + textwrap.dedent(body)
                yield pytest.param(rule, text, id=f"{rule}-{title}")


@pytest.mark.parametrize(("rule", "body"), [*cases("FOUND")])
def test_it_is_found(tmp_path: pathlib.Path, rule: str, body: str) -> None:
    assert rule in rules(tmp_path, body)


@pytest.mark.parametrize(("rule", "body"), [*cases("CLEAN")])
def test_it_is_clean(tmp_path: pathlib.Path, rule: str, body: str) -> None:
    assert rule not in rules(tmp_path, body)
