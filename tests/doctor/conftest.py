"""A project on a database, and what the doctor says of it."""

from __future__ import annotations

import dataclasses
import json
import pathlib
import typing as t

import pytest

from tests.apps import Project
from tests.databases.database import Database
from tests.upgrading.conftest import Bench


@dataclasses.dataclass(frozen=True, slots=True)
class Said:
    """What the doctor said, and the exit code it left with."""

    exit_code: int
    findings: list[dict[str, t.Any]]

    def of(self, check: str) -> list[dict[str, t.Any]]:
        """Return the findings of a check, without those that are ok."""
        found = [f for f in self.findings if f["check"] == check]
        assert found, f"no check {check}"
        return [f for f in found if f["level"] != "ok"]

    def one(self, check: str) -> tuple[str, str, str]:
        """Return the level, the words and the command of a check's only finding."""
        (found,) = self.of(check)
        return found["level"], found["what"], found["next"]


class Clinic(Bench):
    """The project; ``doctor`` looks it over."""

    def doctor(self) -> Said:
        ran = self.flask("db", "data", "doctor", "--json")
        said = json.loads(ran.stdout)
        assert said["exit_code"] == ran.exit_code
        return Said(ran.exit_code, said["findings"])


@pytest.fixture
def clinic(tmp_path: pathlib.Path, database: Database) -> t.Iterator[Clinic]:
    clinic = Clinic(Project(tmp_path, database.url), database)
    yield clinic
    clinic.close()


@pytest.fixture
def two(
    tmp_path: pathlib.Path, database: Database, second_database: Database
) -> t.Iterator[Clinic]:
    """Give a project with a second database, the bind ``other``."""
    project = Project(tmp_path, database.url, binds={"other": second_database.url})
    clinic = Clinic(project, database)
    yield clinic
    clinic.close()
