"""A misspelt change in the config, found when the app starts.

Loading the revisions would cost an app its start-up. Their files are only searched, and
only where the config names a change: a few milliseconds for hundreds of them.
"""

from __future__ import annotations

import pathlib
import re
import typing as t

from ..errors import ConfigError
from ..frozen.names import nearest

_CHANGE = re.compile(rb"^change\s*(?::[^=\n]+)?=\s*[\"']([^\"'\n]+)[\"']", re.MULTILINE)
_ELSEWHERE = re.compile(rb"^\s*version_locations\s*=", re.MULTILINE)


def check(stages: t.Mapping[str, t.Any], directory: str) -> None:
    """Refuse a name that no revision has, and that is nearly one that some have.

    Any other may be of a change whose first revision is still to be written; it is
    left to ``flask db upgrade``. So is a project whose files are not here, or not all
    in one place.

    :param directory: the migrations folder.
    :raises ConfigError: with the name that may be meant.
    """
    root = pathlib.Path(directory)
    if not stages or not (root / "versions").is_dir():
        return
    ini = root / "alembic.ini"
    if ini.is_file() and _ELSEWHERE.search(ini.read_bytes()):
        return
    names = {
        name.decode(errors="replace")
        for path in (root / "versions").rglob("*.py")
        for name in _CHANGE.findall(path.read_bytes())
    }
    for name in stages:
        meant = None if name in names else nearest(name, names)
        if meant is not None:
            raise ConfigError(
                f'no revision belongs to a change "{name}"; did you mean "{meant}"?',
                where='app.config["DATAMIGRATE_STAGES"]',
                next="Mend the name; or, if it is a new change, write its first "
                "revision before the config names it",
            )
