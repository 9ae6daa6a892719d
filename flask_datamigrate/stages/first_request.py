"""``DATAMIGRATE_CHECK``: the comparison of ``flask db data check`` in a running app."""

from __future__ import annotations

import typing as t

from flask import Flask
from flask import abort
from sqlalchemy import exc

from . import compatibility
from . import marks
from . import unnamed
from .apart import Conflict
from .handle import watch

if t.TYPE_CHECKING:
    from ..settings import Settings


def install(app: Flask, settings: Settings) -> None:
    """Have the first request of each process compare the config with the database.

    What the last upgrade has written down is asked, so that neither the migrations
    folder nor ``env.py`` is needed where the app runs.
    """
    passed = False

    def check() -> None:
        nonlocal passed
        if passed:
            return
        try:
            found = [str(conflict) for conflict in conflicts(app)]
            passed = True
        except exc.SQLAlchemyError as error:
            # The next request asks again.
            found = [
                "The stages of changes could not be compared with the database: "
                f"{str(error).splitlines()[0]}"
            ]
        for said in found:
            app.logger.error("%s", said)
        if found and settings.check == "error":
            passed = False
            # Its log tells why; a stranger need not know.
            abort(503)

    app.before_request(check)


def conflicts(app: Flask) -> list[Conflict]:
    """Return why the code of an app cannot live with its databases."""
    seen = watch(app).look()
    found = []
    stages = app.config.get("DATAMIGRATE_STAGES", {})
    early = [name for name in seen if stages.get(name) != "contract"]
    # Who uses the new columns alone needs no trigger, and asks for none.
    lacking = watch(app).lacking() if early else []
    for name, stage in stages.items():
        sight = seen.get(name)
        wrong = compatibility.conflict(
            name,
            stage,
            None if sight is None else sight.stage,
            sight is not None and sight.verified,
            lacking=[one for one in lacking if one.change == name],
        )
        if wrong is not None:
            found.append(wrong)
    for name in sorted(app.extensions["migrate"].migrate.asked - stages.keys()):
        sight = seen.get(name, marks.Sight(None, False))
        found.append(unnamed.conflict(name, sight.stage, sight.verified, stages))
    return found
