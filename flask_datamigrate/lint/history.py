"""The tree of the revisions, as their files say it; none of them is imported."""

from __future__ import annotations

import dataclasses
import pathlib
import re
import typing as t

from ..errors import LintError
from .findings import Span
from .script import Header
from .script import header
from .source import Source
from .source import Unreadable
from .source import read

# As Alembic takes the files of a directory for revisions.
_FILE = re.compile(r"(?!\.\#|__init__)(.*\.py)$")


@dataclasses.dataclass(frozen=True, slots=True)
class Unread:
    """A file that could not be read."""

    path: pathlib.Path
    error: Unreadable


@dataclasses.dataclass(frozen=True)
class History:
    """The revisions of a project.

    :param sources: their files, by revision.
    :param headers: what they say of themselves, by revision.
    :param unread: the files that could not be read.
    """

    sources: t.Mapping[str, Source]
    headers: t.Mapping[str, Header]
    unread: tuple[Unread, ...]

    def heads(self) -> list[Header]:
        """Return the revisions that no other follows."""
        followed = {name for found in self.headers.values() for name in found.down}
        return [
            found
            for revision, found in self.headers.items()
            if not any(_names(name, revision) for name in followed)
        ]

    def unlabelled_heads(self) -> list[Header]:
        """Return the heads, but one only of those whose line has no label."""
        heads = self.heads()
        plain = [found for found in heads if not self._labels(found)]
        return plain if len(plain) > 1 else []

    def _labels(self, head: Header) -> bool:
        return any(
            self.headers[name].labels for name in self.ancestors([head.revision])
        )

    def astray(self) -> t.Iterator[tuple[Header, str]]:
        """Return the revisions that follow or depend on one that has no file."""
        if self.unread:
            # It may be in one of those.
            return
        for found in self.headers.values():
            for name in (*found.down, *found.depends):
                if name not in self.headers and not self._matching(name):
                    yield found, name

    def ancestors(self, revisions: t.Iterable[str]) -> set[str]:
        """Return revisions with all that they follow or depend on."""
        found: set[str] = set()
        waiting = list(revisions)
        while waiting:
            name = waiting.pop()
            known = self.headers.get(name)
            if known is None:
                known = next(iter(self._matching(name)), None)
            if known is None or known.revision in found:
                continue
            found.add(known.revision)
            waiting += [*known.down, *known.depends]
        return found

    def resolve(self, name: str) -> list[str]:
        """Return the revisions that a name on the command line stands for.

        :param name: an id, its beginning, a branch label, ``head`` or ``heads``.
        :raises LintError: when there is none, or several.
        """
        if name in ("head", "heads"):
            return [found.revision for found in self.heads()]
        if name in self.headers:
            return [name]
        matching = self._matching(name)
        if len(matching) == 1:
            return [matching[0].revision]
        if matching:
            listed = ", ".join(sorted(found.revision for found in matching)[:5])
            raise LintError(
                f"{name!r} is the beginning of several revisions: {listed}",
                where="migrations",
                next="Write more of the one you mean",
            )
        if self.unread:
            files = ", ".join(unread.path.name for unread in self.unread)
            raise LintError(
                f"there is no revision {name!r} among those that can be read; these "
                f"files cannot: {files}",
                where="migrations",
                next="See why with flask db data lint --all",
            )
        raise LintError(
            f"there is no revision {name!r}",
            where="migrations",
            next="Look its name up with flask db history",
        )

    def path(self, found: Header) -> pathlib.Path:
        return self.sources[found.revision].path

    def place(self, found: Header) -> Span:
        """Return the line in which a file says what it follows."""
        for number, line in enumerate(self.sources[found.revision].lines, start=1):
            if line.startswith("down_revision"):
                return Span(number, 0, number, len(line))
        return Span(1, 0, 1, 1)

    def _matching(self, name: str) -> list[Header]:
        return [
            found
            for revision, found in self.headers.items()
            if (len(name) >= 3 and revision.startswith(name)) or name in found.labels
        ]


def load(directories: t.Iterable[pathlib.Path], *, recursive: bool = False) -> History:
    """Read the files of directories of versions.

    :param recursive: whether directories within are read too.
    """
    sources: dict[str, Source] = {}
    headers: dict[str, Header] = {}
    unread: list[Unread] = []
    for directory in directories:
        pattern = "**/*.py" if recursive else "*.py"
        for path in sorted(directory.glob(pattern)):
            if not _FILE.match(path.name) or "__pycache__" in path.parts:
                continue
            try:
                source = read(path)
                found = header(source)
                if found.revision in headers:
                    other = sources[found.revision].path.name
                    raise Unreadable(
                        f"the revision {found.revision} is also in {other}",
                        "give one of the two another id",
                    )
            except Unreadable as error:
                unread.append(Unread(path, error))
                continue
            sources[found.revision] = source
            headers[found.revision] = found
    return History(sources, headers, tuple(unread))


def _names(name: str, revision: str) -> bool:
    """Tell whether a name in ``down_revision`` is a revision's, which may be cut."""
    return name == revision or (len(name) >= 4 and revision.startswith(name))
