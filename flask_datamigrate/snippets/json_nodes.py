"""SQL for the places along a path: what is there, of which kind, how many are in it.

Place 0 is the document, place 1 where the first step leads, and so on. What is not
there is NULL, and what is no array has no elements. The document is ``{doc}`` in the
SQL, and the other places are options that :meth:`Places.options` returns.
"""

from __future__ import annotations

import typing as t

from . import json_paths
from .arguments import refuse
from .json_paths import Step
from .json_paths import Steps
from .json_paths import is_plain


class Places:
    """The places along a path on one database.

    :param steps: the path.
    :param snippet: what asks for them, for messages.
    """

    object_kind: t.ClassVar[str] = "object"
    array_kind: t.ClassVar[str] = "array"

    def __init__(self, steps: Steps, snippet: str) -> None:
        self.steps = steps
        self.snippet = snippet

    @property
    def last(self) -> int:
        return len(self.steps)

    def value(self, place: int) -> str:
        """Return SQL for what is at a place."""
        raise NotImplementedError

    def kind(self, place: int) -> str:
        """Return SQL for the name of its type."""
        raise NotImplementedError

    def length(self, place: int) -> str:
        """Return SQL for the number of elements of an array."""
        raise NotImplementedError

    def fits(self) -> str:
        """Return SQL that is true when what is there can hold what is not yet there.

        An object a key, an array an index up to the one past its end.
        """
        return " AND ".join(map(self._holds, range(self.last)))

    def _holds(self, place: int) -> str:
        step = self.steps[place]
        kind = self.kind(place)
        if isinstance(step, str):
            return f"COALESCE({kind}, '{self.object_kind}') = '{self.object_kind}'"
        enough = f"{self.length(place)} >= {step if step >= 0 else -step}"
        # What is not there becomes an array of one.
        new = "1 = 1" if step == 0 else "1 = 0"
        return (
            f"CASE COALESCE({kind}, '') WHEN '{self.array_kind}' THEN {enough} "
            f"WHEN '' THEN {new} ELSE 1 = 0 END"
        )


class OnPostgresql(Places):
    def value(self, place: int) -> str:
        document = "CAST({doc} AS JSONB)"
        if not place:
            return document
        path = f"CAST({{postgresql_{place}}} AS JSONPATH)"
        return f"jsonb_path_query_first({document}, {path}, '{{{{}}}}', true)"

    def kind(self, place: int) -> str:
        return f"jsonb_typeof({self.value(place)})"

    def length(self, place: int) -> str:
        return f"jsonb_array_length({self.value(place)})"

    def keys(self, place: int) -> str:
        """Return SQL for the path to a place as jsonb_set takes it."""
        return f"ARRAY[{', '.join(f'{{key_{step}}}' for step in range(place))}]"


class OnMysql(Places):
    object_kind = "OBJECT"
    array_kind = "ARRAY"

    def value(self, place: int) -> str:
        return f"JSON_EXTRACT({{doc}}, {self.path(place)})"

    def kind(self, place: int) -> str:
        return f"JSON_TYPE({self.value(place)})"

    def length(self, place: int) -> str:
        return f"JSON_LENGTH({self.value(place)})"

    def path(self, place: int) -> str:
        """Return SQL for the path to a place, with indexes from the front."""
        behind = [n for n, step in enumerate(self.steps[:place]) if _is_behind(step)]
        if not behind:
            return f"{{mysql_0_{place}}}"
        # MariaDB has such indexes since 10.9, and gets them wrong in a second row.
        at = behind[-1]
        index = f"{self.length(at)} - {-t.cast(int, self.steps[at])}"
        parts = [self.path(at), "'['", index, "']'"]
        if at + 1 < place:
            parts.append(f"{{mysql_{at + 1}_{place}}}")
        return f"CONCAT({', '.join(parts)})"

    def found(self) -> str:
        """Return SQL for what is at the end, where each index is one of an array."""
        conditions = self._demands()
        for place, step in enumerate(self.steps):
            if isinstance(step, int):
                conditions.append(f"{self.kind(place)} = '{self.array_kind}'")
            if _is_behind(step):
                conditions.append(f"{self.length(place)} >= {-step}")
        value = self.value(self.last)
        if not conditions:
            return value
        return f"CASE WHEN {' AND '.join(conditions)} THEN {value} END"

    def _demands(self) -> list[str]:
        """Return conditions without which the statement is to fail."""
        return []


def _is_behind(step: Step) -> t.TypeGuard[int]:
    return isinstance(step, int) and step < 0


class OnMariadb(OnMysql):
    def fits(self) -> str:
        return " AND ".join([*self._demands(), super().fits()])

    def _demands(self) -> list[str]:
        # What is no JSON is an error on the others, and NULL to its functions. There is
        # none that raises an error, but a number can be too large for every sql_mode.
        return ["EXP(710 - 710 * JSON_VALID({doc})) = 1"]

    def value(self, place: int) -> str:
        if all(map(is_plain, self.steps[:place])):
            return super().value(place)
        # JSON_EXTRACT compares a key as it is spelled, and these as it is meant.
        # JSON_QUERY gives no scalar, and JSON_VALUE makes 1 of true: put into an array
        # a scalar comes out as it is.
        path = self.path(place)
        return (
            f"COALESCE(JSON_QUERY({{doc}}, {path}), JSON_EXTRACT(JSON_QUERY("
            f"JSON_ARRAY_APPEND({{doc}}, {path}, 0), {path}), '$[0]'))"
        )


class OnSqlite(Places):
    def value(self, place: int) -> str:
        return f"({{doc}} -> {self.path(place)})"

    def kind(self, place: int) -> str:
        return f"json_type({{doc}}, {self.path(place)})"

    def length(self, place: int) -> str:
        return f"json_array_length({{doc}}, {self.path(place)})"

    def path(self, place: int) -> str:
        """Return SQL for the path to a place, its keys as the document has them."""
        odd = [n for n, step in enumerate(self.steps[:place]) if not is_plain(step)]
        if not odd:
            return f"{{sqlite_0_{place}}}"
        at = odd[-1]
        before = self.path(at)
        key = str(self.steps[at])
        ways = [
            # As the document spells it.
            f"(SELECT fullkey FROM json_each({{doc}}, {before}) "
            f"WHERE key = {{key_{at}}} AND json_type({{doc}}, fullkey) IS NOT NULL "
            "LIMIT 1)"
        ]
        if '"' in key:
            bare = f"{before} || {{bare_{at}}}"
            ways.append(
                f"CASE WHEN json_type({{doc}}, {bare}) IS NOT NULL THEN {bare} END"
            )
        new = f"{{raw_{at}}}"
        if '"' in key or "\\" in key:
            # Old releases read no escapes in a path, and end a key at the first quote.
            new = (
                "CASE WHEN json_type({quoted}, {quoted_path}) IS NULL "
                f"THEN {new} ELSE {{escaped_{at}}} END"
            )
        ways.append(f"{before} || {new}")
        path = f"coalesce({', '.join(ways)})"
        if at + 1 < place:
            path = f"{path} || {{sqlite_{at + 1}_{place}}}"
        return f"({path})"

    def check(self) -> None:
        """Refuse the keys that old releases have no path for.

        :raises DefinitionError: for such a key.
        """
        for step in self.steps:
            if isinstance(step, str) and '"' in step:
                rest = step.replace('"', "")
                if not is_plain(rest) or set(rest) & set(".["):
                    refuse(
                        self.snippet,
                        f"SQLite has no path to the key {step!r}: it holds a double "
                        "quote beside a dot, a bracket or other special characters",
                        "Write the SQL for SQLite with snippets.branch",
                    )


def options(steps: Steps) -> dict[str, str]:
    """Return the literals that the SQL of all databases has places for."""
    found = {"quoted": '{"\\"": 1}', "quoted_path": '$."\\""'}
    for place in range(len(steps) + 1):
        found[f"postgresql_{place}"] = json_paths.postgresql(steps[:place])
        for start in range(place + 1):
            root = "" if start else "$"
            part = steps[start:place]
            found[f"mysql_{start}_{place}"] = root + json_paths.mysql(part)
            found[f"sqlite_{start}_{place}"] = root + json_paths.sqlite(part)
    for place, step in enumerate(steps):
        key = found[f"key_{place}"] = str(step)
        found[f"bare_{place}"] = f".{json_paths.quoted(key)[1:-1]}"
        found[f"raw_{place}"] = f".{key}" if '"' in key else f'."{key}"'
        found[f"escaped_{place}"] = f".{json_paths.quoted(key)}"
    return found
