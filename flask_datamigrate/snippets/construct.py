"""What a snippet is to SQLAlchemy: an expression with a table of SQL, a cell a dialect.

A module of snippets has one class for each, whose ``sql`` is that table::

    class Reverse(Construct):
        name = "reverse"
        sql = {
            "postgresql": "reverse(CAST({text} AS TEXT))",
            "mysql": "reverse({text})",
            "sqlite": Python(backwards, "{text}"),
        }


    def reverse(text: t.Any) -> Construct:
        return Reverse({"text": as_text(text, Reverse.name)}, type_=sa.Text())

A cell is a template, in which ``{name}`` is an argument (an expression, in brackets
where it needs them) or an option (a plain value, written as a literal, since an
expression with a placeholder in it is another one in ``GROUP BY``); ``{binary}`` is the
collation that tells all texts apart (:func:`.dialects.binary`). A cell that
depends on an option or on the server's version is a function of the construct and
the dialect that returns the template. Where there is no such function on SQLite, it is
a :class:`~flask_datamigrate.snippets.sqlite_functions.Python`.
"""

from __future__ import annotations

import re
import typing as t

import sqlalchemy as sa
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql import coercions
from sqlalchemy.sql import operators
from sqlalchemy.sql import roles
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.visitors import InternalTraversal

from .. import dialects
from ..errors import DefinitionError
from ..errors import OfflineError
from . import sqlite_functions
from .sqlite_functions import Python

Template: t.TypeAlias = "str | Python"
Cell: t.TypeAlias = "Template | t.Callable[[t.Any, sa.Dialect], Template]"
Option: t.TypeAlias = "str | int | bool | None | tuple[Option, ...]"


class Construct(sa.ColumnElement[t.Any]):
    """An expression that has its own SQL on each dialect and one meaning.

    :param arguments: expressions, by their name in the templates.
    :param options: plain values, by their name in the templates. They are part of
        the SQL: statements with other options never share a compiled one.
    :param type_: the type of the result.
    """

    __visit_name__ = "datamigrate_construct"
    _traverse_internals = [
        ("arguments", InternalTraversal.dp_string_clauseelement_dict),
        ("_signature", InternalTraversal.dp_string),
        ("type", InternalTraversal.dp_type),
    ]
    inherit_cache = True
    # As SQLAlchemy has it for functions: in a SELECT it gets a label made of its name,
    # since the name alone is nothing that a query around it could refer to.
    _non_anon_label = None

    name: t.ClassVar[str]
    """What it is called in ``snippets``."""

    sql: t.ClassVar[t.Mapping[str, Cell]]
    """Its template by the name of the dialect; ``mysql`` serves MariaDB too."""

    def __init_subclass__(cls, **kwargs: t.Any) -> None:
        # A subclass has nothing of its own that an instance could differ by. SQLAlchemy
        # wants each class to say so.
        cls.inherit_cache = True
        super().__init_subclass__(**kwargs)

    def __init__(
        self,
        arguments: t.Mapping[str, t.Any],
        options: t.Mapping[str, Option] | None = None,
        *,
        type_: sa.types.TypeEngine[t.Any],
    ) -> None:
        self.arguments = {
            name: expression(value, self) for name, value in arguments.items()
        }
        self.options = dict(options or {})
        # Not the values themselves: as keys of a cache, 1 and True would be one.
        self._signature = repr(sorted(self.options.items()))
        self.type = type_

    @property
    def _from_objects(self) -> list[t.Any]:
        arguments: t.Iterable[t.Any] = self.arguments.values()
        return list(dict.fromkeys(f for a in arguments for f in a._from_objects))

    def template(self, dialect: sa.Dialect) -> Template:
        """Return the SQL for a dialect, with places for arguments and options.

        :raises DefinitionError: when there is none.
        """
        for name in dialects.names(dialect):
            cell = self.sql.get(name)
            if cell is not None:
                return cell(self, dialect) if callable(cell) else cell
        if dialect.name == "default":
            # SQLAlchemy's own, for str() and to look at a statement: of no database.
            places = [f"{{{name}}}" for name in (*self.arguments, *self.options)]
            return f"{self.name}({', '.join(places)})"
        raise DefinitionError(
            f"there is no SQL for {dialect.name}, only for {', '.join(self.sql)}",
            where=f"snippets.{self.name}",
            state="Nothing was run",
            next=f"Write the SQL of {dialect.name} with snippets.branch",
        )


class Arguments(sa.sql.elements.ClauseList):
    """Several expressions as one argument, with commas between them."""

    inherit_cache = True

    def self_group(self, against: t.Any = None) -> t.Any:
        return self


def expression(value: t.Any, owner: t.Any = None) -> t.Any:
    """Return a value as an expression: as it is, or as a bound parameter.

    :param owner: the construct that takes it, which is then of the ORM if it is.
    """
    if isinstance(value, Arguments):
        return value
    return coercions.expect(
        roles.ExpressionElementRole, value, apply_propagate_attrs=owner
    )


@compiles(Construct)
def _compile(element: Construct, compiler: SQLCompiler, **kw: t.Any) -> str:
    template = element.template(compiler.dialect)
    if isinstance(template, Python):
        if kw.get("literal_binds"):
            raise OfflineError(
                "on SQLite it is computed in Python by the connection that runs the "
                "statement, which neither a script nor a stored definition (an index, "
                "a CHECK, a trigger) can do",
                where=f"snippets.{element.name}",
                next="Run flask db upgrade without --sql, or write the SQL for SQLite "
                "with snippets.branch",
            )
        sqlite_functions.provide(compiler.dialect)
        template = template.call
    return _verbatim(template, compiler).format_map(_Parts(element, compiler, kw))


class _Parts(dict[str, str]):
    """The SQL of each argument and option, made when the template asks for it."""

    def __init__(
        self, element: Construct, compiler: SQLCompiler, kw: dict[str, t.Any]
    ) -> None:
        self._element = element
        self._compiler = compiler
        # What it is given as a column of a SELECT is not for the parts of it.
        self._kw = {**kw, "within_columns_clause": False}
        self._kw.pop("add_to_result_map", None)

    def __missing__(self, name: str) -> str:
        if name in self._element.arguments:
            argument = self._element.arguments[name]
            # Nothing binds more closely, so that each operator gets its brackets.
            grouped = argument.self_group(against=operators.getitem)
            self[name] = self._compiler.process(grouped, **self._kw)
        elif name == "binary":
            self[name] = dialects.binary(self._compiler.dialect)
        else:
            self[name] = literal(self._element.options[name], self._compiler)
        return self[name]


def literal(value: Option, compiler: SQLCompiler) -> str:
    """Return a plain value as SQL."""
    if not isinstance(value, str):
        return str(value)
    if compiler.dialect.name == "postgresql" and "\\" in value:
        # An ordinary one depends on a setting of the server, which is not known
        # when a script is written.
        value = value.replace("\\", "\\\\").replace("'", "''")
        return _verbatim(f"E'{value}'", compiler)
    if compiler.dialect.name == "sqlite" and "%(" in value:
        # Early releases of SQLAlchemy 2.0 look for parameters in texts as well.
        parts = re.split(r"(?<=%)(?=\()", value)
        texts = (compiler.render_literal_value(part, sa.String()) for part in parts)
        return f"({' || '.join(texts)})"
    return compiler.render_literal_value(value, sa.String())


def _verbatim(sql: str, compiler: SQLCompiler) -> str:
    """Return SQL as the driver takes it: a percent sign may have to be two."""
    return str(compiler.post_process_text(sql))  # type: ignore[no-untyped-call]
