"""``sn.branch``: another SQL for each database, in one statement."""

from __future__ import annotations

import typing as t

import sqlalchemy as sa
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql import operators
from sqlalchemy.sql.compiler import SQLCompiler

from .. import dialects
from ..errors import DefinitionError

_DIALECTS = (*dialects.NAMES, "default")
_One: t.TypeAlias = "str | sa.ClauseElement"
_Given: t.TypeAlias = "_One | t.Sequence[_One]"
Part: t.TypeAlias = "_Given | t.Callable[[], _Given]"


class Statements(sa.sql.elements.ClauseElement, sa.Executable):
    """Whole statements that are run in order, as one; there may be none."""

    inherit_cache = False
    __visit_name__ = "datamigrate_statements"

    def __init__(self, parts: t.Sequence[t.Any]) -> None:
        self.parts = parts

    def get_children(self, **kw: t.Any) -> t.Iterable[t.Any]:
        return self.parts

    def _execute_on_connection(
        self, connection: sa.Connection, parameters: t.Any, options: t.Any
    ) -> t.Any:
        # A result is due even of nothing.
        parts = self.parts or (sa.select(sa.null()).where(sa.false()),)
        for part in parts:
            result = part._execute_on_connection(connection, parameters, options)
        return result


nothing: t.Final = Statements(())
"""What ``sn.branch`` does on a database where there is nothing to do."""


class Branch(sa.ColumnElement[t.Any], sa.Executable):
    """An expression or a statement whose SQL depends on the dialect."""

    inherit_cache = False
    __visit_name__ = "datamigrate_branch"

    def __init__(self, parts: dict[str, sa.ClauseElement]) -> None:
        self.parts = parts
        typed = [p.type for p in parts.values() if isinstance(p, sa.ColumnElement)]
        known = [type_ for type_ in typed if not isinstance(type_, sa.types.NullType)]
        self.type = known[0] if known else sa.types.NullType()

    def get_children(self, **kw: t.Any) -> t.Iterable[t.Any]:
        # Every branch counts for who asks which columns are read.
        return list(self.parts.values())

    @property
    def _from_objects(self) -> list[t.Any]:
        parts: t.Iterable[t.Any] = self.parts.values()
        return list(dict.fromkeys(f for part in parts for f in part._from_objects))

    def self_group(self, against: t.Any = None) -> t.Any:
        # A condition is one on every database: SQLAlchemy would compare it with 1
        # where there is no type for it, which MATCH for example is not.
        return self

    # As a whole statement it is its part, which knows what kind of statement it is.

    def _compiler(self, dialect: sa.Dialect, **kw: t.Any) -> t.Any:
        part: t.Any = self.pick(dialect)
        return part._compiler(dialect, **kw)

    def _execute_on_connection(
        self, connection: sa.Connection, parameters: t.Any, options: t.Any
    ) -> t.Any:
        part: t.Any = self.pick(connection.dialect)
        return part._execute_on_connection(connection, parameters, options)

    def pick(self, dialect: sa.Dialect) -> sa.ClauseElement:
        """Return the part for a dialect.

        :raises DefinitionError: when there is none.
        """
        names = [*dialects.names(dialect), "default"]
        if dialect.name == "default":
            # SQLAlchemy's own, for str() and to look at a statement: of no database.
            names = ["default", *self.parts]
        for name in names:
            if name in self.parts:
                return self.parts[name]
        raise DefinitionError(
            f"there is no branch for {dialect.name}, only for {', '.join(self.parts)}",
            where="snippets.branch",
            state="Nothing was run",
            next=f"Add {dialect.name}=... or default=...",
        )


def branch(**parts: Part) -> Branch:
    """Return SQL that is another on each database.

    It stands for an expression inside a statement, or for a whole statement in
    ``op.execute``. There a list is several statements, run in order, and
    ``sn.nothing`` is none.

    ::

        first = sn.branch(
            postgresql=sa.func.split_part(users.c.full_name, " ", 1),
            mysql=sa.func.substring_index(users.c.full_name, " ", 1),
            sqlite="substr(full_name, 1, instr(full_name || ' ', ' ') - 1)",
        )
        op.execute(
            sn.branch(
                postgresql=[
                    "CREATE EXTENSION IF NOT EXISTS pg_trgm",
                    "CREATE INDEX ix_name ON users USING gin (name gin_trgm_ops)",
                ],
                default=sn.nothing,
            )
        )

    :param parts: SQL text, a SQLAlchemy construct, a list of them or a callable that
        returns one, under ``postgresql``, ``mysql`` (MariaDB too, unless ``mariadb``
        is given), ``mariadb``, ``sqlite`` and ``default``.
    :raises DefinitionError: for an unknown name; when compiled for a dialect that
        has no branch, never a silent pass.
    """
    unknown = sorted(set(parts) - set(_DIALECTS))
    if unknown or not parts:
        raise DefinitionError(
            f"there is no dialect {', '.join(unknown)}" if unknown else "it is empty",
            where="snippets.branch",
            next=f"The names are {', '.join(_DIALECTS)}",
        )
    return Branch({name: _construct(name, part) for name, part in parts.items()})


def _construct(name: str, part: Part) -> sa.ClauseElement:
    if callable(part) and not isinstance(part, sa.ClauseElement):
        part = part()
    if isinstance(part, (list, tuple)) and part:
        return Statements([_construct(name, one) for one in part])
    if isinstance(part, str) and part.strip():
        return sa.text(part)
    if not isinstance(part, sa.ClauseElement):
        raise DefinitionError(
            f"{name}={part!r} is neither SQL text nor a construct of SQLAlchemy",
            where="snippets.branch",
            state="Nothing was run",
            next=f"For a plain value write {name}=sa.literal(...); where there is "
            f"nothing to do, {name}=sn.nothing",
        )
    return part


@compiles(Statements)
def _compile_all(element: Statements, compiler: SQLCompiler, **kw: t.Any) -> str:
    if compiler.stack:
        raise DefinitionError(
            "whole statements, or nothing, stand where an expression has to",
            where="snippets.branch",
            state="Nothing was run",
            next="Give it one expression, or use it as a statement: op.execute(...)",
        )
    if not element.parts:
        return f"-- Nothing to do on {compiler.dialect.name}"
    return ";\n".join(
        str(part.compile(dialect=compiler.dialect, compile_kwargs=kw))
        for part in element.parts
    )


@compiles(Branch)
def _compile(element: Branch, compiler: SQLCompiler, **kw: t.Any) -> str:
    part = element.pick(compiler.dialect)
    if compiler.stack:
        if isinstance(part, sa.TextClause):
            return f"({compiler.process(part, **kw)})"
        # Nothing binds more closely, so that each operator gets its brackets.
        part = part.self_group(against=operators.getitem)
    return compiler.process(part, **kw)
