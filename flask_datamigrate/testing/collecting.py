"""Collects the ready-made tests into a project's own test run."""

from __future__ import annotations

import pathlib
import typing as t

import pytest

from ..frozen.names import suggestion
from .plugin import SWITCH

pytest.register_assert_rewrite("flask_datamigrate.testing.ready_made")


class ReadyMade(pytest.Module):
    """The ready-made tests, as if they stood in a ``conftest.py``."""

    names: frozenset[str] | None = None
    """The tests that are wanted; ``None`` for all."""

    @classmethod
    def wanted(
        cls, parent: pytest.Collector, path: pathlib.Path, wanted: object
    ) -> ReadyMade:
        """Collect tests beside a ``conftest.py``.

        :param wanted: ``True``, or the names of the tests without ``test_``.
        :raises pytest.UsageError: for a test that does not exist.
        """
        made: ReadyMade = cls.from_parent(parent, path=path)
        if wanted is not True:
            made.names = _named(path, wanted)
        return made

    def _getobj(self) -> t.Any:
        from . import ready_made

        return ready_made

    def collect(self) -> t.Iterable[pytest.Item | pytest.Collector]:
        """Return the tests."""
        for item in super().collect():
            if self.names is None or item.name.partition("[")[0] in self.names:
                yield item


def _named(path: pathlib.Path, wanted: object) -> frozenset[str]:
    from . import ready_made

    known = [n.removeprefix("test_") for n in vars(ready_made) if n[:5] == "test_"]
    if isinstance(wanted, str) or not isinstance(wanted, (list, tuple, set, frozenset)):
        raise pytest.UsageError(
            f"{path}: {SWITCH} is {wanted!r}: give it True, or some of {known}"
        )
    for name in wanted:
        if name not in known:
            raise pytest.UsageError(
                f"{path}: {SWITCH} names {name!r}: {suggestion(str(name), known)}"
            )
    return frozenset(f"test_{name}" for name in wanted)
