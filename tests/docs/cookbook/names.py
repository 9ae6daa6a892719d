"""The recipes about texts: split, put together, extract."""

from __future__ import annotations

import sqlalchemy as sa

from .recipe import Recipe

_metadata = sa.MetaData()
sa.Table(
    "users",
    _metadata,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("full_name", sa.String(100)),
)

SPLIT = Recipe(
    revisions=("split-expand", "split-data", "split-contract"),
    tables=_metadata,
    rows={
        "users": [
            {"id": 1, "full_name": "Ada Lovelace"},
            {"id": 2, "full_name": "Plato"},
            {"id": 3, "full_name": "Ana Maria Souza"},
            {"id": 4, "full_name": " José  Núñez "},
            {"id": 5, "full_name": ""},
            {"id": 6, "full_name": "  "},
            {"id": 7, "full_name": None},
            {"id": 8, "full_name": "王 小明😀"},
            {"id": 9, "full_name": "x" * 100},
        ]
    },
    after=(
        (
            "SELECT first_name, last_name FROM users ORDER BY id",
            [
                ("Ada", "Lovelace"),
                ("Plato", ""),
                ("Ana", "Maria Souza"),
                ("José", "Núñez"),
                ("", ""),
                ("", ""),
                (None, None),
                ("王", "小明😀"),
                ("x" * 100, ""),
            ],
        ),
    ),
    since=(
        "INSERT INTO users (id, first_name, last_name) VALUES "
        "(20, 'Grace', 'Hopper'), (21, 'Euclid', NULL), (22, NULL, NULL)",
        "UPDATE users SET last_name = 'King' WHERE id = 1",
    ),
    back=(
        (
            "SELECT id, full_name FROM users WHERE id IN (1, 4, 20, 21, 22) "
            "ORDER BY id",
            [
                (1, "Ada Lovelace"),
                (4, " José  Núñez "),
                (20, "Grace Hopper"),
                (21, "Euclid"),
                (22, None),
            ],
        ),
    ),
)

_metadata = sa.MetaData()
sa.Table(
    "users",
    _metadata,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("first_name", sa.String(100)),
    sa.Column("last_name", sa.String(100)),
)

CONCATENATE = Recipe(
    revisions=("concatenate-expand", "concatenate-data", "concatenate-contract"),
    tables=_metadata,
    rows={
        "users": [
            {"id": 1, "first_name": "Ada", "last_name": "Lovelace"},
            {"id": 2, "first_name": "Plato", "last_name": None},
            {"id": 3, "first_name": "", "last_name": "Souza"},
            {"id": 4, "first_name": "", "last_name": None},
            {"id": 5, "first_name": None, "last_name": None},
            {"id": 6, "first_name": "é" * 100, "last_name": "😀" * 100},
        ]
    },
    after=(
        (
            "SELECT full_name FROM users ORDER BY id",
            [
                ("Ada Lovelace",),
                ("Plato",),
                ("Souza",),
                ("",),
                (None,),
                ("é" * 100 + " " + "😀" * 100,),
            ],
        ),
    ),
    since=(
        "INSERT INTO users (id, full_name) VALUES "
        "(20, 'Grace Brewster Hopper'), (21, 'Euclid'), (22, NULL)",
    ),
    back=(
        (
            "SELECT first_name, last_name FROM users WHERE id >= 20 ORDER BY id",
            [("Grace", "Brewster Hopper"), ("Euclid", ""), (None, None)],
        ),
    ),
)

_metadata = sa.MetaData()
sa.Table(
    "users",
    _metadata,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("email", sa.String(255)),
)

EMAIL = Recipe(
    revisions=("email-expand", "email-data", "email-index"),
    tables=_metadata,
    rows={
        "users": [
            {"id": 1, "email": "ada@Example.org"},
            {"id": 2, "email": '"b@y"@z.org'},
            {"id": 3, "email": "nobody@"},
            {"id": 4, "email": "none"},
            {"id": 5, "email": ""},
            {"id": 6, "email": None},
            {"id": 7, "email": "@"},
            {"id": 8, "email": "é@BÜCHER.example"},
        ]
    },
    after=(
        (
            "SELECT email_domain FROM users ORDER BY id",
            [
                ("Example.org",),
                ("z.org",),
                ("",),
                (None,),
                (None,),
                (None,),
                ("",),
                ("BÜCHER.example",),
            ],
        ),
    ),
)

_metadata = sa.MetaData()
sa.Table(
    "links",
    _metadata,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("url", sa.String(500)),
)

URL = Recipe(
    revisions=("url-expand", "url-data"),
    tables=_metadata,
    rows={
        "links": [
            {"id": 1, "url": "https://Example.org/a?b=c@d.org"},
            {"id": 2, "url": "https://ada:secret@example.org:8080/"},
            {"id": 3, "url": "http://[2001:db8::1]:80/"},
            {"id": 4, "url": "/about"},
            {"id": 5, "url": "mailto:ada@example.org"},
            {"id": 6, "url": "http://["},
            {"id": 7, "url": ""},
            {"id": 8, "url": None},
            {"id": 9, "url": "//cdn.example.org"},
        ]
    },
    after=(
        (
            "SELECT host FROM links ORDER BY id",
            [
                ("example.org",),
                ("example.org",),
                ("2001:db8::1",),
                (None,),
                (None,),
                (None,),
                (None,),
                (None,),
                ("cdn.example.org",),
            ],
        ),
    ),
)
