"""``DATAMIGRATE_CHECK``: the comparison of ``flask db data check`` in a running app."""

from __future__ import annotations

import functools
import typing as t

from alembic.util import CommandError
from flask import Flask
from flask import abort
from sqlalchemy import exc

from .. import scripts
from . import changes
from . import compatibility
from . import marks
from . import unnamed
from .apart import Conflict
from .handle import watch

if t.TYPE_CHECKING:
    from ..settings import Settings
    from .changes import Change


def install(app: Flask, settings: Settings) -> None:
    """Have the first request of each process compare the config with the database.

    What the last upgrade has written down is asked, so that neither the migrations
    folder nor ``env.py`` is needed where the app runs. Where the folder is there, what
    is told of a conflict names the revisions.
    """
    passed = False
    written = functools.cache(functools.partial(_written, app))

    def check() -> None:
        nonlocal passed
        if passed:
            return
        try:
            found = [str(conflict) for conflict in conflicts(app, written)]
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


def conflicts(
    app: Flask, written: t.Callable[[], t.Mapping[str, Change]]
) -> list[Conflict]:
    """Return why the code of an app cannot live with its databases.

    :param written: returns the changes of the migrations folder, as far as it is here.
    """
    seen = watch(app).look()
    found = []
    stages = app.config.get("DATAMIGRATE_STAGES", {})
    early = [name for name in seen if stages.get(name) != "contract"]
    # Who uses the new columns alone needs no trigger, and asks for none.
    lacking = watch(app).lacking() if early else []
    half = watch(app).half_contracted() if early else []
    for name, stage in stages.items():
        sight = seen.get(name)
        look = functools.partial(
            compatibility.conflict,
            name,
            stage,
            None if sight is None else sight.stage,
            sight is not None and sight.verified,
            lacking=[one for one in lacking if one.change == name],
            half=[one for one in half if one.contract == name],
        )
        wrong = look()
        if wrong is not None and name in written():
            change = written()[name]
            wrong = look(contract=change.ids("contract"), expand=change.ids("expand"))
        if wrong is not None:
            found.append(wrong)
    for name in sorted(app.extensions["migrate"].migrate.asked - stages.keys()):
        sight = seen.get(name, marks.Sight(None, False))
        found.append(unnamed.conflict(name, sight.stage, sight.verified, stages))
    return found


def _written(app: Flask) -> dict[str, Change]:
    """Read the changes of the migrations folder; none where it is not here."""
    try:
        config = app.extensions["migrate"].migrate.get_config()
        return changes.survey(scripts.directory(config))[0]
    except CommandError:
        return {}
