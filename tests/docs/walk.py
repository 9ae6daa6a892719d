"""Follows a page of the documentation as its reader does, in a folder of its own."""

from __future__ import annotations

import ast
import difflib
import os
import pathlib
import re
import subprocess
import sys
import typing as t

from tests.docs.blocks import ROOT
from tests.docs.blocks import Block

# What differs from one run to the next, and what stands for it in a comparison.
_VARIABLE = (
    (re.compile(r"\b\d+\.\d+ s\b"), "<time>"),
    (re.compile(r"\bin \d+\.\d+s\b"), "in <time>"),
    (re.compile(r"/\S*/(?=migrations/)"), ""),
    (re.compile(r" +\.\.\. +done"), " ... done"),
)
_LOGGED = re.compile(
    r"INFO  \[(alembic|flask_migrate\.data\] "
    r".*op\.\w+, (table|column|index|constraint))"
)
_REVISION = re.compile(r"(?<![0-9a-f])[0-9a-f]{12}(?![0-9a-f])")


class Walk:
    """One reader's way through a page.

    :param path: the folder they work in.
    :param url: their database.
    """

    def __init__(self, path: pathlib.Path, url: str) -> None:
        self.path = path
        self._environment = {
            **{k: v for k, v in os.environ.items() if not k.startswith("FLASK_")},
            "DATABASE_URL": url,
            "PATH": f"{pathlib.Path(sys.executable).parent}:{os.environ['PATH']}",
            "PYTHONPATH": str(ROOT),
            "PYTHONWARNINGS": "ignore",
            # Two edits within a second must not leave the first one's bytecode.
            "PYTHONDONTWRITEBYTECODE": "1",
            "PYTHONIOENCODING": "utf-8",
        }
        self._revisions: dict[str, str] = {}
        self._steps: dict[str, t.Callable[[Block], None]] = {
            "body": self._compare_body,
            "patch": self._patch,
            "session": self._session,
            "set": self._set,
            "write": self._write,
        }

    def follow(self, blocks: t.Iterable[Block]) -> None:
        """Do what the blocks say, in order."""
        for block in blocks:
            if block.kind in self._steps:
                self._steps[block.kind](block)

    def run(self, command: str) -> str:
        """Run a command and return what it printed, without log lines of schema."""
        ran = subprocess.run(
            command,
            shell=True,
            cwd=self.path,
            env=self._environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            encoding="utf-8",
            timeout=60,
        )
        lines = ran.stdout.splitlines(keepends=True)
        return "".join(line for line in lines if not _LOGGED.match(line))

    def _session(self, block: Block) -> None:
        wanted = _entries(block.text)
        got = [(command, self.run(command)) for command, _ in wanted]
        if "ignoring" in block.marker:
            assert not any("Error" in output for _, output in got), got
        else:
            _compare(_comparable(got), _comparable(wanted), block)
            printed = "".join(output for _, output in got)
            pairs = zip(
                _REVISION.findall("".join(output for _, output in wanted)),
                _REVISION.findall(printed),
                strict=True,
            )
            self._revisions.update(pairs)

    def _write(self, block: Block) -> None:
        # The page's revisions are called otherwise here.
        text = _REVISION.sub(
            lambda found: self._revisions.get(found[0], found[0]), block.text
        )
        (self.path / block.name).write_text(text)

    def _patch(self, block: Block) -> None:
        path = self._file(block)
        text = path.read_text()
        for hunk in block.text.split("\n\n"):
            lines = hunk.splitlines()
            before = "".join(f"{line[1:]}\n" for line in lines if line[0] in " -")
            after = "".join(f"{line[1:]}\n" for line in lines if line[0] in " +")
            assert before in text, str(block)
            text = text.replace(before, after)
        path.write_text(text)

    def _set(self, block: Block) -> None:
        path = self._file(block)
        text = path.read_text()
        name = block.text.partition(" =")[0]
        (node,) = (
            node
            for node in ast.parse(text).body
            if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == name
        )
        old = ast.get_source_segment(text, node)
        assert old is not None
        path.write_text(text.replace(old, block.text.rstrip()))

    def _compare_body(self, block: Block) -> None:
        below = self._file(block).read_text().partition("depends_on = None\n")[2]

        _compare(below.strip(), block.text.strip(), block)

    def _file(self, block: Block) -> pathlib.Path:
        (path,) = self.path.glob(block.name)
        return path


def _compare(got: str, wanted: str, block: Block) -> None:
    difference = difflib.unified_diff(
        wanted.splitlines(), got.splitlines(), str(block), "what happens", lineterm=""
    )
    assert got == wanted, "\n".join(difference)


def _entries(text: str) -> list[tuple[str, str]]:
    """Split a console session into its commands and what each printed."""
    entries: list[tuple[str, str]] = []
    for line in text.splitlines(keepends=True):
        if line.startswith("$ "):
            entries.append((line[2:].rstrip(), ""))
        else:
            command, output = entries[-1]
            entries[-1] = (command, output + line)
    return entries


def _comparable(entries: t.Iterable[tuple[str, str]]) -> str:
    text = "".join(f"$ {command}\n{output}" for command, output in entries)
    for pattern, stand_in in _VARIABLE:
        text = pattern.sub(stand_in, text)
    names: dict[str, str] = {}
    return _REVISION.sub(
        lambda found: names.setdefault(found[0], f"<revision {len(names) + 1}>"), text
    )
