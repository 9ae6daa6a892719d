"""One migration, read: what it says of itself, and what its two functions do."""

from __future__ import annotations

import ast
import dataclasses
import functools
import pathlib
import re
import typing as t

from . import parsing
from . import rows
from . import schema
from . import sqltext
from . import statements
from .findings import Table
from .names import Names
from .reach import Reached
from .reach import Site
from .reach import reached
from .source import Source
from .source import Unreadable
from .source import literal

if t.TYPE_CHECKING:
    from sqlglot import expressions as exp

# Of Alembic, and of SQLAlchemy-Migrate before it; no code of the app names them.
_BOOKKEEPING = frozenset({"alembic_version", "migrate_version"})
# As Alembic names a revision whose file does not.
_LEGACY = re.compile(r"([a-f0-9]+)\.py$")


@dataclasses.dataclass(frozen=True, slots=True)
class Header:
    """What a migration says of itself.

    :param down: the revisions before it.
    :param depends: those it depends on.
    :param stage: the stage of its change, if it belongs to one.
    """

    revision: str
    down: tuple[str, ...]
    depends: tuple[str, ...]
    labels: tuple[str, ...]
    stage: str | None


@dataclasses.dataclass(frozen=True, slots=True)
class Sql:
    """A SQL text that is run, and its parsed statements.

    :param parsed: ``None`` when it was not analysed.
    """

    written: sqltext.SqlText
    parsed: tuple[exp.Expression, ...] | None


class Direction:
    """What ``upgrade()`` or ``downgrade()`` does, helpers included.

    :param name: which of the two.
    :param dialects: the databases of the project; SQL is read in theirs first.
    """

    def __init__(self, names: Names, name: str, dialects: tuple[str, ...]) -> None:
        self.name = name
        self._names = names
        self._dialects = dialects

    @functools.cached_property
    def reached(self) -> Reached:
        """Every call and every loop."""
        return reached(self._names, self.name)

    @property
    def sites(self) -> tuple[Site, ...]:
        """Every call, in order."""
        return self.reached.sites

    @functools.cached_property
    def _texts(self) -> tuple[sqltext.SqlText | sqltext.Computed, ...]:
        return tuple(text for site in self.sites for text in sqltext.texts(site))

    @functools.cached_property
    def sql(self) -> tuple[Sql, ...]:
        """The SQL texts it runs."""
        found = [text for text in self._texts if isinstance(text, sqltext.SqlText)]
        if not found or not parsing.available():
            return tuple(Sql(text, None) for text in found)
        return tuple(
            Sql(text, parsing.parse(text.text, self._dialects)) for text in found
        )

    @property
    def computed(self) -> tuple[sqltext.Computed, ...]:
        """The calls whose statement cannot be read from the script."""
        return tuple(x for x in self._texts if isinstance(x, sqltext.Computed))

    @functools.cached_property
    def schema(self) -> tuple[schema.SchemaChange, ...]:
        """What it changes in the schema."""
        found = [change for site in self.sites for change in schema.changes(site)]
        for sql in self.sql:
            if sql.parsed:
                found += statements.schema_changes(sql.written, sql.parsed)
        return tuple(change for change in found if not _keeps_books(change.table))

    @functools.cached_property
    def rows(self) -> tuple[rows.RowChange, ...]:
        """What it changes in rows."""
        made = (rows.constructed(site) for site in self.sites)
        found = [change for change in made if change is not None]
        for sql in self.sql:
            if sql.parsed:
                found += statements.row_changes(sql.written, sql.parsed)
        return tuple(change for change in found if not _keeps_books(change.table))

    @functools.cached_property
    def created(self) -> frozenset[str]:
        """The names of the tables it creates, which are empty."""
        return frozenset(
            change.table.name
            for change in self.schema
            if change.kind is schema.Kind.CREATE_TABLE and change.table
        )

    def is_new(self, table: Table | None) -> bool:
        """Tell whether a table is created here, or cannot be told from one that is."""
        if table is None:
            return bool(self.created)
        return table.name in self.created


class Script:
    """A migration that was read.

    :param source: its file.
    :param dialects: the databases of the project.
    :raises Unreadable: when it does not say which revision it is.
    """

    def __init__(self, source: Source, dialects: tuple[str, ...] = ()) -> None:
        self.source = source
        self.header = header(source)
        self.names = Names(source.tree)
        self.up = Direction(self.names, "upgrade", dialects)
        self.down = Direction(self.names, "downgrade", dialects)

    @property
    def path(self) -> pathlib.Path:
        return self.source.path

    def function(self, name: str) -> ast.FunctionDef | None:
        """Return a function that the script defines."""
        return self.names.functions.get(name)


def _keeps_books(table: Table | None) -> bool:
    return table is not None and table.name in _BOOKKEEPING


def header(source: Source) -> Header:
    """Read what a migration says of itself.

    :raises Unreadable: when it does not say which revision it is.
    """
    found: dict[str, t.Any] = {}
    for statement in source.tree.body:
        targets: list[ast.expr] = []
        if isinstance(statement, ast.Assign):
            targets = statement.targets
        elif isinstance(statement, ast.AnnAssign):
            targets = [statement.target]
        else:
            continue
        for target in targets:
            if isinstance(target, ast.Name):
                found[target.id] = literal(statement.value)
                if isinstance(statement.value, ast.Name):
                    found[target.id] = found.get(statement.value.id)
    revision = found.get("revision")
    if not isinstance(revision, str) or not revision:
        legacy = _LEGACY.match(source.path.name)
        if legacy is None:
            raise Unreadable(
                "the file does not say which revision it is",
                'write revision = "…" as a plain text, or move the file out of the '
                "directory of the versions",
            )
        revision = legacy[1]
    stage = found.get("stage")
    return Header(
        revision,
        _names(found.get("down_revision")),
        _names(found.get("depends_on")),
        _names(found.get("branch_labels")),
        stage if isinstance(stage, str) else None,
    )


def _names(value: t.Any) -> tuple[str, ...]:
    if isinstance(value, str):
        return (value,)
    if isinstance(value, tuple | list | set | frozenset):
        return tuple(item for item in value if isinstance(item, str))
    return ()
