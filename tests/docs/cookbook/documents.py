"""The recipes about JSON."""

from __future__ import annotations

import typing as t

import sqlalchemy as sa

from .recipe import Recipe

_metadata = sa.MetaData()
_accounts = sa.Table(
    "accounts",
    _metadata,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("settings", sa.JSON),
)
_SETTINGS: tuple[tuple[t.Any, t.Any], ...] = (
    (
        {"mail": True, "theme": "dark"},
        {"theme": "dark", "notify": {"mail": True}},
    ),
    ({"mail": None}, {"notify": {"mail": None}}),
    (
        {"mail": True, "notify": {"sms": False}},
        {"notify": {"mail": True, "sms": False}},
    ),
    ({"mail": True, "notify": {"mail": False}}, {"notify": {"mail": False}}),
    ({"mail": True, "notify": "all"}, {"mail": True, "notify": "all"}),
    ({}, {}),
    ([], []),
    ("mail", "mail"),
    (None, None),
    (sa.null(), None),
    ({"mail": "é😀\"'"}, {"notify": {"mail": "é😀\"'"}}),
)

JSON_MOVE = Recipe(
    revisions=("json-move",),
    tables=_metadata,
    rows={
        "accounts": [
            {"id": n, "settings": before}
            for n, (before, _) in enumerate(_SETTINGS, start=1)
        ]
    },
    after=(
        (
            sa.select(_accounts.c.settings).order_by(_accounts.c.id),
            [(after,) for _, after in _SETTINGS],
        ),
    ),
)

_metadata = sa.MetaData()
sa.Table(
    "profiles",
    _metadata,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("data", sa.JSON),
)
_PROFILES: tuple[tuple[t.Any, t.Any], ...] = (
    (
        {"address": {"city": "London", "zip": 12345}, "visits": "7"},
        ("London", "12345", 7),
    ),
    ({"address": {"city": ""}, "visits": "many"}, ("", None, None)),
    ({"address": {"city": None}}, (None, None, None)),
    ({"address": {"city": ["Rome", "Bari"]}}, (None, None, None)),
    ({"address": "London"}, (None, None, None)),
    ([], (None, None, None)),
    (None, (None, None, None)),
    (sa.null(), (None, None, None)),
    ({"visits": 2**40}, (None, None, 2**40)),
    ({"address": {"zip": "é😀"}, "visits": 1.5}, (None, "é😀", None)),
)

JSON_FLAT = Recipe(
    revisions=("json-flat-expand", "json-flat-data"),
    tables=_metadata,
    rows={
        "profiles": [
            {"id": n, "data": before}
            for n, (before, _) in enumerate(_PROFILES, start=1)
        ]
    },
    after=(
        (
            "SELECT city, zip, visits FROM profiles ORDER BY id",
            [after for _, after in _PROFILES],
        ),
    ),
)

_metadata = sa.MetaData()
sa.Table(
    "contacts",
    _metadata,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("city", sa.String(100)),
    sa.Column("floor", sa.Integer),
)
_contacts = sa.table(
    "contacts",
    sa.column("id", sa.Integer),
    sa.column("address", sa.JSON),
)


def _address(city: str | None, floor: int | None) -> dict[str, t.Any]:
    return {"city": city, "floor": floor, "country": None}


JSON_NESTED = Recipe(
    revisions=("json-nested-expand", "json-nested-data", "json-nested-contract"),
    tables=_metadata,
    rows={
        "contacts": [
            {"id": 1, "city": "London", "floor": 3},
            {"id": 2, "city": 'The "Hague"', "floor": None},
            {"id": 3, "city": None, "floor": 0},
            {"id": 4, "city": "", "floor": None},
            {"id": 5, "city": None, "floor": None},
            {"id": 6, "city": "Ñ\\😀", "floor": -1},
        ]
    },
    after=(
        (
            sa.select(_contacts.c.address).order_by(_contacts.c.id),
            [
                (_address("London", 3),),
                (_address('The "Hague"', None),),
                (_address(None, 0),),
                (_address("", None),),
                (None,),
                (_address("Ñ\\😀", -1),),
            ],
        ),
        ("SELECT id FROM contacts WHERE address IS NULL", [(5,)]),
    ),
    since=(
        sa.insert(_contacts).values(id=20, address={"city": "Rome", "floor": 2}),
        sa.insert(_contacts).values(id=21, address=[]),
    ),
    back=(
        (
            "SELECT city, floor FROM contacts WHERE id >= 20 ORDER BY id",
            [("Rome", 2), (None, None)],
        ),
    ),
)
