"""What cannot be meant, or cannot be the same everywhere, is refused at once."""

from __future__ import annotations

import typing as t

import pytest
import sqlalchemy as sa

from flask_datamigrate import errors
from flask_datamigrate import snippets as sn

TEXT = sa.column("a", sa.Text)
NUMBER = sa.column("n", sa.Integer)
DAY = sa.column("d", sa.Date)
MOMENT = sa.column("m", sa.DateTime)
UNKNOWN = sa.column("u")

CALLS: list[tuple[t.Callable[[], t.Any], str]] = [
    (lambda: sn.split_part(TEXT, None, 1), "separator is None"),
    (lambda: sn.split_part(TEXT, "", 1), "separator is ''"),
    (lambda: sn.split_part(TEXT, " ", 0), "index is 0"),
    (lambda: sn.split_part(TEXT, " ", "1"), "index is '1'"),  # type: ignore[arg-type]
    (lambda: sn.split_part(TEXT, " ", True), "index is True"),
    (lambda: sn.split_part(TEXT, "\ufdd0", 1), "U\\+FDD0"),
    (lambda: sn.split_part(NUMBER, " ", 1), "works on text.*Integer"),
    (lambda: sn.split_part(TEXT, NUMBER, 1), "works on text.*Integer"),
    (lambda: sn.substring_before(TEXT, None), "separator is None"),
    (lambda: sn.substring_before(TEXT, ""), "separator is ''"),
    (lambda: sn.substring_after(TEXT, None), "separator is None"),
    (lambda: sn.substring_after(TEXT, ""), "separator is ''"),
    (lambda: sn.initcap(NUMBER), "works on text.*Integer"),
    (lambda: sn.md5(DAY), "works on text.*Date"),
    (lambda: sn.cast_int(NUMBER), "works on text.*Integer"),
    (lambda: sn.cast_date(DAY), "works on text.*Date"),
    (lambda: sn.string_agg(NUMBER, ","), "works on text.*Integer"),
    (lambda: sn.string_agg(TEXT, None), "separator is None"),  # type: ignore[arg-type]
    (lambda: sn.string_agg(TEXT, TEXT), "separator is"),  # type: ignore[arg-type]
    (lambda: sn.string_agg(TEXT, ",", order_by=UNKNOWN), "order is not known"),
    (lambda: sn.string_agg(TEXT, ",", order_by=TEXT, distinct=True), "one place each"),
    (
        lambda: sn.string_agg(TEXT, ",", order_by=NUMBER.desc().nulls_first()),
        "they go last",
    ),
    (lambda: sn.greatest(TEXT), "two values or more"),
    (lambda: sn.greatest(TEXT, NUMBER), "Text.*Integer|Integer.*Text"),
    (lambda: sn.least(DAY, MOMENT), "Date.*DateTime"),
    (lambda: sn.least(UNKNOWN, NUMBER), "order is not known"),
    (lambda: sn.greatest(sa.column("e", sa.Enum("a", "b")), "a"), "order is not known"),
    (lambda: sn.random_uuid(sa.Integer()), "a UUID is no Integer"),
    (lambda: sn.random_uuid(sa.String(10)), "takes 10"),
    (lambda: sn.now_utc(timezone="x"), "timezone is 'x'"),  # type: ignore[arg-type]
    (lambda: sn.split_part(TEXT, " ", 2**40), "index is 1099511627776"),
    (lambda: sn.split_part(TEXT, "\0", 1), "no database has that"),
    (lambda: sn.substring_after(TEXT, "a\ud800"), "no database has that"),
    (lambda: sn.split_part(sa.table("t"), " ", 1), "works on text"),
    (lambda: sn.regexp_replace(TEXT, None, ""), "pattern is None"),  # type: ignore[arg-type]
    (lambda: sn.regexp_replace(TEXT, "a", TEXT), "the replacement is"),  # type: ignore[arg-type]
]


def test_a_function_is_a_text() -> None:
    assert sn.split_part(sa.func.trim(TEXT), " ", 1) is not None


@pytest.mark.parametrize(("call", "message"), CALLS)
def test_a_call_is_refused(call: t.Callable[[], t.Any], message: str) -> None:
    with pytest.raises(errors.DefinitionError, match=message) as caught:
        call()

    assert caught.value.where.startswith("snippets.")
    assert caught.value.next


PATTERNS = [
    ("", "matches an empty text"),
    ("a*", "matches an empty text"),
    ("^$", "matches an empty text"),
    ("(a?)(b*)", "matches an empty text"),
    ("a|ab", r"'\|'.*begin alike"),
    (r"\w+|a", r"'\|'.*begin alike"),
    ("(a|)b", r"'\|'.*may be empty"),
    (r"a*\w+", r"'a\*'.*may end where"),
    ("a?(?:ab)?c", r"'a\?'.*may end where"),
    ("(?:ab)+a", r"'\(\?:ab\)\+'.*may end where"),
    ("(?:a+)+", "'a\\+'.*may end where"),
    ("(?:a?)+b", "repeats what may be empty"),
    ("(a)+", "repeats a group with a number"),
    ("a+?", "not greedy"),
    ("a*+", "not greedy"),
    ("a**", "not greedy"),
    ("*a", "nothing in front"),
    ("a|*", "nothing in front"),
    ("^*a", "repeats an edge"),
    ("a^b", "not at its start"),
    ("a$b", "not at its end"),
    ("(a$)", "not at its end"),
    ("(?i)a", r"'\(\?i'"),
    ("(?=a)b", r"'\(\?='"),
    ("(?<n>a)", r"'\(\?<'"),
    (r"(a)\1", r"'\\\\1'"),
    (r"\bfoo", r"'\\\\b'"),
    (r"\x41", r"'\\\\x'"),
    (r"\Aa", r"'\\\\A'"),
    (r"\pL", r"'\\\\p'"),
    ("a\\", "'\\\\\\\\'"),
    ("[[:alpha:]]", r"'\[:'.*locale"),
    ("[a[b]", r"'\[b'"),
    (r"[\D]", r"'\\\\D'.*in a set"),
    ("[]", "empty set"),
    ("[a", r"'\['.*not closed"),
    ("[z-a]", "ends before it begins"),
    ("(a", r"'\('.*not closed"),
    ("a)", r"'\)'.*not opened"),
    ("a{", r"'\{'.*does not begin"),
    ("a{,2}b", r"'\{'.*does not begin"),
    ("a{2,1}", "in order"),
    ("a{0}b", "in order"),
    ("a{256}", "0 to 255"),
    ("a\0", r"U\+0000"),
]


@pytest.mark.parametrize(("pattern", "message"), PATTERNS)
def test_a_pattern_is_refused_by_its_piece(pattern: str, message: str) -> None:
    with pytest.raises(errors.DefinitionError, match=message) as caught:
        sn.regexp_replace(TEXT, pattern, "x")

    assert caught.value.where == "snippets.regexp_replace"


@pytest.mark.parametrize("pattern", ["é", "[à-ÿ]", "[^é]", "K\u212a"])
def test_no_case_is_ignored_that_databases_know_apart(pattern: str) -> None:
    with pytest.raises(errors.DefinitionError, match="is not ASCII"):
        sn.regexp_replace(TEXT, pattern, "x", ignore_case=True)


@pytest.mark.parametrize("replacement", [r"\2", r"\0", r"\n", r"\g<1>", "\\", r"\١"])
def test_a_replacement_is_refused_by_its_piece(replacement: str) -> None:
    with pytest.raises(errors.DefinitionError, match="none of the pattern's groups"):
        sn.regexp_replace(TEXT, "(a)", replacement)


@pytest.mark.parametrize(
    "pattern",
    ["a|b", r"\w+@\w+", "a.*b", "a.*,$", "(?:a|bc)?d", "(a+)b", "x{2,}y", "]"],
)
def test_what_all_read_alike_is_taken(pattern: str) -> None:
    assert "regexp_replace" in str(sn.regexp_replace(TEXT, pattern, "x"))
