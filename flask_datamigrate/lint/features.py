"""SQL that not every database understands: what to look for, and who has it."""

from __future__ import annotations

import dataclasses
import re
import typing as t

P, M, S = "postgresql", "mysql", "sqlite"


@dataclasses.dataclass(frozen=True, slots=True)
class Feature:
    """A piece of SQL that some databases lack.

    :param name: what it is called in a message.
    :param pattern: finds it in a text without its literals and comments.
    :param known: the databases that have it.
    :param instead: the form that all have.
    """

    name: str
    pattern: re.Pattern[str]
    known: frozenset[str]
    instead: str


def _feature(name: str, pattern: str, known: str, instead: str = "") -> Feature:
    names = {"P": P, "M": M, "S": S}
    return Feature(
        name,
        re.compile(pattern, re.IGNORECASE | re.DOTALL),
        frozenset(names[letter] for letter in known),
        instead,
    )


FEATURES = (
    _feature("the cast `::`", r"\w\)?\s*::\s*\w|''\s*::", "P", "CAST(… AS …)"),
    _feature("ILIKE", r"\bilike\b", "P", "lower(…) LIKE lower(…)"),
    _feature("DISTINCT ON", r"\bdistinct\s+on\s*\(", "P"),
    _feature("ON CONFLICT", r"\bon\s+conflict\b", "PS", "sn.upsert(…)"),
    _feature("ON DUPLICATE KEY", r"\bon\s+duplicate\s+key\b", "M", "sn.upsert(…)"),
    _feature(
        "INSERT OR …",
        r"\binsert\s+or\s+(?:ignore|replace|abort|fail|rollback)\b",
        "S",
        "sn.insert_missing(…)",
    ),
    _feature("INSERT IGNORE", r"\binsert\s+ignore\b", "M", "sn.insert_missing(…)"),
    _feature("REPLACE INTO", r"^\s*replace\s+into\b", "MS", "sn.upsert(…)"),
    _feature(
        "UPDATE … FROM",
        r"^\s*update\s+[^;]*?\bset\b(?:(?!\bwhere\b|\(\s*select\b)[^;])*?\bfrom\b",
        "PS",
        "sn.update_from(…)",
    ),
    _feature(
        "UPDATE … JOIN",
        r"^\s*update\s+(?:(?!\bset\b)[^;])*?\bjoin\b",
        "M",
        "sn.update_from(…)",
    ),
    _feature("DELETE … USING", r"^\s*delete\s+from\s+[^;]*?\busing\b", "PM"),
    _feature(
        "UPDATE … RETURNING", r"^\s*update\b.*\breturning\b", "PS", "sn.returning"
    ),
    _feature("backticks", r"`\w+`", "MS", "no quotes, or sa.table(…)"),
    _feature(
        "a type or an extension of PostgreSQL",
        r"^\s*(?:create|alter|drop)\s+"
        r"(?:type|extension|domain|sequence)\b",
        "P",
    ),
    _feature(
        "CONCURRENTLY", r"\bindex\s+concurrently\b", "P", "op.create_index_online"
    ),
    _feature("DO $$", r"^\s*do\s+\$", "P"),
    _feature("a body between $$", r"\$\$", "P"),
    _feature("PRAGMA", r"^\s*pragma\b", "S"),
    _feature(
        "MODIFY or CHANGE COLUMN",
        r"^\s*alter\s+table\s+\S+\s+(?:modify|change)\b",
        "M",
        "op.alter_column(…)",
    ),
    _feature(
        "ALTER COLUMN",
        r"^\s*alter\s+table\s+.*\balter\s+column\b",
        "P",
        "op.alter_column(…)",
    ),
    _feature(
        "ADD CONSTRAINT",
        r"^\s*alter\s+table\s+.*\badd\s+constraint\b",
        "PM",
        "op.create_…_constraint(…) in a batch",
    ),
    _feature("string_agg()", r"\bstring_agg\s*\(", "P", "sn.string_agg(…)"),
    _feature("array_agg()", r"\barray_agg\s*\(", "P"),
    _feature("unnest()", r"\bunnest\s*\(", "P"),
    _feature("group_concat()", r"\bgroup_concat\s*\(", "MS", "sn.string_agg(…)"),
    _feature("split_part()", r"\bsplit_part\s*\(", "P", "sn.split_part(…)"),
    _feature("substring_index()", r"\bsubstring_index\s*\(", "M", "sn.split_part(…)"),
    _feature(
        "regexp_replace()", r"\bregexp_replace\s*\(", "PM", "sn.regexp_replace(…)"
    ),
    _feature("initcap()", r"\binitcap\s*\(", "P", "sn.initcap(…)"),
    _feature("date_trunc()", r"\bdate_trunc\s*\(", "P", "sn.date_trunc(…)"),
    _feature("to_char()", r"\bto_char\s*\(", "P"),
    _feature(
        "strftime()", r"\bstrftime\s*\(", "S", "sa.extract(…) or sn.date_trunc(…)"
    ),
    _feature("date_add()", r"\bdate_(?:add|sub)\s*\(", "M", "sn.date_add(…)"),
    _feature("date_format()", r"\bdate_format\s*\(", "M"),
    _feature("now()", r"\bnow\s*\(\s*\)", "PM", "CURRENT_TIMESTAMP, or sn.now_utc()"),
    _feature("INTERVAL", r"\binterval\s+''", "P", "sn.date_add(…)"),
    _feature("age()", r"\bage\s*\(", "P", "sn.age_in_years(…)"),
    _feature(
        "jsonb", r"\bjsonb(?:_\w+\s*\()?", "P", "sn.json_get(…) and sn.json_set(…)"
    ),
    _feature("to_tsvector()", r"\bto_tsvector\s*\(", "P"),
    _feature("setval()", r"\b(?:setval|nextval)\s*\(", "P"),
    _feature(
        "gen_random_uuid()",
        r"\b(?:gen_random_uuid|uuid_generate_v\d)\s*\(",
        "P",
        "sn.random_uuid()",
    ),
    _feature(
        "greatest()",
        r"\bgreatest\s*\(|\bleast\s*\(",
        "PM",
        "sn.greatest(…) and sn.least(…)",
    ),
    _feature("md5()", r"\bmd5\s*\(", "PM", "sn.md5(…)"),
    _feature(
        "concat()", r"\bconcat\s*\(", "PM", "the operator || in SQLAlchemy: a + b"
    ),
    _feature("IF(…)", r"(?<!\w)if\s*\(", "M", "CASE WHEN … THEN … ELSE … END"),
    _feature("TRUNCATE", r"^\s*truncate\b", "PM", "DELETE FROM …"),
)

# Whichever begins first, since each may hold what looks like another. The body of a
# routine is in a language of its own, in which IF (…) is no function.
_HIDDEN = re.compile(
    r"(?P<literal>'(?:[^']|'')*')|(?P<comment>--[^\n]*|/\*.*?\*/)"
    r"|\$(?P<tag>\w*)\$.*?\$(?P=tag)\$",
    re.DOTALL,
)


def foreign(text: str, dialects: t.Iterable[str]) -> t.Iterator[tuple[Feature, str]]:
    """Return the features of a text that some database lacks, and which it is.

    :param dialects: the databases the text is to run on.
    """
    wanted = tuple(dialects)
    bare = _HIDDEN.sub(_hide, text)
    for feature in FEATURES:
        lacking = [name for name in wanted if name not in feature.known]
        if lacking and any(feature.pattern.search(part) for part in bare.split(";")):
            yield feature, lacking[0]


def _hide(found: re.Match[str]) -> str:
    if found["literal"]:
        return "''"
    return " " if found["comment"] else " $$ "
