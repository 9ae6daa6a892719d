"""Random patterns: those that are not refused replace the same on every database."""

from __future__ import annotations

import re

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck
from hypothesis import event
from hypothesis import given
from hypothesis import settings
from hypothesis import strategies as st

from flask_datamigrate import errors
from flask_datamigrate import snippets as sn
from tests.databases.database import Database
from tests.snippets.parity import BACKENDS
from tests.snippets.parity import TEXT

TEXTS = [
    *("", "a", "b", "ab", "ba", "aab", "abb", "aba", "bab", "abab", "aabb", "bbaa"),
    *("abc", "acb", "cab", "aaa", "aaaa", "abcabc", "ababab", "a b", " a", "a ", "a\n"),
    *("\na", "a\nb", "b-a", "aéb", "éa", "abcé\U0001f600ab", "a1b22", "cc", "cbcbc"),
    *("aaabaaab", "abcbcbc", "aabbccaabbcc", "caab acab", "bbbbbbb", "accca"),
]

_CHARACTERS = st.sampled_from(
    ["a", "b", "c", ".", "[ab]", "[^a]", r"\w", r"\W", r"\s", r"\D", "é", "[b-é]"]
)
_COUNTS = st.sampled_from(["", "", "", "*", "+", "?", "{2}", "{1,2}", "{2,}", "{0,2}"])


def _grown(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    repeated = st.tuples(inner, _COUNTS).map("".join)
    sequence = st.lists(repeated, min_size=1, max_size=4).map("".join)
    choice = st.lists(sequence, min_size=1, max_size=3).map("|".join)
    return st.tuples(st.sampled_from(["(", "(?:"]), choice).map(
        lambda p: f"{''.join(p)})"
    )


_ITEM = st.tuples(st.recursive(_CHARACTERS, _grown, max_leaves=6), _COUNTS).map("".join)
_PATTERN = st.tuples(
    st.sampled_from(["", "", "^"]),
    st.lists(_ITEM, min_size=1, max_size=4).map("".join),
    st.sampled_from(["", "", "$"]),
).map("".join)


def accepted(pattern: str) -> tuple[str, str] | None:
    """Return a pattern with a replacement that shows its groups, unless refused."""
    groups = re.compile(pattern).groups
    new = "<" + "|".join(rf"\{i}" for i in range(1, min(groups, 9) + 1)) + ">"
    try:
        sn.regexp_replace("", pattern, new)
    except errors.DefinitionError:
        return None
    return pattern, new


@pytest.mark.parametrize(
    ("database", "driver"), BACKENDS, ids=str, indirect=["database"]
)
def test_it_replaces_the_same(database: Database, driver: str) -> None:
    table = sa.Table(
        "t", sa.MetaData(), sa.Column("n", sa.Integer), sa.Column("text", TEXT)
    )
    engine = database.engine(driver=driver)
    with engine.begin() as connection:
        table.create(connection)
        rows = [{"n": n, "text": text} for n, text in enumerate(TEXTS)]
        connection.execute(sa.insert(table), rows)

        @settings(
            max_examples=25,
            deadline=None,
            suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
        )
        @given(st.lists(_PATTERN, min_size=20, max_size=60))
        def check(patterns: list[str]) -> None:
            pairs = list(dict.fromkeys(filter(None, map(accepted, patterns))))
            event(f"accepted: {len(pairs) // 10 * 10} or more")
            if not pairs:
                return
            columns = [sn.regexp_replace(table.c.text, *pair) for pair in pairs]
            found = connection.execute(sa.select(*columns).order_by(table.c.n)).all()
            for text, results in zip(TEXTS, found, strict=True):
                for (pattern, new), result in zip(pairs, results, strict=True):
                    python = re.compile(re.sub(r"\$$", r"\\Z", pattern), re.ASCII)
                    assert result == python.sub(new, text), (pattern, text)

        check()
