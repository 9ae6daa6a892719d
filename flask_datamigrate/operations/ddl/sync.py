"""``op.create_sync`` and ``op.drop_sync``: old and new columns, kept equal."""

from __future__ import annotations

import hashlib
import typing as t

import sqlalchemy as sa

from ...dialects import family
from ...errors import DefinitionError
from ...errors import SchemaError
from ...expressions import reads
from ...quoting import full_name
from ...quoting import quoted
from . import names
from . import sync_reach
from . import sync_sql
from .catch_up import CatchUp
from .operation import Operation
from .operation import Step
from .site import Site
from .sync_notes import SyncNote
from .sync_sql import Direction
from .sync_sql import Side
from .sync_sql import Triggers

if t.TYPE_CHECKING:
    from .directives.syncs import CreateSyncOp
    from .directives.syncs import SyncOp

_FAMILIES = ("postgresql", "mysql", "sqlite")
_DROP = {
    # The trigger goes with its function.
    "postgresql": "DROP FUNCTION IF EXISTS {name}() CASCADE",
    "mysql": "DROP TRIGGER IF EXISTS {name}",
    "sqlite": "DROP TRIGGER IF EXISTS {name}",
}
_FIND = {
    "postgresql": "SELECT tgname, relname, prosrc FROM pg_trigger "
    "JOIN pg_class ON pg_class.oid = tgrelid "
    "JOIN pg_proc ON pg_proc.oid = tgfoid "
    "JOIN pg_namespace ON pg_namespace.oid = relnamespace "
    "WHERE NOT tgisinternal "
    "AND nspname = coalesce(CAST(:schema AS text), current_schema())",
    "mysql": "SELECT trigger_name, event_object_table, action_statement "
    "FROM information_schema.triggers "
    "WHERE trigger_schema = coalesce(:schema, database())",
    "sqlite": "SELECT name, tbl_name, sql FROM {space}sqlite_master "
    "WHERE type = 'trigger'",
}


def tables(connection: sa.Connection, schema: str | None) -> list[tuple[str, str]]:
    """Return the sync triggers of a database: the name of each, and its table."""
    found = _found(connection, schema)
    prefix = names.of("sync", "")
    return sorted((name, table) for name, table, _ in found if name.startswith(prefix))


def prefix(change: str) -> str:
    """Return how the names of the triggers of a change begin."""
    return names.of("sync", hashlib.sha256(change.encode()).hexdigest()[:8], "")


def change_of(trigger: str, known: t.Iterable[str]) -> str | None:
    """Return the change of a sync trigger; ``None`` where that cannot be told.

    :param known: changes there are, by which a name is told that was cut.
    """
    rest = trigger[len(prefix("")) :]
    shown = (rest[:end] for end in range(1, len(rest)))
    return next((c for c in (*known, *shown) if trigger.startswith(prefix(c))), None)


def drop(dialect: sa.Dialect, name: str, schema: str | None) -> str:
    """Return the statement that drops a sync trigger."""
    return _DROP[family(dialect)].format(name=full_name(dialect, name, schema))


def _found(connection: sa.Connection, schema: str | None) -> list[tuple[str, str, str]]:
    kind = family(connection.dialect)
    space = "" if schema is None else f"{quoted(connection.dialect, schema)}."
    query = sa.text(_FIND[kind].format(space=space))
    values = {} if kind == "sqlite" else {"schema": schema}
    return [(row[0], row[1], row[2]) for row in connection.execute(query, values)]


class _Sync(Operation):
    def __init__(self, directive: SyncOp) -> None:
        super().__init__(directive.name, directive.table, directive.schema)
        self.change = directive.change
        self._changes = directive.changes
        self._home = directive.home
        part = "" if directive.part is None else f"_{directive.part}"
        self._start = prefix(self.change) + f"{self.change}_{self.table}{part}"
        self._part = directive.part

    @property
    def label(self) -> str:
        part = "" if self._part is None else f", part {self._part}"
        return super().label + part

    def is_online(self, site: Site) -> bool:
        # It may stand in one revision with the columns it is about.
        return False

    def _names(self, kind: str) -> dict[str, str]:
        """Return the name of each trigger (PostgreSQL: of the one function too)."""
        stem = self._start.removeprefix("datamigrate_")
        return {one: names.of(stem, one) for one in sync_sql.TRIGGERS[kind]}

    def _note(self, site: Site) -> SyncNote:
        stem = self._start.removeprefix("datamigrate_")
        place = [] if self.schema is None else [self.schema]
        name = names.of("synced", *place, stem)
        return SyncNote(site, name, self._home)

    def dropped(self, dialect: sa.Dialect) -> list[Step]:
        found = self._names(family(dialect)).values()
        return [drop(dialect, name, self.schema) for name in found]


class CreateSync(_Sync):
    """Create the triggers."""

    def __init__(self, directive: CreateSyncOp) -> None:
        super().__init__(directive)
        self._forward = _expressions(directive.forward)
        self._backward = _expressions(directive.backward)
        self._forward_sql = directive.forward_sql
        self._backward_sql = directive.backward_sql
        self._frozen = self._table()
        read_forward = reads(self._forward.values(), self._frozen)
        read_backward = reads(self._backward.values(), self._frozen)
        self._refuse_definition(read_forward, read_backward)
        self._catch_up = None
        if directive.catch_up is not None:
            note = names.of("catch_up", self._start.removeprefix("datamigrate_"))
            self._catch_up = CatchUp(
                directive.catch_up, self.table, note, f"{self.where}, catch_up="
            )
        old = (read_forward | self._backward.keys()) - self._forward.keys()
        new = (read_backward | self._forward.keys()) - self._backward.keys()
        self._old, self._new = sorted(old), sorted(new)
        if not self._old or not self._new:
            side = "new" if self._old else "old"
            raise DefinitionError(
                f"it does not tell which the {side} columns are",
                where=self.where,
                state="Nothing was changed by it",
                next="Give it forward={new column: expression over old ones} and "
                "backward={old column: expression over new ones}",
            )

    def needs(self) -> list[tuple[str, str | None, t.Sequence[str]]]:
        return [(self.table, self.schema, [*self._old, *self._new])]

    def refuse(self, site: Site) -> None:
        """Refuse columns of another sync of the table, and rows without a key."""
        if self._catch_up is not None:
            self._catch_up.refuse(site)
        wanted = self._wanted(site)
        created = [*sync_sql.prepared(wanted), *(s for _, s in wanted.statements())]
        own = sync_reach.of(site.family, self.table, created)
        for triggers in self._others(site):
            other = sync_reach.of(site.family, self.table, triggers.values())
            why = sync_reach.clash(own, other)
            if why:
                raise self._overlap(why, min(triggers))

    def is_online(self, site: Site) -> bool:
        # The triggers have to be committed before the rows are looked at.
        left = self._catch_up is not None and not self._is_caught_up(site)
        return left and site.form == "postgresql"

    def _is_caught_up(self, site: Site) -> bool:
        there = {name for name, _, _ in _found(site.connection, self.schema)}
        noted = self._catch_up and self._catch_up.is_noted(site, self.schema)
        return bool(noted) and there.issuperset(self._names(site.family).values())

    def _others(self, site: Site) -> list[dict[str, str]]:
        """Return the triggers of each other sync of the table: their SQL by name."""
        mine, start = self._names(site.family).values(), names.of("sync", "")
        table = sync_reach.folded(site.family, self.table)
        found: dict[str, dict[str, str]] = {}
        for name, of, sql in _found(site.connection, self.schema):
            if name in mine or not name.startswith(start):
                continue
            if sync_reach.folded(site.family, of) == table:
                found.setdefault(name[: len(prefix(""))], {})[name] = sql
        return list(found.values())

    def _overlap(self, why: str, trigger: str) -> SchemaError:
        change = change_of(trigger, (self.change, *(self._changes or ())))
        whose = f"change {change}"
        schema = f', schema="{self.schema}"' if self.schema else ""
        dropped = f'op.drop_sync("{self.table}", change="{change}"{schema})'
        next = (
            f"Put it behind the contract of {change}, in which {dropped} comes first; "
            "or set the columns of both in one op.create_sync"
        )
        if change == self.change:
            whose = f"another part of change {change}"
            next = "Set the columns of both parts in one op.create_sync"
        elif change is None:
            whose = "a change that no revision names"
            next = "If that change is over, drop its triggers first, by op.drop_sync"
        return SchemaError(
            f"change {self.change} has a column in common with {whose}, whose trigger "
            f"is {trigger}: {why}, and a trigger does not see what another one sets",
            where=self.where,
            state=self.unchanged,
            next=next,
        )

    def _wanted(self, site: Site) -> Triggers:
        """Describe the triggers for the table that is there."""
        columns = site.columns(self.table, self.schema)
        key: list[str] = []
        if site.family == "sqlite":
            inspector = sa.inspect(site.connection)
            found = inspector.get_pk_constraint(self.table, self.schema)
            key = found["constrained_columns"]
        return self._triggers(site.dialect, columns, key)

    def steps(self, site: Site) -> list[Step]:
        wanted = self._wanted(site)
        there = {n: sql for n, _, sql in _found(site.connection, self.schema)}
        steps: list[Step] = list(sync_sql.prepared(wanted))
        for name, sql in wanted.statements():
            if name not in there:
                steps.append(sql)
            elif not sync_sql.is_same(site.family, sql, there[name]):
                dropped = full_name(site.dialect, name, self.schema)
                steps += [f"DROP TRIGGER {dropped}", sql]
        steps.append(lambda _: self._note_made(site))
        if self._catch_up is None:
            return steps
        if self._is_caught_up(site):
            return [*steps, *self._catch_up.end(site, self.schema)]
        return [*steps, *self._catch_up.steps(site, self.schema)]

    def _note_made(self, site: Site) -> None:
        self._note(site).made(
            change=self.change,
            table=self.full_name(self.table, self.schema),
            schema=self.schema,
            triggers=sorted(
                {name for name, _ in self._wanted(site).statements()},
            ),
        )

    def _triggers(
        self,
        dialect: sa.Dialect,
        columns: t.Mapping[str, t.Any],
        key: t.Sequence[str],
    ) -> Triggers:
        """Describe the triggers.

        :param columns: the columns of the table, as the inspector describes them.
        :param key: the columns of the primary key; none if it is not known.
        """
        kind = family(dialect)
        write = sync_sql.Writer(dialect, self._frozen)
        return Triggers(
            dialect,
            self.table,
            self.schema,
            self._names(kind),
            tuple(key),
            Direction(
                Side(self._old, columns),
                {c: write.expression(e) for c, e in self._forward.items()},
                write.statement(self._forward_sql),
            ),
            Direction(
                Side(self._new, columns),
                {c: write.expression(e) for c, e in self._backward.items()},
                write.statement(self._backward_sql),
            ),
        )

    def _offline(self, dialect: sa.Dialect) -> list[Step]:
        wanted = self._triggers(dialect, {}, ())
        return [
            *sync_sql.prepared(wanted),
            *(sync_sql.scripted(family(dialect), s) for _, s in wanted.statements()),
            *(self._catch_up.offline(dialect) if self._catch_up else ()),
        ]

    offline = dict.fromkeys(_FAMILIES, _offline)

    def _table(self) -> sa.Table:
        """Return the frozen table that the expressions are over."""
        for value in (*self._forward.values(), *self._backward.values()):
            for element in sa.sql.visitors.iterate(value):
                table = getattr(element, "table", None)
                if isinstance(table, sa.Table) and table.name == self.table:
                    return table
        return sa.Table(self.table, sa.MetaData(), schema=self.schema)

    def _refuse_definition(self, forward: set[str], backward: set[str]) -> None:
        for way, read, written in (
            ("forward", forward, self._forward),
            ("backward", backward, self._backward),
        ):
            both = sorted(read & written.keys())
            if both:
                raise DefinitionError(
                    f"{way}= sets {both[0]} and reads it too",
                    where=self.where,
                    state="Nothing was changed by it",
                    next="Compute it from columns of the other side",
                )
        both = sorted(self._forward.keys() & self._backward.keys())
        if both:
            raise DefinitionError(
                f"{both[0]} is set by forward= and by backward=",
                where=self.where,
                state="Nothing was changed by it",
                next="Have forward= set the new columns, and backward= the old",
            )


class DropSync(_Sync):
    """Drop the triggers."""

    def refuse(self, site: Site) -> None:
        """Refuse to leave triggers behind, which would fail every write then."""
        there = tables(site.connection, self.schema)
        own = set(self._names(site.family).values())
        if self._changes is None or own & {name for name, _ in there}:
            return
        known = tuple(prefix(change) for change in (self.change, *self._changes))
        for name, table in there:
            if table == self.table and not name.startswith(known):
                raise SchemaError(
                    f"there are no triggers of change {self.change}, and there is "
                    f"{name}, of a change that no revision belongs to",
                    where=self.where,
                    state=self.unchanged,
                    next="If the change was renamed, give op.drop_sync the name that "
                    "op.create_sync had; if it is over, drop that trigger first: "
                    f"{drop(site.dialect, name, self.schema)}",
                )

    def steps(self, site: Site) -> list[Step]:
        own = set(self._names(site.family).values())
        there = {name for name, _, _ in _found(site.connection, self.schema)}
        noted: list[Step] = [lambda _: self._note(site).dropping()]
        return [*noted, *self.dropped(site.dialect)] if own & there else noted

    offline = dict.fromkeys(_FAMILIES, _Sync.dropped)


def _expressions(given: t.Mapping[str, t.Any]) -> dict[str, t.Any]:
    return {
        str(getattr(column, "name", column)): value
        if isinstance(value, sa.ClauseElement)
        else sa.literal(value)
        for column, value in given.items()
    }
