"""Pieces of a text: before, after and between separators.

Every database looks for separators from the left, none inside another one: ``"a---b"``
has one ``"--"``, behind the ``"a"``. In MySQL that is so for texts in ``utf8mb4``.
"""

from __future__ import annotations

import typing as t

import sqlalchemy as sa

from .arguments import as_text
from .arguments import refuse
from .arguments import separator_of
from .construct import Construct

_MYSQL_TEXT = "CONVERT({text} USING utf8mb4) COLLATE {binary}"

# A code point that Unicode keeps for a program's own use and that no text is to
# have, so that a JSON array can be made of a text by replacing alone.
_CUT = "\ufdd0"


def _postgresql_part(part: SplitPart, dialect: sa.Dialect) -> str:
    version = dialect.server_version_info or (14,)
    if part.index < 0 and version < (14,):
        refuse(
            SplitPart.name,
            "a negative index needs PostgreSQL 14, and this one is "
            f"{'.'.join(map(str, version))}",
            "Take an index from the left, or write it with snippets.branch",
        )
    return "split_part(CAST({text} AS TEXT), {separator}, {index})"


def _mysql_part(part: SplitPart, dialect: sa.Dialect) -> str:
    if part.index in (1, -1):
        return f"SUBSTRING_INDEX({_MYSQL_TEXT}, {{separator}}, {{index}})"
    if part.index > 0:
        return (
            f"SUBSTRING(SUBSTRING_INDEX({_MYSQL_TEXT}, {{separator}}, {{index}}), "
            f"CHAR_LENGTH(SUBSTRING_INDEX({_MYSQL_TEXT}, {{separator}}, {{nearer}})) "
            "+ CHAR_LENGTH({separator}) + 1)"
        )
    return (
        f"LEFT(SUBSTRING_INDEX({_MYSQL_TEXT}, {{separator}}, {{index}}), "
        f"CHAR_LENGTH(SUBSTRING_INDEX({_MYSQL_TEXT}, {{separator}}, {{index}})) "
        f"- CHAR_LENGTH(SUBSTRING_INDEX({_MYSQL_TEXT}, {{separator}}, {{nearer}})) "
        "- CHAR_LENGTH({separator}))"
    )


class SplitPart(Construct):
    name = "split_part"
    sql = {
        "postgresql": _postgresql_part,
        "mysql": _mysql_part,
        # As JSON, since it has no loop that could stand in an index or take an
        # aggregate. Beyond the ends of the array there is '', and NULL for a NULL.
        "sqlite": "coalesce(json_extract('[' || replace(json_quote(replace({text}, "
        "{separator}, {cut})), {cut}, '\",\"') || ']', {path}), "
        "substr({text} || {separator}, 1, 0))",
    }

    @property
    def index(self) -> int:
        return t.cast(int, self.options["index"])


class SubstringBefore(Construct):
    name = "substring_before"
    sql = {
        "postgresql": "split_part(CAST({text} AS TEXT), {separator}, 1)",
        "mysql": f"SUBSTRING_INDEX({_MYSQL_TEXT}, {{separator}}, 1)",
        "sqlite": "CASE instr({text}, {separator}) WHEN 0 THEN CAST({text} AS TEXT) "
        "ELSE substr({text}, 1, instr({text}, {separator}) - 1) END",
    }


class SubstringAfter(Construct):
    name = "substring_after"
    sql = {
        "postgresql": "substr(CAST({text} AS TEXT), length(split_part(CAST({text} AS "
        "TEXT), {separator}, 1)) + length({separator}) + 1)",
        "mysql": f"SUBSTRING({_MYSQL_TEXT}, CHAR_LENGTH(SUBSTRING_INDEX({_MYSQL_TEXT}, "
        "{separator}, 1)) + CHAR_LENGTH({separator}) + 1)",
        "sqlite": "CASE instr({text}, {separator}) WHEN 0 THEN '' "
        "ELSE substr({text}, instr({text}, {separator}) + length({separator})) END",
    }


_MOST_PARTS = 2**31 - 1


def split_part(text: t.Any, separator: t.Any, index: int) -> Construct:
    """Return one of the parts that a separator divides a text into.

    ::

        section = sn.split_part(pages.c.path, "/", 1)
        page = sn.split_part(pages.c.path, "/", -1)

    ``""`` where there are fewer parts; the whole text is the only part where there is
    no separator. NULL where the text or the separator is NULL, or a separator taken
    from the row is empty. The result is a ``sa.Text``.

    On SQLite the text must not have the character U+FDD0, which Unicode gives to no
    letter; it would divide too. PostgreSQL counts from the right since version 14, and
    before that a negative index is an error.

    :param text: an expression.
    :param separator: a str, or an expression. It is compared letter for letter, case
        and accents included, on every database.
    :param index: 1 is the first part, -1 the last one.
    :raises DefinitionError: for an index of 0 or beyond 32 bits, and a separator of
        None or ``""``.
    """
    where = SplitPart.name
    is_number = isinstance(index, int) and not isinstance(index, bool)
    if not is_number or index == 0 or abs(index) > _MOST_PARTS:
        refuse(
            where,
            f"the index is {index!r}, and parts are counted 1, 2, ... from the left "
            "and -1, -2, ... from the right",
            "Give it a whole number that is not 0",
        )
    arguments, options = separator_of(separator, where)
    if _CUT in str(options.get("separator", "")):
        refuse(where, "U+FDD0 is no character for a text", "Take another separator")
    options |= {
        "index": index,
        # One part less from the same end.
        "nearer": index - 1 if index > 0 else index + 1,
        "cut": _CUT,
        "path": f"$[{index - 1}]" if index > 0 else f"$[#{index}]",
    }
    arguments["text"] = as_text(text, where)
    return SplitPart(arguments, options, type_=sa.Text())


def substring_before(text: t.Any, separator: t.Any) -> Construct:
    """Return what stands before the first separator; all of it where there is none.

    ::

        sn.substring_before(users.c.email, "@")

    NULL where one of the two is NULL, or where a separator taken from the row is
    empty. The result is a ``sa.Text``.

    :param text: an expression.
    :param separator: a str, or an expression. It is compared letter for letter, case
        and accents included, on every database.
    :raises DefinitionError: for a separator of None or ``""``.
    """
    arguments, options = separator_of(separator, SubstringBefore.name)
    arguments["text"] = as_text(text, SubstringBefore.name)
    return SubstringBefore(arguments, options, type_=sa.Text())


def substring_after(text: t.Any, separator: t.Any) -> Construct:
    """Return what stands behind the first separator; ``""`` where there is none.

    ::

        sn.substring_after(users.c.email, "@")

    NULL where one of the two is NULL, or where a separator taken from the row is
    empty. The result is a ``sa.Text``.

    :param text: an expression.
    :param separator: a str, or an expression. It is compared letter for letter, case
        and accents included, on every database.
    :raises DefinitionError: for a separator of None or ``""``.
    """
    arguments, options = separator_of(separator, SubstringAfter.name)
    arguments["text"] = as_text(text, SubstringAfter.name)
    return SubstringAfter(arguments, options, type_=sa.Text())
