"""The examples in the documentation: each fenced block, and what its marker asks for.

A marker is a comment in the line above the fence, as in
``<!-- example: session -->``:

``session [ignoring output]``
    commands after ``$``, and what they print
``write PATH``
    a file
``patch PATH``
    a change of that file, as lines with ``+`` and ``-``
``set PATH``
    the new value of a variable that the file defines
``body PATH``
    what the file has below its revision's identifiers
``revision NAME``
    a revision below its identifiers; a check of that name says what it did
``error NAME``
    the message of an error; a scenario of that name raises it
``fragment``
    code that is no use alone
``trap NAME``
    SQL that goes wrong, by database; a check of that name says how
``shown``
    what a test cannot run, such as an installation

The marker ``<!-- command: ... -->`` is for the project's CI, which runs the block.
"""

from __future__ import annotations

import dataclasses
import pathlib
import re
import typing as t

ROOT = pathlib.Path(__file__).parents[2]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]

_MARKER = re.compile(r"<!-- (example|command): (.+) -->")
_FENCE = re.compile(r"\s*```(\S*)")


@dataclasses.dataclass(frozen=True, slots=True)
class Block:
    """A fenced block.

    :param page: the page it is on, from the root of the project.
    :param line: the line of its fence, which is not indented.
    :param language: what stands behind the fence.
    :param marker: the marker's words; empty when there is none.
    :param text: its lines.
    """

    page: str
    line: int
    language: str
    marker: tuple[str, ...]
    text: str

    def __str__(self) -> str:
        return f"{self.page}:{self.line}"

    @property
    def kind(self) -> str:
        return self.marker[0] if self.marker else ""

    @property
    def name(self) -> str:
        """What the marker names: a file or a check."""
        return self.marker[1]


def blocks(page: pathlib.Path) -> t.Iterator[Block]:
    """Return the fenced blocks of a page, in order; directives are none."""
    lines = page.read_text(encoding="utf-8").splitlines()
    number = 0
    while number < len(lines):
        fence = _FENCE.match(lines[number])
        if fence is None:
            number += 1
            continue
        assert lines[number][0] == "`", f"indented fence: {page}:{number + 1}"
        end = lines.index("```", number + 1)
        if not fence[1].startswith("{"):
            found = _MARKER.fullmatch(lines[number - 1])
            words = found[2].split() if found else []
            if found and found[1] == "command":
                words = ["command", *words]
            text = "\n".join(lines[number + 1 : end]) + "\n"
            relative = page.relative_to(ROOT).as_posix()
            yield Block(relative, number + 1, fence[1], tuple(words), text)
        number = end + 1


def all_blocks(*kinds: str) -> list[Block]:
    """Return the blocks of all pages whose markers are of the named kinds."""
    return [b for page in PAGES for b in blocks(page) if not kinds or b.kind in kinds]
