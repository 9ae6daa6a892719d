"""The rows that were written while there were no triggers, when these are made.

The triggers come first, and are committed: from then on no write of the app is missed,
and the rows of before are brought up to date some at a time. A run that was cut off
begins anew, which does no harm.
"""

from __future__ import annotations

import contextlib
import typing as t

import sqlalchemy as sa

from ...backfill import faults
from ...backfill import quiet
from ...backfill.connections import begin_immediate
from ...dialects import family
from ...errors import DefinitionError
from ...errors import SchemaError
from ...expressions import assignments
from . import key_ranges
from . import locks
from .notes import Notes
from .operation import Step
from .site import Site


class CatchUp:
    """An update of the rows that no trigger saw.

    :param update: of the old columns, by the new ones; without a range.
    :param name: what the note is called that it was done.
    :param where: what it is called in errors.
    """

    def __init__(self, update: t.Any, table: str, name: str, where: str) -> None:
        if not isinstance(update, sa.Update) or _name(update) != table:
            raise DefinitionError(
                f"catch_up= is no update of table {table}",
                where=where,
                state="Nothing was changed by it",
                next=f"Give it sa.update({table}).where(…).values(…)",
            )
        self._update = update
        self._name = name
        self._where = where

    def refuse(self, site: Site) -> None:
        """Refuse a key that the rows cannot be taken along."""
        self._key(site)

    def is_noted(self, site: Site, schema: str | None) -> bool:
        """Tell whether it is done, and only the version is not written yet."""
        return Notes(site, schema).get(self._name) is not None

    def steps(self, site: Site, schema: str | None) -> list[Step]:
        """Return what is done behind the triggers."""
        steps: list[Step] = [lambda _: self._run(site)]
        if site.form == "postgresql":
            steps.append(lambda _: Notes(site, schema).put(self._name))
        return steps

    def end(self, site: Site, schema: str | None) -> list[Step]:
        """Return what is left when it is noted that it is done."""
        return [lambda _: Notes(site, schema).drop(self._name)]

    def offline(self, dialect: sa.Dialect) -> list[Step]:
        """Return it as one statement of a script."""
        begin, end = quiet.script(family(dialect))
        return [begin, lambda operations: operations.execute(self._update), end]

    def _run(self, site: Site) -> None:
        key, unique = self._key(site), self._unique(site)
        try:
            key_ranges.execute(
                site, key, lambda rows: self._update.where(rows), batch=_quietly
            )
        except sa.exc.IntegrityError as error:
            if not unique:
                raise
            raise SchemaError(
                f"the database refused a row: {faults.message(error)}. {unique} was "
                "made again before the values were brought over, and a value may be "
                "in another row by now",
                where=self._where,
                state="The triggers may be there, and the rows before it done; all of "
                "it is done again",
                next=f"In the downgrade, drop {unique} in front of op.create_sync and "
                "make it again behind it, and run the same command again",
            ) from error

    def _unique(self, site: Site) -> str:
        """Return the names of what keeps the columns unique that it sets."""
        table = t.cast(sa.Table, self._update.table)
        inspector = sa.inspect(site.connection)
        old = {name.lower() for name in assignments(self._update)}
        indexes = inspector.get_indexes(table.name, table.schema)
        made: list[t.Any] = [
            *inspector.get_unique_constraints(table.name, table.schema),
            *(index for index in indexes if index["unique"]),
        ]
        found = {
            str(one["name"])
            for one in made
            if old & {str(name).lower() for name in one["column_names"]}
        }
        return ", ".join(sorted(found))

    def _key(self, site: Site) -> list[sa.ColumnElement[t.Any]]:
        table = t.cast(sa.Table, self._update.table)
        inspector = sa.inspect(site.connection)
        found = inspector.get_pk_constraint(table.name, table.schema)
        names = found["constrained_columns"]
        missing = [name for name in names if name not in table.c]
        if missing or not names:
            lacks = f"the frozen table lacks {', '.join(missing)}"
            raise DefinitionError(
                "catch_up= takes the rows along the primary key, and "
                + (lacks if names else "the table has none"),
                where=self._where,
                state="Nothing was changed by it",
                next="Declare it in the frozen table, and run the same command again"
                if names
                else "Leave catch_up= out, and update the rows by op.execute behind it",
            )
        return [table.c[name] for name in names]


def _name(update: sa.Update) -> str | None:
    return getattr(update.table, "name", None)


@contextlib.contextmanager
def _quietly(site: Site) -> t.Iterator[None]:
    """Run the update of a range in a transaction, and set no trigger off.

    Where PostgreSQL does it in the transaction of the revision, with the table locked
    by the triggers it has just got, there is one already.
    """
    connection = site.connection
    begins = site.family != "postgresql" or locks.commits_itself(connection)
    if site.family == "sqlite":
        begin_immediate(connection)
    elif site.family == "mysql":
        key_ranges.without_gap_locks(site)
    elif begins:
        connection.exec_driver_sql("BEGIN")
    try:
        with quiet.both_ways(connection):
            yield
    except BaseException:
        if begins and not connection.invalidated:
            with contextlib.suppress(sa.exc.SQLAlchemyError):
                connection.exec_driver_sql("ROLLBACK")
        raise
    if begins:
        connection.exec_driver_sql("COMMIT")
