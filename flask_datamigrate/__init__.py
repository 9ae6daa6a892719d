"""Flask-DataMigrate: Flask-Migrate, and the data migrations it leaves to you.

Everything ``flask_migrate`` has is here too, so that changing the import line
is enough: ``from flask_datamigrate import Migrate`` gives :class:`DataMigrate`, and
``upgrade`` and ``downgrade`` run data migrations. Names are loaded when they are
first used: importing this package must not cost an app its start-up.
"""

from __future__ import annotations

import importlib
import typing as t

if t.TYPE_CHECKING:
    from . import errors as errors
    from . import frozen as frozen
    from . import snippets as snippets
    from .backfill.definition import Backfill as Backfill
    from .extension import DataMigrate as DataMigrate
    from .extension import Migrate as Migrate
    from .upgrading import downgrade as downgrade
    from .upgrading import upgrade as upgrade

__all__ = [
    "Backfill",
    "DataMigrate",
    "Migrate",
    "downgrade",
    "errors",
    "frozen",
    "snippets",
    "upgrade",
]

_HOMES = {
    "Backfill": "backfill.definition",
    "DataMigrate": "extension",
    "Migrate": "extension",
    "downgrade": "upgrading",
    "errors": None,
    "frozen": None,
    "snippets": None,
    "upgrade": "upgrading",
}


def __getattr__(name: str) -> t.Any:
    if name in _HOMES:
        home = _HOMES[name]
        module = importlib.import_module(f".{home or name}", __name__)
        value = module if home is None else getattr(module, name)
    elif name.startswith("__"):
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    else:
        try:
            value = getattr(importlib.import_module("flask_migrate"), name)
        except AttributeError:
            raise AttributeError(
                f"module {__name__!r} has no attribute {name!r}"
            ) from None
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    inherited = vars(importlib.import_module("flask_migrate"))
    return sorted({*globals(), *__all__, *(n for n in inherited if n[:1] != "_")})
