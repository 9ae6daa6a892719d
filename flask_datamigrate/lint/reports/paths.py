"""How a file is named in a report."""

from __future__ import annotations

import os
import pathlib


def shown(path: pathlib.Path) -> str:
    """Return a path from the current directory where it is within, with slashes."""
    try:
        relative = pathlib.Path(os.path.relpath(path))
    except ValueError:
        return path.as_posix()
    return (path if ".." in relative.parts else relative).as_posix()
