"""The root cause of a bug, wherever it is while the change of it is under way.

A text in the bug at first, and a row of a table of causes in the end. Which of them
this code reads and writes is decided here, by the change ``bug_root_cause``, and
nowhere else: see revisions 0023 to 0029.
"""

from __future__ import annotations

import typing as t

import sqlalchemy as sa

from flask_datamigrate import snippets as sn

from . import derived
from .database import db
from .database import migrate
from .models import Bug
from .models import RootCause

change = migrate.change("bug_root_cause")

_bugs = sa.table(
    "bugs",
    sa.column("id", sa.Integer),
    sa.column("root_cause", sa.Text),
    sa.column("root_cause_id", sa.Integer),
)
_linked = Bug.__table__.c.root_cause_id


def read() -> sa.ColumnElement[t.Any]:
    """Return the text of the root cause, as a part of a query of bugs."""
    if change.reads_new:
        linked = sa.select(RootCause.name).where(RootCause.id == _linked)
        return linked.correlate(Bug).scalar_subquery()
    return sa.literal_column("bugs.root_cause", sa.Text)


def write(id: int, text: str | None) -> None:
    """Set the root cause of a bug that is in the database, without a commit.

    :param id: the key of the bug.
    """
    values: dict[str, t.Any] = {}
    if change.writes_old:
        # With the link, the text must say the same: no trigger mends it then.
        values["root_cause"] = derived.cause_name(text) if change.writes_new else text
    if change.writes_new:
        values["root_cause_id"] = _id_of(derived.cause_name(text))
    db.session.execute(sa.update(_bugs).where(_bugs.c.id == id).values(values))


def columns() -> dict[str, set[str]]:
    """Return what this code needs for the root causes: columns by table."""
    needed: dict[str, set[str]] = {"bugs": set()}
    if change.writes_old:
        needed["bugs"].add("root_cause")
    if change.writes_new:
        needed["bugs"].add("root_cause_id")
        needed["root_causes"] = set(RootCause.__table__.columns.keys())
    return needed


def _id_of(name: str | None) -> int | None:
    """Make sure of a cause, and return its key."""
    if name is None:
        return None
    query = sa.select(RootCause.id).where(RootCause.name == name)
    id = db.session.scalar(query)
    if id is None:
        missing = sn.insert_missing(RootCause.__table__, [{"name": name}], key=["name"])
        db.session.execute(missing)
        # On MySQL only a locking read sees what somebody else has added since the
        # transaction began.
        id = db.session.scalar(query.with_for_update(read=True, key_share=True))
    return id
