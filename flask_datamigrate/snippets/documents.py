"""JSON documents: read a place of one, write it, make one.

The traps are in what databases make of a document that is not as the path expects.
MySQL takes what is no array for an array of one, ``$[0]`` of ``5`` is 5, and so does
PostgreSQL's ``->`` for a number; PostgreSQL's ``#>`` takes the key ``0`` for the first
element; MariaDB and SQLite look keys up as they are spelled in the document, and
Python spells ``é`` as ``\\u00e9``. Each is asked so that it tells them apart.
"""

from __future__ import annotations

import typing as t

import sqlalchemy as sa

from . import json_nodes
from . import json_paths
from .arguments import refuse
from .construct import Construct
from .construct import Template
from .json_nodes import Places
from .json_paths import Step
from .json_paths import Steps
from .json_values import JSON
from .json_values import as_json
from .json_values import document
from .json_values import value as as_value

_Places = t.TypeVar("_Places", bound=Places)
Path: t.TypeAlias = "str | t.Sequence[Step]"


class _At(Construct):
    """A construct that goes along a path."""

    def __init__(
        self,
        arguments: t.Mapping[str, t.Any],
        steps: Steps,
        kind: str = "",
        *,
        type_: sa.types.TypeEngine[t.Any],
    ) -> None:
        self.steps = steps
        self.kind = kind
        options = {"path": json_paths.shown(steps), "kind": kind}
        super().__init__(
            arguments, {**options, **json_nodes.options(steps)}, type_=type_
        )

    def template(self, dialect: sa.Dialect) -> Template:
        if dialect.name == "default":
            places = ", ".join(f"{{{name}}}" for name in (*self.arguments, "path"))
            return f"{self.name}({places})"
        return super().template(dialect)

    def along(self, places: type[_Places]) -> _Places:
        """Return the SQL of one database for the places along the path."""
        return places(self.steps, self.name)


def _on_sqlite(element: _At, dialect: sa.Dialect) -> json_nodes.OnSqlite:
    # A script is written without a database, and is for one that can run it.
    version = getattr(dialect, "server_version_info", None)
    if version is not None and version < (3, 38):
        refuse(
            element.name,
            f"it needs SQLite 3.38, and this is {'.'.join(map(str, version))}",
            "Update SQLite, or write the SQL for it with snippets.branch",
        )
    places = element.along(json_nodes.OnSqlite)
    places.check()
    return places


class JsonGet(_At):
    name = "json_get"
    sql = {
        "postgresql": lambda e, d: _value(e.along(json_nodes.OnPostgresql)),
        "mysql": lambda e, d: e.along(json_nodes.OnMysql).found(),
        "mariadb": lambda e, d: e.along(json_nodes.OnMariadb).found(),
        "sqlite": lambda e, d: _value(_on_sqlite(e, d)),
    }


def _value(places: Places) -> str:
    return places.value(places.last)


class JsonGetText(_At):
    name = "json_get_text"

    def _postgresql(self, dialect: sa.Dialect) -> str:
        found = _value(self.along(json_nodes.OnPostgresql))
        return (
            f"CASE WHEN jsonb_typeof({found}) NOT IN ('object', 'array') "
            f"THEN {found} #>> '{{{{}}}}' END"
        )

    def _mysql(self, dialect: sa.Dialect) -> str:
        return self._unquoted(self.along(json_nodes.OnMysql))

    def _mariadb(self, dialect: sa.Dialect) -> str:
        return self._unquoted(self.along(json_nodes.OnMariadb))

    def _unquoted(self, places: json_nodes.OnMysql) -> str:
        found = places.found()
        return (
            f"CASE WHEN JSON_TYPE({found}) NOT IN ('OBJECT', 'ARRAY', 'NULL') "
            # Compared letter by letter, whatever collation the document has.
            f"THEN CONVERT(JSON_UNQUOTE({found}) USING utf8mb4) COLLATE {{binary}} END"
        )

    def _sqlite(self, dialect: sa.Dialect) -> str:
        places = _on_sqlite(self, dialect)
        kind = places.kind(places.last)
        # json_extract makes 1 of true, and another number of 1.50.
        return (
            f"CASE WHEN {kind} = 'text' "
            f"THEN json_extract({{doc}}, {places.path(places.last)}) "
            f"WHEN {kind} IN ('true', 'false', 'integer', 'real') "
            f"THEN {_value(places)} END"
        )

    sql = {
        "postgresql": _postgresql,
        "mysql": _mysql,
        "mariadb": _mariadb,
        "sqlite": _sqlite,
    }


class JsonSet(_At):
    name = "json_set"

    def _postgresql(self, dialect: sa.Dialect) -> str:
        places = self.along(json_nodes.OnPostgresql)
        made = places.value(0)
        for place in range(1, places.last):
            there = f"COALESCE({places.value(place)}, '{self._empty(place)}')"
            made = f"jsonb_set({made}, {places.keys(place)}, {there}, true)"
        new = as_json("postgresql", self.kind, "value")
        made = f"jsonb_set({made}, {places.keys(places.last)}, {new}, true)"
        return f"CASE WHEN {places.fits()} THEN {made} ELSE {places.value(0)} END"

    def _mysql(self, dialect: sa.Dialect) -> str:
        return self._insert_and_set(self.along(json_nodes.OnMysql))

    def _mariadb(self, dialect: sa.Dialect) -> str:
        return self._insert_and_set(self.along(json_nodes.OnMariadb))

    def _insert_and_set(self, places: json_nodes.OnMysql) -> str:
        made = "{doc}"
        if places.last > 1:
            # It leaves alone what is there.
            parents = ", ".join(
                f"{places.path(place)}, JSON_EXTRACT('{self._empty(place)}', '$')"
                for place in range(1, places.last)
            )
            made = f"JSON_INSERT({{doc}}, {parents})"
        new = as_json("mysql", self.kind, "value")
        made = f"JSON_SET({made}, {places.path(places.last)}, {new})"
        return f"CASE WHEN {places.fits()} THEN {made} ELSE {{doc}} END"

    def _sqlite(self, dialect: sa.Dialect) -> str:
        places = _on_sqlite(self, dialect)
        new = as_json("sqlite", self.kind, "value")
        made = f"json_set({{doc}}, {places.path(places.last)}, {new})"
        return f"CASE WHEN {places.fits()} THEN {made} ELSE {{doc}} END"

    def _empty(self, place: int) -> str:
        return "{{}}" if isinstance(self.steps[place], str) else "[]"

    sql = {
        "postgresql": _postgresql,
        "mysql": _mysql,
        "mariadb": _mariadb,
        "sqlite": _sqlite,
    }


class JsonRemove(_At):
    name = "json_remove"

    def _postgresql(self, dialect: sa.Dialect) -> str:
        places = self.along(json_nodes.OnPostgresql)
        made = f"{places.value(0)} #- {places.keys(places.last)}"
        return (
            f"CASE WHEN {_value(places)} IS NOT NULL THEN {made} "
            f"ELSE {places.value(0)} END"
        )

    def _mysql(self, dialect: sa.Dialect) -> str:
        return self._if_found(self.along(json_nodes.OnMysql))

    def _mariadb(self, dialect: sa.Dialect) -> str:
        return self._if_found(self.along(json_nodes.OnMariadb))

    def _if_found(self, places: json_nodes.OnMysql) -> str:
        made = f"JSON_REMOVE({{doc}}, {places.path(places.last)})"
        return f"CASE WHEN {places.found()} IS NOT NULL THEN {made} ELSE {{doc}} END"

    def _sqlite(self, dialect: sa.Dialect) -> str:
        places = _on_sqlite(self, dialect)
        made = f"json_remove({{doc}}, {places.path(places.last)})"
        # As JSON a number of its own has 15 digits, where the column has all.
        kind = places.kind(places.last)
        return f"CASE WHEN {kind} IS NOT NULL THEN {made} ELSE {{doc}} END"

    sql = {
        "postgresql": _postgresql,
        "mysql": _mysql,
        "mariadb": _mariadb,
        "sqlite": _sqlite,
    }


class JsonObject(Construct):
    name = "json_object"

    def _parts(self, name: str) -> list[str]:
        # A call has at most 100 arguments on PostgreSQL, and 127 on SQLite.
        kinds = t.cast("tuple[str, ...]", self.options["kinds"])
        members = [
            f"{{key_{n}}}, {as_json(name, kind, f'value_{n}')}"
            for n, kind in enumerate(kinds)
        ]
        starts = range(0, max(len(members), 1), 50)
        return [", ".join(members[start : start + 50]) for start in starts]

    def _postgresql(self, dialect: sa.Dialect) -> str:
        parts = [f"jsonb_build_object({part})" for part in self._parts("postgresql")]
        return f"({' || '.join(parts)})"

    def _mysql(self, dialect: sa.Dialect) -> str:
        return f"JSON_OBJECT({', '.join(self._parts('mysql'))})"

    def _sqlite(self, dialect: sa.Dialect) -> str:
        parts = [f"json_object({part})" for part in self._parts("sqlite")]
        if len(parts) == 1:
            return parts[0]
        # json_patch would leave out each null.
        inner = [f"substr({part}, 2, length({part}) - 2)" for part in parts]
        joined = " || ',' || ".join(inner)
        return f"json('{{{{' || {joined} || '}}}}')"

    sql = {"postgresql": _postgresql, "mysql": _mysql, "sqlite": _sqlite}


def json_get(doc: t.Any, path: Path) -> Construct:
    """Return what is at a place of a JSON document, as JSON.

    ::

        sa.select(sn.json_get(users.c.settings, "mail.filters[0]"))

    :param doc: a JSON column or expression, or text that holds JSON; of PostgreSQL
        ``json`` or ``jsonb``. Text that is none, ``''`` too, is an error of the
        database, and a backfill names the row it is in; only SQLite takes JSON5 for
        JSON, from 3.42 on. Of a key that an object has twice, either may be found,
        and on MariaDB and SQLite a letter or digit of ASCII in a key may not be spelled
        as an escape, ``"\\u0061"``, which no encoder does.
    :param path: keys with dots between them and indexes in brackets, from 0 on or, from
        the end, from -1 down: ``a.b[0]``. A key with other characters stands in double
        quotes, ``a."b.c"``. Or the steps as a list: ``["a", "b.c", 0]``.
    :return: JSON, ``jsonb`` on PostgreSQL. NULL where nothing is, and JSON's ``null``
        where that is; Python reads both as None, SQL's ``IS NULL`` is true of the first
        alone. An index leads into an array only, a key into an object only. How the
        text of it is spaced and ordered is the database's: compare the
        :func:`json_get_text` of it.
        A ``--sql`` script for MariaDB needs its name in the URL,
        ``mariadb+pymysql://``, since keys beyond ASCII are found in another way there
        than on MySQL.
    :raises DefinitionError: for a path that does not parse; on SQLite before 3.38; on
        SQLite for a key that holds a double quote beside a dot, a bracket, or what is
        not plain ASCII.
    """
    steps = json_paths.steps(path, JsonGet.name)
    return JsonGet({"doc": document(doc, JsonGet.name)}, steps, type_=JSON)


def json_get_text(doc: t.Any, path: Path) -> Construct:
    """Return the text of a string, number or truth value in a JSON document.

    ::

        sa.update(users).values(city=sn.json_get_text(users.c.profile, "address.city"))

    :param doc: a document, as for :func:`json_get`.
    :param path: a path, as for :func:`json_get`.
    :return: text. A string without its quotes and escapes, ``true`` and ``false``, and
        a number as it stands in the document. There PostgreSQL writes ``1e3`` as
        ``1000`` and ``-0`` as ``0``, so compare such as numbers. NULL where nothing is,
        for JSON's ``null``, and for an object or an array.
    :raises DefinitionError: as :func:`json_get`.
    """
    steps = json_paths.steps(path, JsonGetText.name)
    return JsonGetText({"doc": document(doc, JsonGetText.name)}, steps, type_=sa.Text())


def json_set(doc: t.Any, path: Path, value: t.Any) -> Construct:
    """Return a JSON document with another value at a place.

    Keys that are not there are made, and the objects and arrays on the way to them. An
    index may be that one past the end of an array, which makes it longer by one. Where
    the document has something else on the way (a number, where the path has a key)
    it comes back as it is, so no value is ever lost but the one replaced.

    ::

        sa.update(users).values(
            settings=sn.json_set(users.c.settings, "mail.daily", True)
        )

    :param doc: a document, as for :func:`json_get`; NULL stays NULL.
    :param path: a path, as for :func:`json_get`.
    :param value: str, int, float, bool, None (JSON's ``null``), a list or a dictionary;
        or an expression that is text, a number, a truth value or JSON, whose NULL
        becomes ``null``.
    :return: JSON, ``jsonb`` on PostgreSQL, which can be stored as ``json`` too.
    :raises DefinitionError: as :func:`json_get`, and for a value JSON does not have,
        such as a date: give its text.
    """
    steps = json_paths.steps(path, JsonSet.name)
    new, kind = as_value(value, JsonSet.name)
    found = document(doc, JsonSet.name)
    return JsonSet({"doc": found, "value": new}, steps, kind, type_=JSON)


def json_remove(doc: t.Any, path: Path) -> Construct:
    """Return a JSON document without what is at a place.

    A key goes with its value; what is behind an element of an array moves up. Where
    nothing is at the place, the document comes back as it is.

    ::

        sa.update(users).values(settings=sn.json_remove(users.c.settings, "mail.daily"))

    :param doc: a document, as for :func:`json_get`; NULL stays NULL.
    :param path: a path, as for :func:`json_get`.
    :return: JSON, ``jsonb`` on PostgreSQL, which can be stored as ``json`` too.
    :raises DefinitionError: as :func:`json_get`.
    """
    steps = json_paths.steps(path, JsonRemove.name)
    return JsonRemove({"doc": document(doc, JsonRemove.name)}, steps, type_=JSON)


def json_object(
    members: t.Mapping[str, t.Any] | None = None, /, **more: t.Any
) -> Construct:
    """Return a JSON object made of values.

    ::

        sn.json_object(name=users.c.name, age=users.c.age)

    :param members: values by key, for keys that are no names of Python.
    :param more: values by key: as for :func:`json_set`.
    :return: JSON, ``jsonb`` on PostgreSQL. The order of the keys is the database's.
    :raises DefinitionError: for a key or a value that JSON does not have.
    """
    arguments: dict[str, t.Any] = {}
    options: dict[str, str] = {}
    kinds: list[str] = []
    for n, (key, given) in enumerate({**(members or {}), **more}.items()):
        if not isinstance(key, str) or not json_paths.storable(key):
            refuse(
                JsonObject.name,
                f"a key is a text, and this is {key!r}",
                "Leave U+0000 and single surrogates out of it",
            )
        options[f"key_{n}"] = key
        arguments[f"value_{n}"], kind = as_value(given, JsonObject.name)
        kinds.append(kind)
    return JsonObject(arguments, {**options, "kinds": tuple(kinds)}, type_=JSON)
