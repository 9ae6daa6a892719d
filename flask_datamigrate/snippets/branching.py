"""``sn.branch``: another SQL for each database, in one statement."""

from __future__ import annotations

import typing as t

import sqlalchemy as sa
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler

from ..errors import DefinitionError

_DIALECTS = ("postgresql", "mysql", "mariadb", "sqlite", "default")
Part: t.TypeAlias = "str | sa.ClauseElement | t.Callable[[], str | sa.ClauseElement]"


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
        names = [dialect.name, "default"]
        if dialect.name in ("mysql", "mariadb"):
            both = ["mysql"]
            if dialect.name == "mariadb" or getattr(dialect, "is_mariadb", False):
                both.insert(0, "mariadb")
            names = [*both, "default"]
        elif dialect.name == "default":
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
    ``op.execute``.

    ::

        first = sn.branch(
            postgresql=sa.func.split_part(users.c.full_name, " ", 1),
            mysql=sa.func.substring_index(users.c.full_name, " ", 1),
            sqlite="substr(full_name, 1, instr(full_name || ' ', ' ') - 1)",
        )

    :param parts: SQL text, a SQLAlchemy construct or a callable that returns one,
        under ``postgresql``, ``mysql`` (MariaDB too, unless ``mariadb`` is given),
        ``mariadb``, ``sqlite`` and ``default``.
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
    return Branch({name: _construct(part) for name, part in parts.items()})


def _construct(part: Part) -> sa.ClauseElement:
    if callable(part) and not isinstance(part, sa.ClauseElement):
        part = part()
    if isinstance(part, str):
        return sa.text(part)
    return part


@compiles(Branch)
def _compile(element: Branch, compiler: SQLCompiler, **kw: t.Any) -> str:
    part = element.pick(compiler.dialect)
    if isinstance(part, sa.TextClause) and compiler.stack:
        return f"({compiler.process(part, **kw)})"
    return compiler.process(part, **kw)
