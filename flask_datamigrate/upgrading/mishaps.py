"""What goes wrong in a segment, as one clear error."""

from __future__ import annotations

import contextlib
import typing as t

from alembic.util import CommandError
from sqlalchemy import exc

from .. import scripts
from ..backfill import faults
from ..errors import DataMigrateError
from ..errors import DefinitionError
from ..operations.segment import Segment
from ..operations.segment import what_stays


class Target(t.Protocol):
    """A database that a segment changes."""

    transactional_ddl: bool


@contextlib.contextmanager
def explained(
    directory: str, direction: str, segment: Segment, databases: t.Sequence[Target]
) -> t.Iterator[None]:
    """Turn what the database refuses in a revision into one clear error.

    :param directory: the directory of the scripts.
    :param direction: ``up`` or ``down``.
    :param segment: tells the revision that runs.
    """
    try:
        yield
    except exc.DBAPIError as error:
        where, state = "flask db upgrade", ""
        if direction == "down":
            where = "flask db downgrade"
        if segment.revision is not None:
            where = f"revision {segment.revision}"
            state = _state(databases)
        statement = " ".join((error.statement or "").split())
        advice = faults.classify(error).again
        explained = faults.explain(error, where=where, state=state, next=advice)
        if statement:
            raise DataMigrateError(
                f"{explained.what}, in: {statement[:300]}",
                where=where,
                state=state,
                next=explained.next,
            ) from error
        raise explained from error
    except DefinitionError as error:
        raise scripts.located(error, directory) from error
    except CommandError as error:
        raise scripts.advised(error) from error
    except Exception as error:
        state = "" if segment.revision is None else _state(databases)
        raise scripts.explain(
            error, directory, revision=segment.revision, state=state
        ) from error


def _state(databases: t.Sequence[Target]) -> str:
    return what_stays(transactional=all(d.transactional_ddl for d in databases))
