"""The ``DATAMIGRATE_*`` keys, as the config has them now."""

from __future__ import annotations

import typing as t

from ... import settings
from ...dialects import family
from ...errors import ConfigError
from ..check import Check
from ..findings import Finding
from ..subjects import Installation


def look(installation: Installation) -> t.Iterator[Finding]:
    try:
        values = settings.read(installation.app.config)
    except ConfigError as error:
        # At the start of the app they were right.
        yield Finding("problem", error.what, error.next)
        return
    kinds = {family(engine.dialect) for engine in installation.engines.values()}
    if values.max_lag is not None and not values.replicas and "mysql" in kinds:
        yield Finding(
            "problem",
            "DATAMIGRATE_MAX_LAG is set, and on MySQL and MariaDB a primary does not "
            "know how far behind its replicas are: no backfill can begin there",
            "List their URLs in DATAMIGRATE_REPLICAS",
        )
    if values.max_load is not None and kinds == {"sqlite"}:
        yield Finding(
            "note", "DATAMIGRATE_MAX_LOAD is set, and SQLite has no server to ask"
        )
    own = [key.name for key in settings.KEYS if key.name in installation.app.config]
    if own:
        yield Finding("ok", f"set: {', '.join(own)}")


CHECK = Check("keys", "every DATAMIGRATE_ key has its default", look)
