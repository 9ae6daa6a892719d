"""A definition is known again, and an edited one is told apart."""

from __future__ import annotations

import os
import pathlib
import subprocess
import sys
import textwrap

import pytest

HEADER = """
import datetime, decimal, enum, functools, re, uuid
import sqlalchemy as sa
from flask_datamigrate import Backfill, frozen, snippets as sn
from flask_datamigrate.backfill.fingerprint import fingerprint

class Color(enum.Enum):
    RED = "red"

t = frozen.table(
    "t",
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("a", sa.String(20)),
    sa.Column("n", sa.Integer),
)
"""


def prints(tmp_path: pathlib.Path, *bodies: str, seed: str = "0") -> list[str]:
    """Return the fingerprint of ``b`` of each body, from a process of their own."""
    paths = []
    for i, body in enumerate(bodies):
        path = tmp_path / f"revision_{i}.py"
        path.write_text(HEADER + textwrap.dedent(body))
        paths.append(str(path))
    script = (
        "import runpy, sys, sqlalchemy as sa\n"
        "from flask_datamigrate.backfill.fingerprint import fingerprint\n"
        "from sqlalchemy.dialects import postgresql\n"
        "for path in sys.argv[1:]:\n"
        "    b = runpy.run_path(path)['b']\n"
        "    print(fingerprint(b, postgresql.dialect()))\n"
    )
    root = str(pathlib.Path(__file__).parents[2])
    ran = subprocess.run(
        [sys.executable, "-c", script, *paths],
        env={**os.environ, "PYTHONPATH": root, "PYTHONHASHSEED": seed},
        capture_output=True,
        text=True,
        check=True,
    )
    return ran.stdout.split()


STABLE = [
    """
    b = Backfill.rows(
        t, lambda row: {"n": 1} if row.a in {"x", "y", "z", "w"} else None,
        reads=["a"], writes=["n"],
    )
    """,
    """
    WORDS = {"alpha", "beta", "gamma", "delta"}
    def f(row):
        return {"n": len(WORDS)} if row.a in WORDS else None
    b = Backfill.rows(t, f, reads=["a"], writes=["n"])
    """,
    """
    b = Backfill(sa.update(t).where(t.c.a.in_({"x", "y", "z", "w"})).values(n=1))
    """,
    """
    b = Backfill(
        sa.update(t).where(t.c.id.in_([3, 1])).values(
            a=sn.branch(postgresql=sa.literal("x"), default="'y'"), n=t.c.n + 1)
    )
    """,
    """
    f = eval("lambda row: {'n': 1 if row.a in {'x', 'y', 'z', 'w'} else 2}")
    b = Backfill.rows(t, f, reads=["a"], writes=["n"])
    """,
    """
    class F:
        def __init__(self, k): self.k = k; self.other = object()
        def __call__(self, row): return {"n": self.k}
    b = Backfill.rows(t, F(3), reads=["a"], writes=["n"])
    """,
    """
    def g(row, k): return {"n": k}
    b = Backfill.rows(t, functools.partial(g, k=object()), reads=["a"], writes=["n"])
    """,
]


def test_it_is_the_same_in_every_process(tmp_path: pathlib.Path) -> None:
    first, *others = (prints(tmp_path, *STABLE, seed=seed) for seed in ("0", "1", "77"))

    assert all(other == first for other in others)
    assert len(set(first)) == len(STABLE)


FUNCTION = """
    FACTOR = 3
    WORDS = {"one": 1, "two": 2}

    def helper(x):
        return x * 2

    def f(row):
        return {"n": helper(row.n) * FACTOR + WORDS["one"]}

    b = Backfill.rows(t, f, reads=["n"], writes=["n"], batch_size=10)
"""
LAMBDA = """
    b = Backfill.rows(t, lambda row: {"n": row.n + 5}, reads=["n"], writes=["n"])
"""
UPDATE = """
    b = Backfill(sa.update(t).where(t.c.n > 5).values(a="x"), batch_size=10)
"""


SAME = [
    (
        FUNCTION,
        """
    # Said in more words.
    WORDS = {"two": 2, "one": 1}  # as before
    FACTOR = 3

    def helper(x):
        '''Double it.'''
        return (x
                * 2)

    def f(row):
        "Compute."
        return {
            "n": helper(row.n) * FACTOR  # why
            + WORDS['one'],
        }

    b = Backfill.rows(t, f, reads=["n"], writes=["n"], batch_size=99, verify=False)
""",
    ),
    (
        LAMBDA,
        """
    b = Backfill.rows(
        t,
        lambda row: {'n': (row.n + 5)},  # the same
        reads=["n"], writes=["n"],
        throttle=lambda: None,
        batch_size=99,
    )
""",
    ),
    (
        LAMBDA,
        """
    b = Backfill.rows(t, lambda row: {"n":row.n+5}, reads="n", writes="n", batch_size=7)
""",
    ),
    (
        UPDATE,
        """
    b = Backfill(sa.update(t).where(5 < t.c.n).values({"a": "x"}), verify=False)
""",
    ),
]
EDITED = [
        (FUNCTION, "FACTOR = 3", "FACTOR = 4"),
        (FUNCTION, '"one": 1', '"one": 11'),
        (FUNCTION, "x * 2", "x * 3"),
        (FUNCTION, "* FACTOR +", "* FACTOR -"),
        (FUNCTION, 'reads=["n"]', 'reads=["n", "a"]'),
        (FUNCTION, 'writes=["n"]', 'writes=["n", "a"]'),
        (FUNCTION, "batch_size=10", "where=t.c.n > 1"),
        (FUNCTION, "batch_size=10", "undo=True"),
        (LAMBDA, "5", "6"),
        (LAMBDA, 'row.n + 5}', 'row.n + 5} if row.n else None'),
        (LAMBDA, 'row.n + 5}', 'sum([x for x in (1, 2)])}'),
        (UPDATE, "> 5", "> 6"),
        (UPDATE, ">", "<"),
        (UPDATE, '"x"', '"y"'),
        (UPDATE, 'a="x"', "n=1"),
        (UPDATE, "batch_size=10", "undo=True"),
        (UPDATE, "batch_size=10", 'key=["id", "n"]'),
        (STABLE[0], '"w"', '"v"'),
        (STABLE[1], '"delta"', '"epsilon"'),
        (STABLE[2], '"w"', '"v"'),
        (STABLE[3], "[3, 1]", "[3, 2]"),
        (STABLE[3], 'sa.literal("x")', 'sa.literal("z")'),
        (STABLE[4], "'w'", "'v'"),
        (STABLE[5], "F(3)", "F(4)"),
        (STABLE[5], "self.k}", "-self.k}"),
        (STABLE[6], "k=object()", "k=5"),
]  # fmt: skip


@pytest.fixture(scope="module")
def known(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Return the fingerprint of each definition, all found by one process."""
    bodies = [body for pair in SAME for body in pair]
    bodies += [body for body, _, _ in EDITED]
    bodies += [body.replace(old, new) for body, old, new in EDITED]
    found = prints(tmp_path_factory.mktemp("revisions"), *bodies)
    return dict(zip(bodies, found, strict=True))


@pytest.mark.parametrize(("before", "after"), SAME)
def test_layout_comments_and_options_of_a_run_do_not_change_it(
    known: dict[str, str], before: str, after: str
) -> None:
    assert known[before] == known[after]


@pytest.mark.parametrize(("body", "old", "new"), EDITED)
def test_a_change_of_meaning_changes_it(
    known: dict[str, str], body: str, old: str, new: str
) -> None:
    assert body.count(old) == 1
    assert known[body] != known[body.replace(old, new)]
