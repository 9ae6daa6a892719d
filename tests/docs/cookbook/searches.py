"""The recipes about searching: full text, indexes, extensions."""

from __future__ import annotations

import typing as t

import sqlalchemy as sa

from .recipe import BLOCKS
from .recipe import Look
from .recipe import Recipe

_metadata = sa.MetaData()
_articles = sa.Table(
    "articles",
    _metadata,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("title", sa.String(200)),
    sa.Column("body", sa.Text),
)


def _matching() -> t.Callable[[str], t.Any]:
    """Return the function on the page, which is for the app."""
    (block,) = (b for b in BLOCKS if b.kind == "fragment" and "def matching" in b.text)
    names: dict[str, t.Any] = {}
    exec(block.text, names)
    return t.cast(t.Callable[[str], t.Any], names["matching"])


def found(text: str, *ids: int) -> Look:
    """Return the search for a text, and the articles it has to find."""
    query = sa.select(_articles.c.id).where(_matching()(text)).order_by(_articles.c.id)
    return query, [(id_,) for id_ in ids]


FULL_TEXT = Recipe(
    revisions=("fulltext-expand", "fulltext-data", "fulltext-index"),
    stays=("fulltext-data",),
    tables=_metadata,
    rows={
        "articles": [
            {"id": 1, "title": "The Analytical Engine", "body": "by Ada Lovelace"},
            {"id": 2, "title": "Ada", "body": None},
            {"id": 3, "title": None, "body": "An engine's notes"},
            {"id": 4, "title": "", "body": ""},
            {"id": 5, "title": None, "body": None},
            {"id": 6, "title": "Núñez", "body": "engines, engineer"},
        ]
    },
    after=(
        found("engine", 1, 3),
        found("ADA", 1, 2),
        found("ada engine", 1),
        found("núñez", 6),
        found("nothing"),
        found('"'),
        found('engine" OR -ada'),
        found(""),
    ),
    since=(
        "INSERT INTO articles (id, title, body) VALUES (20, 'Difference engine', NULL)",
        "UPDATE articles SET title = 'Poetry' WHERE id = 1",
        "UPDATE articles SET body = 'engine' WHERE id = 5",
        "DELETE FROM articles WHERE id = 3",
    ),
    back=(
        ("SELECT title, body FROM articles WHERE id = 5", [(None, "engine")]),
        ("SELECT title FROM articles WHERE id = 20", [("Difference engine",)]),
    ),
)

_metadata = sa.MetaData()
sa.Table(
    "users",
    _metadata,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("email", sa.String(255)),
    sa.Column("name", sa.String(100)),
)
_USERS: dict[str, list[dict[str, t.Any]]] = {
    "users": [
        {"id": 1, "email": "ada@x.org", "name": "Ada Lovelace"},
        {"id": 2, "email": None, "name": None},
        {"id": 3, "email": "", "name": ""},
        {"id": 4, "email": "ada@x.org", "name": "Plover"},
    ]
}

INDEX = Recipe(
    revisions=("index",),
    tables=_metadata,
    rows=_USERS,
    after=(("SELECT count(*) FROM users WHERE email = 'ada@x.org'", [(2,)]),),
)
EXTENSION = Recipe(
    revisions=("extension", "extension-index"),
    tables=_metadata,
    rows=_USERS,
    after=(("SELECT id FROM users WHERE name LIKE '%ove%' ORDER BY id", [(1,), (4,)]),),
)
