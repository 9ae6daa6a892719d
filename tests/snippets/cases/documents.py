"""What the snippets on JSON must give."""

from __future__ import annotations

import copy
import json
import typing as t

import sqlalchemy as sa
from hypothesis import strategies as st
from sqlalchemy.dialects import postgresql

from tests.snippets.parity import TEXT
from tests.snippets.parity import Parity

from .dates import null

JSON = sa.JSON(none_as_null=True)
JSONB = JSON.with_variant(postgresql.JSONB(none_as_null=True), "postgresql")

MISSING = object()

Steps: t.TypeAlias = "list[str | int]"

PATHS: dict[str, Steps] = {
    '"a.b[0]"': ["a", "b", 0],
    '"a"': ["a"],
    '"a.b"': ["a", "b"],
    '"a[0]"': ["a", 0],
    '"a.0"': ["a", "0"],
    '"[0]"': [0],
    '"[1][0]"': [1, 0],
    '"[-1]"': [-1],
    '"a[-2]"': ["a", -2],
    '"a[-1].b"': ["a", -1, "b"],
    '["0"]': ["0"],
    '[""]': [""],
    '["a.b"]': ["a.b"],
    "'\"a.b\"[0]'": ["a.b", 0],
    '["a[0]"]': ["a[0]"],
    "['a\"b']": ['a"b'],
    '["a\\\\b", "a"]': ["a\\b", "a"],
    '["A"]': ["A"],
    '["é"]': ["é"],
    '["é", "é", "a"]': ["é", "é", "a"],
    '["a", "\\U0001f600", 0]': ["a", "\U0001f600", 0],
    '["e\\u0301"]': ["e\u0301"],
    '["a/b"]': ["a/b"],
    '["it\'s"]': ["it's"],
    '["%s :x {x} ?"]': ["%s :x {x} ?"],
    '["$"]': ["$"],
    '["*"]': ["*"],
    '["a\\nb"]': ["a\nb"],
    '["last"]': ["last"],
}
"""Paths, as a migration has them and their steps."""

KEYS = sorted({s for steps in PATHS.values() for s in steps if isinstance(s, str)})

TEXTS = [
    "",
    "x",
    "null",
    "true",
    "1.5",
    'say "hi" \\ / \n\t\b\x01\x7f',
    "é e\u0301 \U0001f600 \u2028 日本",
    "it's 50% %s :x {x} ?",
    "{}",
    "[1]",
    "trailing ",
]

SCALARS = [
    *(None, True, False, 0, -1, 7, 2**40, -(2**63), 10**30),
    *(1.5, -0.1, 0.1 + 0.2, 1 / 3),
    *TEXTS,
]

DOCUMENTS: list[t.Any] = [
    # SQLite itself keeps 10**30 in a column of type JSON as 1e+30.
    *(scalar for scalar in SCALARS if scalar not in (None, 10**30)),
    {},
    [],
    [[]],
    [{}],
    {"a": {}},
    {"a": []},
    {"a": [{}]},
    {"a": {"b": [1, 2, 3]}},
    {"a": {"b": {"0": "zero"}, "0": "zero"}, "0": "zero"},
    {"a": [{"b": 1}, {"b": None}]},
    {"a": [None, "x"]},
    [["x"], ["y", None], {"0": 1}],
    {"a": None},
    {"a": "a.b", "a.b": ["dotted"], "a[0]": "bracketed", "b": 1},
    {"A": "upper", "a": "lower", "é": "accent", "e\u0301": "combined", "e": "plain"},
    {"é": {"é": {"a": True}, "e": 1}},
    {"é": {"é": 5}},
    {"a": {"\U0001f600": ["grin", None]}},
    {"": "empty", " ": "blank"},
    {'a"b': 'quote"', "a\\b": {"a": "back\\slash"}},
    {"it's": "it's", "%s :x {x} ?": "%s", "$": "$", "*": "*", "a/b": "/"},
    {"a\nb": "line", "last": "last"},
    *({"a": scalar} for scalar in SCALARS),
    *({"a": {"b": [scalar]}} for scalar in SCALARS),
    {"a": "x" * 100_000},
]

ENCODED = [
    *(json.dumps(document, ensure_ascii=False) for document in DOCUMENTS),
    "null",
    ' { "a" :\n[ 1 , 2 ] } ',
    # Encoders other than Python's escape other characters, and in capitals.
    r'{"\u00E9": "\u00E9\uD83D\uDE00", "a\/b": "\/", "a": {"b": ["\u0041"]}}',
    r'{"a": {"\uD83D\uDE00": [1.50]}}',
]
"""Documents as text, of which Python may have written none."""

NUMBERS = [
    "12345678901234567890",
    "-12345678901234567890",
    "9" * 400,
    "0.1234567890123456789012",
    "12345678901234567890.5",
    "-0",
    "-0.0",
]
"""Numbers that no column of a database holds as they are, but JSON does."""

ENCODED += [
    text
    for number in NUMBERS
    for text in (
        number,
        f'{{"a": {number}}}',
        f"[{number}, [{number}]]",
        f'{{"a": {{"b": [{number}, 1]}}}}',
    )
]


NO_JSON = [
    "",
    " ",
    "junk",
    "nul",
    "True",
    "NaN",
    "+1",
    "01",
    "{",
    '{"a"}',
    '{"a": 1',
    '{"a": 1} x',
    '{"a": 1,}',
    "[1, ]",
    '"x',
    "'x'",
]
"""Text that holds no JSON."""


def document(value: t.Any, encoded: str) -> t.Any:
    return (value, value, encoded)


ROWS = [
    (None, None, None),
    *(document(value, json.dumps(value)) for value in DOCUMENTS),
    *(document(None, encoded) for encoded in ENCODED),
]

# A number that jsonb writes in another way, such as 1e+16, is equal and not the same.
_NUMBERS = st.one_of(
    st.integers(-(10**20), 10**20),
    st.integers(-(10**6), 10**6).map(lambda n: (n * 2 + 1) / 8),
)
_WORDS = st.one_of(
    st.sampled_from(TEXTS),
    st.text(
        st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=8
    ),
)
_VALUES = st.recursive(
    st.one_of(st.none(), st.booleans(), _NUMBERS, _WORDS),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3),
        st.dictionaries(st.sampled_from(KEYS), inner, max_size=5),
    ),
    max_leaves=12,
)


@st.composite
def _random(draw: st.DrawFn) -> tuple[t.Any, ...]:
    value = draw(_VALUES)
    encoded = json.dumps(value, ensure_ascii=draw(st.booleans()))
    # SQLite itself keeps such a number in a column of type JSON as a float.
    huge = isinstance(value, int) and not -(2**63) <= value < 2**63
    return document(None if huge else value, encoded)


def at(value: t.Any, steps: Steps) -> t.Any:
    """Return what is at a place, or MISSING."""
    for step in steps:
        fits = isinstance(value, dict if isinstance(step, str) else list)
        if not fits:
            return MISSING
        try:
            value = value[step]
        except (KeyError, IndexError):
            return MISSING
    return value


def text(value: t.Any) -> str | None:
    if value is MISSING or value is None or isinstance(value, (dict, list)):
        return None
    return value if isinstance(value, str) else json.dumps(value)


def put(document: t.Any, steps: Steps, value: t.Any) -> t.Any:
    """Return a document with another value at a place, or as it was."""
    try:
        return _put(copy.deepcopy(document), steps, value)
    except ValueError:
        return document


def _put(there: t.Any, steps: Steps, value: t.Any) -> t.Any:
    if not steps:
        return value
    step, *rest = steps
    if there is MISSING:
        there = {} if isinstance(step, str) else []
    if isinstance(step, str):
        if not isinstance(there, dict):
            raise ValueError
        there[step] = _put(there.get(step, MISSING), rest, value)
        return there
    if not isinstance(there, list) or not -len(there) <= step <= len(there):
        raise ValueError
    if step == len(there):
        there.append(MISSING)
    there[step] = _put(there[step], rest, value)
    return there


def without(document: t.Any, steps: Steps) -> t.Any:
    """Return a document without what is at a place."""
    if at(document, steps) is MISSING:
        return document
    document = copy.deepcopy(document)
    del at(document, steps[:-1])[steps[-1]]
    return document


def _of_text(function: t.Callable[[t.Any], t.Any]) -> t.Callable[..., t.Any]:
    return lambda _, __, encoded, *more: (
        None if encoded is None else function(json.loads(encoded), *more)
    )


def _read(
    function: t.Callable[[t.Any], t.Any],
) -> dict[str, t.Callable[..., t.Any]]:
    return {
        "doc": lambda value, *_: None if value is None else function(value),
        "docb": lambda _, value, *__: None if value is None else function(value),
        "encoded": _of_text(function),
    }


COLUMNS: dict[str, t.Any] = {"doc": JSON, "docb": JSONB, "encoded": TEXT}

SHOWN = [
    document(value, json.dumps(value))
    for value in (
        {"a": {"b": ["x", None]}},
        {"a": {"b": [True]}},
        {"a": {"b": [None]}},
        {"a": {"b": "x"}},
        {"a": 5},
    )
]


def _refused(*calls: str) -> dict[str, list[tuple[t.Any, ...]]]:
    return {call: [document(None, text) for text in NO_JSON] for call in calls}


def _gets() -> Parity:
    calls: dict[str, t.Callable[..., t.Any]] = {}
    for path, steps in PATHS.items():

        def found(value: t.Any, steps: Steps = steps) -> t.Any:
            there = at(value, steps)
            return None if there is MISSING else there

        def missing(value: t.Any, steps: Steps = steps) -> bool:
            return at(value, steps) is MISSING

        for column, function in _read(found).items():
            calls[f"sn.json_get(t.c.{column}, {path})"] = function
        # None in Python, and not the same in SQL.
        calls[f"sn.json_get(t.c.encoded, {path}).is_(None)"] = lambda *x, f=missing: (
            True if x[2] is None else f(json.loads(x[2]))
        )
    # JSON's null is None in Python, as NULL is.
    shown = [row for row in SHOWN if row[2] != '{"a": {"b": [null]}}']
    refused = _refused(
        "sn.json_get(t.c.encoded, 'a')",
        "sn.json_get(t.c.encoded, [0])",
        "sn.json_get(t.c.encoded, ['é', -1])",
    )
    return Parity("json_get", COLUMNS, calls, ROWS, shown, _random(), refused=refused)


def _texts() -> Parity:
    calls: dict[str, t.Callable[..., t.Any]] = {}
    for path, steps in PATHS.items():

        def found(value: t.Any, steps: Steps = steps) -> str | None:
            return text(at(value, steps))

        for column, function in _read(found).items():
            calls[f"sn.json_get_text(t.c.{column}, {path})"] = function
    rows = [row for row in ROWS if row[2] is None or not _respelled(row[2])]
    refused = _refused(
        "sn.json_get_text(t.c.encoded, 'a')", "sn.json_get_text(t.c.encoded, 'a[-1]')"
    )
    return Parity(
        "json_get_text", COLUMNS, calls, rows, SHOWN, _random(), refused=refused
    )


def _respelled(encoded: str) -> bool:
    """Tell whether Python, or jsonb, writes a number of a text in another way."""
    found: list[bool] = []
    json.loads(
        encoded,
        parse_int=lambda digits: found.append(str(int(digits)) != digits),
        parse_float=lambda digits: found.append(
            repr(float(digits)) != digits or float(digits) == 0
        ),
    )
    return any(found)


CONSTANTS: dict[str, t.Any] = {
    "7": 7,
    "None": None,
    "True": True,
    "-1.25": -1.25,
    "'é \\U0001f600 \"q\" \\\\ %s :x {x}'": 'é \U0001f600 "q" \\ %s :x {x}',
    "{'é': [1, {'x': None}]}": {"é": [1, {"x": None}]},
}


def _sets() -> Parity:
    calls: dict[str, t.Callable[..., t.Any]] = {}
    values = list(CONSTANTS.items())
    for n, (path, steps) in enumerate(PATHS.items()):
        source, value = values[n % len(values)]

        def changed(doc: t.Any, steps: Steps = steps, value: t.Any = value) -> t.Any:
            return put(doc, steps, value)

        for column, function in _read(changed).items():
            calls[f"sn.json_set(t.c.{column}, {path}, {source})"] = function
    for source, value in values:
        calls[f'sn.json_set(t.c.doc, "a", {source})'] = lambda doc, *_, v=value: null(
            lambda found: put(found, ["a"], v)
        )(doc)
    refused = _refused(
        "sn.json_set(t.c.encoded, 'a', 1)", "sn.json_set(t.c.encoded, 'a[0]', 1)"
    )
    return Parity(
        "json_set", COLUMNS, calls, ROWS, SHOWN[2:], _random(), refused=refused
    )


def _removes() -> Parity:
    calls: dict[str, t.Callable[..., t.Any]] = {}
    for path, steps in PATHS.items():

        def changed(doc: t.Any, steps: Steps = steps) -> t.Any:
            return without(doc, steps)

        for column, function in _read(changed).items():
            calls[f"sn.json_remove(t.c.{column}, {path})"] = function
    refused = _refused(
        "sn.json_remove(t.c.encoded, 'a')", "sn.json_remove(t.c.encoded, [-1])"
    )
    return Parity(
        "json_remove", COLUMNS, calls, ROWS, SHOWN, _random(), refused=refused
    )


VALUES: dict[str, t.Any] = {
    "doc": JSON,
    "s": TEXT,
    "i": sa.BigInteger(),
    "f": sa.Double(),
    "b": sa.Boolean(),
    "x": sa.Numeric(20, 5, asdecimal=False),
}

VALUE_ROWS = [
    (None,) * 6,
    ({"a": 1}, "text", 5, 0.1, True, 1.25),
    ([None], "", -(2**63), 0.1 + 0.2, False, -0.00001),
    ("é\U0001f600", 'say "hi" \\ \n\x01', 2**63 - 1, 1 / 3, None, 12345678.12345),
    (0.1 + 0.2, None, None, -0.1, None, None),
    (1 / 3, None, None, 1e-7, None, None),
    *((value, value, None, None, None, None) for value in TEXTS),
]

_VALUE_RANDOM = st.tuples(
    _VALUES,
    st.one_of(st.none(), _WORDS),
    st.one_of(st.none(), st.integers(-(2**63), 2**63 - 1)),
    st.one_of(
        st.none(), st.floats(0.001, 1e6).filter(lambda x: x != int(x)).map(lambda x: -x)
    ),
    st.one_of(st.none(), st.booleans()),
    st.one_of(st.none(), st.integers(-(10**6), 10**6).map(lambda n: (n * 2 + 1) / 8)),
)


def _columns(doc: t.Any, s: t.Any, i: t.Any, f: t.Any, b: t.Any, x: t.Any) -> t.Any:
    return {"doc": doc, "s": s, "i": i, "f": f, "b": b, "x": x}


OBJECTS = Parity(
    name="json_object",
    columns=VALUES,
    calls={
        "sn.json_object(s=t.c.s, i=t.c.i)": lambda _, s, i, *__: {"s": s, "i": i},
        "sn.json_object({n: t.c[n] for n in ('doc', 's', 'i', 'f', 'b', 'x')})": (
            _columns
        ),
        "sn.json_object()": lambda *_: {},
        "sn.json_object({'é\"\\\\': 1, '': 'it\\'s', \"a'%s\": None}, z=[t.c.s][:0])": (
            lambda *_: {'é"\\': 1, "": "it's", "a'%s": None, "z": []}
        ),
        "sn.json_object({str(n): t.c.i for n in range(120)})": (
            lambda _, __, i, *___: {str(n): i for n in range(120)}
        ),
        "sn.json_set({}, 'a', t.c.doc)": lambda doc, *_: {"a": doc},
        "sn.json_set({'a': {}}, 'a.b', t.c.s)": lambda _, s, *__: {"a": {"b": s}},
        "sn.json_set([], '[0].f', t.c.f)": lambda *row: [{"f": row[3]}],
        "sn.json_set(t.c.doc, 'a.z', t.c.b)": lambda *row: (
            None if row[0] is None else put(row[0], ["a", "z"], row[4])
        ),
        # What a snippet returns goes into another one as what it is.
        "sn.json_object(o=sn.json_object(s=t.c.s), "
        "t=sn.json_get_text(sn.json_object(i=t.c.i), 'i'))": lambda _, s, i, *__: {
            "o": {"s": s},
            "t": None if i is None else str(i),
        },
        "sn.json_get(sn.json_set(sn.json_object(a=t.c.doc), 'é', t.c.s), ['é'])": (
            lambda _, s, *__: s
        ),
    },
    inputs=VALUE_ROWS,
    shown=[(None, "Ada", 36, None, None, None), (None, None, None, None, None, None)],
    random=_VALUE_RANDOM,
)


ALL = [_gets(), _texts(), _sets(), _removes(), OBJECTS]
