"""What the linter knows of the project beside its migrations."""

from __future__ import annotations

import dataclasses
import functools
import importlib.util
import pathlib
import sys
import typing as t

from .conventions import Conventions
from .parsing import DIALECTS

_OURS = __name__.partition(".")[0]


@dataclasses.dataclass(frozen=True)
class Project:
    """A project whose migrations are read.

    :param migrations: the directory of the migrations.
    :param packages: the top-level packages that are known to be the app's.
    :param roots: directories that the app's modules are imported from.
    :param dialects: the databases it runs on, in the names of SQLAlchemy.
    :param conventions: the names that the models give constraints without one.
    """

    migrations: pathlib.Path
    packages: frozenset[str] = frozenset()
    roots: tuple[pathlib.Path, ...] = ()
    dialects: tuple[str, ...] = ()
    conventions: Conventions = Conventions()

    @functools.cached_property
    def _known(self) -> dict[str, bool]:
        return {}

    def owns(self, module: str) -> bool:
        """Tell whether a module is the app's own; it is looked for, not imported.

        :param module: its dotted name; a relative one is the app's.
        """
        if module.startswith("."):
            return True
        if self._beside_migrations(module):
            return False
        top = module.partition(".")[0]
        if top not in self._known:
            self._known[top] = self._is_own(top)
        return self._known[top]

    def _is_own(self, top: str) -> bool:
        if top in sys.stdlib_module_names or top == _OURS:
            return False
        if top in self.packages:
            return True
        if not any(_holds(root, top) for root in self.roots):
            return False
        return not _installed(top)

    def _beside_migrations(self, module: str) -> bool:
        """Tell whether a module is kept with the migrations, and frozen like them."""
        path = pathlib.PurePath(*module.split("."))
        return any((root / path).is_relative_to(self.migrations) for root in self.roots)


def roots(migrations: pathlib.Path, *more: pathlib.Path) -> tuple[pathlib.Path, ...]:
    """Return the directories that an app's modules may be imported from.

    :param migrations: the directory of its migrations, which may be in a package.
    :param more: others, such as the current directory.
    """
    found = migrations.resolve().parent
    while (found / "__init__.py").exists():
        found = found.parent
    wanted = [found, *(path.resolve() for path in more)]
    return tuple(dict.fromkeys(path for path in wanted if not _foreign(path)))


def family(dialect: str) -> str:
    """Return the name a dialect has among ours."""
    name = "mysql" if dialect == "mariadb" else dialect
    return name if name in DIALECTS else ""


def _holds(root: pathlib.Path, top: str) -> bool:
    if (root / f"{top}.py").is_file():
        return True
    package = root / top
    return package.is_dir() and next(package.glob("*.py"), None) is not None


def _installed(top: str) -> bool:
    """Tell whether a package comes from elsewhere; finding it does not import it."""
    try:
        spec = importlib.util.find_spec(top)
    except (ImportError, ValueError):
        return False
    return (
        spec is not None
        and spec.origin is not None
        and _foreign(pathlib.Path(spec.origin))
    )


def _foreign(path: pathlib.Path) -> bool:
    return any(part in ("site-packages", "dist-packages") for part in path.parts)


def dialects(names: t.Iterable[str]) -> tuple[str, ...]:
    """Return the families of dialects, each once."""
    return tuple(dict.fromkeys(filter(None, map(family, names))))
