"""The nursery: its forks are processes like those that are started anew."""

from __future__ import annotations

import pathlib
import signal
import subprocess
import sys

import pytest

from tests.apps import Project
from tests.nursery import ROOT

COMMANDS = """
import os, pathlib, random, signal, sys, time

@app.cli.command("tell")
def tell():
    print(pathlib.Path.cwd(), sys.path[0], os.environ["WORD"], time.strftime("%Z"))
    print(random.random(), file=sys.stderr)
    sys.exit(7)

@app.cli.command("wait")
def wait():
    print("waiting", flush=True)
    signal.pause()
"""


@pytest.fixture
def project(tmp_path: pathlib.Path) -> Project:
    made = Project(tmp_path, "sqlite://")
    with (tmp_path / "entry.py").open("a") as entry:
        entry.write(COMMANDS)
    return made


@pytest.mark.parametrize(
    "more", [{}, {"PYTHONIOENCODING": "utf-8:strict"}], ids=["fork", "new"]
)
def test_a_process_has_a_place_an_environment_and_an_end_of_its_own(
    project: Project, more: dict[str, str]
) -> None:
    first, second = (
        project.run("tell", WORD=word, TZ="UTC+1", **more) for word in ("a", "b")
    )
    assert (first.code, second.code) == (7, 7)
    assert first.out == f"{project.path} {project.path} a UTC\n"
    assert second.out == f"{project.path} {project.path} b UTC\n"
    assert first.err != second.err


def test_what_an_interpreter_reads_when_it_starts_has_a_new_one(
    project: Project,
) -> None:
    forked, new = (
        project.start("tell"),
        project.start("tell", PYTHONIOENCODING="utf-8:strict"),
    )
    assert isinstance(new, subprocess.Popen)
    assert not isinstance(forked, subprocess.Popen)
    for process in (forked, new):
        process.communicate(timeout=60)


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_a_signal_ends_it(project: Project, number: signal.Signals) -> None:
    process = project.start("wait")
    assert process.stdout is not None
    assert process.stdout.readline() == "waiting\n"
    assert process.poll() is None
    with pytest.raises(subprocess.TimeoutExpired):
        process.wait(0.01)
    with pytest.raises(subprocess.TimeoutExpired):
        process.communicate(timeout=0.01)
    process.send_signal(number)
    assert process.communicate(timeout=60) == ("", "")
    assert process.wait() == process.poll() == -number
    process.kill()


def test_ctrl_c_reaches_it(project: Project) -> None:
    process = project.start("wait")
    assert process.stdout is not None
    process.stdout.readline()
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=60)
    assert (process.returncode, err) == (1, "\nAborted!\n")


def test_many_at_once_have_ends_of_their_own(project: Project) -> None:
    waiting = [project.start("wait") for _ in range(4)]
    ended = [project.start("tell", WORD="a") for _ in range(4)]
    assert [process.wait(60) for process in ended] == [7] * 4
    assert [process.poll() for process in waiting] == [None] * 4
    for process in waiting:
        process.kill()
    for process in waiting + ended:
        process.communicate(timeout=60)


KILLED = """
import os, pathlib, sys
from tests.apps import Project

print(Project(pathlib.Path(sys.argv[1]), "sqlite://").flask("--help").code, flush=True)
os.kill(os.getpid(), 9)
"""


def test_the_nursery_ends_with_the_tests_that_use_it(tmp_path: pathlib.Path) -> None:
    tests = subprocess.Popen(
        [sys.executable, "-c", KILLED, str(tmp_path)],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        text=True,
    )
    # The nursery has the pipe open too, and this reads it to its end.
    assert tests.communicate(timeout=60) == ("0\n", None)
    assert tests.returncode == -signal.SIGKILL
