"""The way to a place in a JSON document, written once for all databases."""

from __future__ import annotations

import json
import re
import typing as t

from .arguments import refuse

Step: t.TypeAlias = "str | int"
Steps: t.TypeAlias = "tuple[Step, ...]"

_KEY = re.compile(r'[^\s.\[\]"\\*]+')
_QUOTED = re.compile(r'"(?:[^"\\]|\\.)*"')
_INDEX = re.compile(r"\[(-?[0-9]{1,9})\]")

_HOW = (
    "Write keys with dots between them and indexes in brackets, a.b[0]; a key with "
    'other characters in double quotes, a."b.c"; or the steps as a list: ["a", "b.c"]'
)

# Encoders write other characters, and some of these too, as an escape such as \u00e9,
# which MariaDB and SQLite before 3.45 take for another key.
_PLAIN = re.compile(r"[A-Za-z0-9_ !#$%()*,.:;=?@\[\]^{|}~-]*", re.ASCII)


def steps(path: str | t.Sequence[Step], snippet: str) -> Steps:
    """Return the keys (str) and indexes (int) of a path.

    :param path: as text, ``a.b[0]``, or the steps themselves.
    :param snippet: what asks, for the message.
    :raises DefinitionError: for what is no path; it says at which character.
    """
    if not isinstance(path, (str, list, tuple)):
        refuse(snippet, f"this is no path: {path!r}", _HOW)
    found = _parsed(path, snippet) if isinstance(path, str) else tuple(path)
    if not found:
        refuse(snippet, "the path is empty: it would be the whole document", _HOW)
    for step in found:
        if isinstance(step, bool) or not isinstance(step, (str, int)):
            refuse(
                snippet,
                f"a step of the path is a key or an index, and this is {step!r}",
                _HOW,
            )
        if isinstance(step, str) and not storable(step):
            refuse(
                snippet,
                f"no database has a text like the key {step!r}",
                "Leave U+0000 and single surrogates out",
            )
    return found


def is_plain(step: Step) -> bool:
    """Tell whether a step is found however the document was encoded."""
    return isinstance(step, int) or _PLAIN.fullmatch(step) is not None


def storable(text: str) -> bool:
    """Tell whether a text can be in JSON on every database."""
    return re.search("[\0\ud800-\udfff]", text) is None


def postgresql(path: Steps) -> str:
    """Return a path as SQL/JSON has it, in the mode without guesses."""
    return "strict $" + _joined(path, lambda n: f"last - {n - 1}")


def mysql(path: Steps) -> str:
    """Return part of a path as MySQL has it, with indexes from the front only."""
    return _joined(path, str)


def sqlite(path: Steps) -> str:
    """Return part of a path as SQLite has it."""
    return _joined(path, lambda n: f"#-{n}")


def shown(path: Steps) -> str:
    """Return a path as :func:`steps` takes it."""
    return _joined(path, lambda n: f"-{n}").removeprefix(".")


def _joined(path: Steps, behind: t.Callable[[int], str]) -> str:
    return "".join(
        f".{quoted(step)}"
        if isinstance(step, str)
        else f"[{step if step >= 0 else behind(-step)}]"
        for step in path
    )


def quoted(key: str) -> str:
    """Return a key as JSON spells a string."""
    return json.dumps(key, ensure_ascii=False)


def _parsed(path: str, snippet: str) -> Steps:
    found: list[Step] = []
    at = 0
    while at < len(path):
        if found and path[at] == ".":
            at += 1
            wanted = "a key"
        else:
            wanted = "a dot or an index in brackets" if found else "a key or an index"
        index = _INDEX.match(path, at)
        quoted = _QUOTED.match(path, at)
        key = _KEY.match(path, at)
        if index and wanted != "a key":
            found.append(int(index[1]))
            at = index.end()
        elif quoted and wanted != "a dot or an index in brackets":
            try:
                found.append(json.loads(quoted[0]))
            except ValueError:
                _not_parsed(path, at, "a key as JSON writes a string", snippet)
            at = quoted.end()
        elif key and wanted != "a dot or an index in brackets":
            if key[0] == "$" and not found:
                _not_parsed(path, at, "a key, for no $ leads a path here", snippet)
            found.append(key[0])
            at = key.end()
        else:
            _not_parsed(path, at, wanted, snippet)
    return tuple(found)


def _not_parsed(path: str, at: int, wanted: str, snippet: str) -> t.NoReturn:
    rest = f"at character {at + 1}, {path[at:]!r}" if path[at:] else "at its end"
    refuse(
        snippet,
        f"the JSON path {path!r} does not parse {rest}: {wanted} was expected",
        _HOW,
    )
