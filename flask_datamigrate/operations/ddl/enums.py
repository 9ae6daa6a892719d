"""``op.add_enum_value`` and ``op.drop_enum_value``."""

from __future__ import annotations

import logging
import typing as t

import sqlalchemy as sa

from ...errors import OfflineError
from ...errors import SchemaError
from ..log import LOGGER
from ..segment import current
from . import enum_forms
from . import mysql_columns
from . import names
from . import violations
from .notes import Notes
from .operation import Operation
from .operation import Step
from .site import Site
from .value_lists import literal
from .value_lists import quoted

if t.TYPE_CHECKING:
    from .directives.enums import EnumValueOp


_logger = logging.getLogger(LOGGER)


class _EnumValue(Operation):
    def __init__(self, directive: EnumValueOp) -> None:
        super().__init__(directive.name, directive.table, directive.schema)
        self.column = directive.column
        self.value = directive.value
        self.before = directive.before
        self.after = directive.after

    @property
    def where(self) -> str:
        table = self.full_name(self.table, self.schema)
        return f"op.{self.name}, column {table}.{self.column}"

    @property
    def note(self) -> str:
        """The name of the note that the value was added."""
        return names.of("enum", self.table, self.column, self.value)

    def needs(self) -> list[tuple[str, str | None, t.Sequence[str]]]:
        return [(self.table, self.schema, [self.column])]

    def is_online(self, site: Site) -> bool:
        # A value that is added in a transaction cannot be used in it.
        form = self._form(site)
        native = isinstance(form, enum_forms.Type)
        return (native or site.form == "postgresql") and bool(self._left(form))

    def _left(self, form: enum_forms.Form) -> list[Step]:
        """Return what is left to do of the column itself."""
        raise NotImplementedError

    def _form(self, site: Site) -> enum_forms.Form:
        form = enum_forms.find(site, self.table, self.schema, self.column)
        if form is None:
            raise self._refused(
                "it is no enum: it has no ENUM type, and no CHECK that is a list of "
                "its values and nothing else",
                "Mend the name, or replace the CHECK: op.drop_constraint and "
                "op.add_check_online",
            )
        return form

    def _refused(self, what: str, next: str) -> SchemaError:
        return SchemaError(what, where=self.where, state=self.unchanged, next=next)

    def _refuse_offline(self, dialect: sa.Dialect) -> list[Step]:
        raise OfflineError(
            "what the column's values are, and by which means, only the database can "
            "tell, and --sql has no database",
            where=self.where,
            state="The script written so far is incomplete",
            next="Run the upgrade without --sql",
        )

    offline = dict.fromkeys(("postgresql", "mysql", "sqlite"), _refuse_offline)


class AddValue(_EnumValue):
    """Allow one more value."""

    def __init__(self, directive: EnumValueOp) -> None:
        super().__init__(directive)
        segment = current.get()
        self._revision = None if segment is None else segment.revision

    def refuse(self, site: Site) -> None:
        form = self._form(site)
        if self.before is not None and self.after is not None:
            raise self._refused(
                "it was given before= and after=", "Give one of them, or none"
            )
        if not form.listed:
            return
        beside = self.before if self.after is None else self.after
        if beside is not None and beside not in form.values:
            raise self._refused(
                f"there is no value {beside!r} to put {self.value!r} beside (there "
                f"are {_listed(form.values)})",
                "Mend before= or after=",
            )
        if self.value in form.values and not self._is_own(site):
            raise self._refused(
                f"the value {self.value!r} exists already ({_listed(form.values)})",
                "Leave it out of the revision",
            )

    def steps(self, site: Site) -> list[Step]:
        form = self._form(site)
        if not form.listed:
            _logger.info(
                "%s: nothing to do, the column has no CHECK and takes any text",
                self.where,
            )
            return []
        left = self._left(form)
        longer = form.longer(self._with(form.values))
        if longer is None and not self._may_be_cut_off(site, form):
            return left
        if not left or self.value in form.values:
            # The note of the run that was cut off is there.
            return left
        notes = Notes(site, self.schema)
        length = None if longer is None else form.length
        return [
            lambda _: notes.put(self.note, revision=self._revision, length=length),
            *left,
        ]

    def _may_be_cut_off(self, site: Site, form: enum_forms.Form) -> bool:
        """Tell whether it can be done without the version's being written."""
        if site.form == "postgresql, small":
            return isinstance(form, enum_forms.Type)
        return site.family != "sqlite"

    def _left(self, form: enum_forms.Form) -> list[Step]:
        if self.value in form.values:
            return form.rest()
        values = self._with(form.values)
        return form.change(values, form.longer(values))

    def _with(self, values: tuple[str, ...]) -> tuple[str, ...]:
        if self.value in values:
            return values
        at = len(values)
        if self.before is not None:
            at = values.index(self.before)
        elif self.after is not None:
            at = values.index(self.after) + 1
        return (*values[:at], self.value, *values[at:])

    def _is_own(self, site: Site) -> bool:
        """Tell whether it was this revision that added the value.

        The note stays until the value goes: on MariaDB whatever comes next in the
        revision commits what was done before, and may be cut off itself.
        """
        note = Notes(site, self.schema).get(self.note)
        if note is None:
            return False
        known = (self._revision, note["revision"])
        return None in known or known[0] == known[1]


class DropValue(_EnumValue):
    """Forbid a value."""

    def refuse(self, site: Site) -> None:
        form = self._form(site)
        if form.listed and self.value not in form.values:
            return
        if len(form.values) == 1:
            raise self._refused(
                f"{self.value!r} is the only value", "Drop the column instead"
            )
        mysql_columns.refuse_lax_mode(site, self.where, self.unchanged)
        self._refuse_defaults(site, form)
        self._refuse_rows(site, form)

    def _refuse_defaults(self, site: Site, form: enum_forms.Form) -> None:
        for table, schema, column in form.columns():
            default = site.columns(table, schema)[column]["default"]
            if default and literal(default, site.family) == self.value:
                raise self._refused(
                    f"{self.value!r} is the default of column {table}.{column}",
                    "Give it another one first: "
                    f'op.alter_column("{table}", "{column}", server_default=...)',
                )

    def _refuse_rows(self, site: Site, form: enum_forms.Form) -> None:
        for table, schema, column in form.columns():
            is_it = f"{site.quoted(column)} = {quoted(self.value, site.family)}"
            found = violations.find(site, table, schema, is_it)
            if found is not None:
                raise self._refused(
                    f"{self.value!r} is the {column} of {found} in table {table}",
                    "Give them another value first: flask db data new",
                )

    def steps(self, site: Site) -> list[Step]:
        steps = self._left(self._form(site))
        notes = Notes(site, self.schema)
        if notes.get(self.note) is not None:
            steps.append(lambda _: notes.drop(self.note))
        return steps

    def _left(self, form: enum_forms.Form) -> list[Step]:
        if self.value not in form.values:
            return form.rest()
        values = tuple(v for v in form.values if v != self.value)
        return form.change(values, self._shorter(form, values))

    def _shorter(self, form: enum_forms.Form, values: tuple[str, ...]) -> int | None:
        """Return the length the column had before the value was added, if it can.

        On a large table of PostgreSQL it stays: all rows would be written anew, while
        nobody reads them.
        """
        note = Notes(form.site, self.schema).get(self.note)
        before = (note or {}).get("length")
        if before is None or form.length is None or form.site.form == "postgresql":
            return None
        length = max(before, *map(len, values))
        return length if length < form.length else None

    def explain(self, site: Site, error: sa.exc.DBAPIError) -> SchemaError | None:
        if isinstance(error, sa.exc.IntegrityError | sa.exc.DataError):
            # Written between the look and the change.
            self._refuse_rows(site, self._form(site))
        return None


def _listed(values: t.Iterable[str]) -> str:
    return ", ".join(map(repr, values))
