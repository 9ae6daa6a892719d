"""What the app serves: for each table the model, its fields, columns and filters."""

from __future__ import annotations

import dataclasses
import typing as t

import sqlalchemy as sa
from flask import Request
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import with_expression

from .. import causes
from .. import fields
from .. import pages
from ..database import db
from ..fields import Field
from ..fields import Parse
from ..models import BUG_STATUSES
from ..models import ORDER_STATUSES
from ..models import USER_STATUSES
from ..models import Bug
from ..models import Order
from ..models import User


@dataclasses.dataclass(frozen=True, slots=True)
class Elsewhere:
    """Where a field is kept that is in no column that the model maps.

    :param read: returns it as a part of a query of the model.
    :param write: sets it in the row of a key.
    """

    read: t.Callable[[], sa.ColumnElement[t.Any]]
    write: t.Callable[[int, t.Any], None]


@dataclasses.dataclass(frozen=True, slots=True)
class Resource:
    """A table as clients see it.

    :param name: the name in URLs, in the plural.
    :param one: what one row is called.
    :param fields: what a client may set.
    :param columns: the columns of the list, by name.
    :param filters: the query parameters of the list: column and parser.
    :param unique: the field that no two rows may share.
    :param elsewhere: the fields that are not in a column that the model maps.
    """

    name: str
    one: str
    model: t.Any
    fields: tuple[Field, ...]
    columns: tuple[str, ...]
    filters: t.Mapping[str, tuple[t.Any, Parse]]
    unique: str | None = None
    elsewhere: t.Mapping[str, Elsewhere] = dataclasses.field(default_factory=dict)

    def options(self) -> list[t.Any]:
        """Return what a query needs to bring the fields that are elsewhere."""
        return [
            with_expression(getattr(self.model, name), field.read())
            for name, field in self.elsewhere.items()
        ]

    def get_or_404(self, id: int) -> t.Any:
        """Return a row by its key."""
        return db.get_or_404(self.model, id, options=self.options())

    def page(self, request: Request) -> tuple[pages.Page | None, dict[str, str]]:
        """Read the page a request asks for, or what is wrong with the request."""
        parsers = {
            "before": fields.key,
            "limit": fields.key,
            **{name: parse for name, (_, parse) in self.filters.items()},
        }
        asked = [Field(name, name, parse) for name, parse in parsers.items()]
        values, errors = fields.read(asked, request.args, partial=True)
        if errors:
            return None, errors
        conditions = [
            column == values[name]
            for name, (column, _) in self.filters.items()
            if values.get(name) is not None
        ]
        page = pages.newest(
            self.model,
            conditions,
            self.options(),
            before=values.get("before"),
            limit=values.get("limit") or pages.PAGE,
        )
        return page, {}

    def save(
        self, row: t.Any | None, source: t.Mapping[str, object], *, partial: bool
    ) -> tuple[t.Any | None, dict[str, str]]:
        """Create a row, or change one, from what a client sent.

        :return: the saved row, or None and the errors by field.
        """
        values, errors = fields.read(self.fields, source, partial=partial)
        errors |= _missing_users(self.model, values)
        if errors:
            return None, errors
        if row is None:
            row = self.model()
            db.session.add(row)
        for name in values.keys() - self.elsewhere.keys():
            setattr(row, name, values[name])
        with db.session.no_autoflush:
            row.derive()
        try:
            db.session.flush()
            for name in values.keys() & self.elsewhere.keys():
                self.elsewhere[name].write(row.id, values[name])
            # Before the commit, behind which a request must not be begun again.
            saved = db.session.get(
                self.model, row.id, options=self.options(), populate_existing=True
            )
            db.session.commit()
        except IntegrityError:
            db.session.rollback()
            if self.unique is None:
                raise
            return None, {self.unique: "is taken"}
        return saved, {}


def _one_of(
    name: str,
    label: str,
    choices: tuple[str, ...],
    *,
    default: str,
) -> Field:
    """Return a field that takes one of a few texts, and never none."""
    return Field(
        name,
        label,
        fields.choice(*choices),
        "select",
        required=True,
        choices=choices,
        default=default,
    )


BUGS = Resource(
    name="bugs",
    one="bug",
    model=Bug,
    fields=(
        Field("title", "Title", fields.text(200), required=True),
        Field("root_cause", "Root cause", fields.text(200), "textarea"),
        _one_of("status", "Status", BUG_STATUSES, default="open"),
        Field("reporter_id", "Reporter (number of a user)", fields.key, "number"),
    ),
    columns=("title", "root_cause", "status", "created_year"),
    filters={
        "status": (Bug.status, fields.choice(*BUG_STATUSES)),
        "year": (Bug.created_year, fields.whole),
    },
    elsewhere={"root_cause": Elsewhere(causes.read, causes.write)},
)

RESOURCES: tuple[Resource, ...] = (
    BUGS,
    Resource(
        name="orders",
        one="order",
        model=Order,
        fields=(
            Field(
                "user_id",
                "Customer (number of a user)",
                fields.key,
                "number",
                required=True,
            ),
            _one_of("status", "Status", ORDER_STATUSES, default="pending"),
            Field("total", "Total", fields.amount, required=True),
            Field("note", "Note", fields.text(10_000), "textarea"),
        ),
        columns=("customer_name", "status", "total"),
        filters={
            "status": (Order.status, fields.choice(*ORDER_STATUSES)),
            "user": (Order.user_id, fields.key),
        },
    ),
    Resource(
        name="users",
        one="user",
        model=User,
        fields=(
            Field("full_name", "Full name", fields.text(100)),
            Field("email", "E-mail", fields.email, "email", required=True),
            Field("birth_date", "Born", fields.date, "date"),
            _one_of("status", "Status", USER_STATUSES, default="unverified"),
        ),
        columns=("first_name", "last_name", "age_group", "score", "status"),
        filters={
            "last_name": (User.last_name, fields.text(100)),
            "status": (User.status, fields.choice(*USER_STATUSES)),
        },
        unique="email",
    ),
)


def _missing_users(model: t.Any, values: t.Mapping[str, t.Any]) -> dict[str, str]:
    """Find the references to users that do not exist."""
    errors = {}
    for column in sa.inspect(model).columns:
        wanted = values.get(column.key)
        if column.foreign_keys and wanted is not None:
            if db.session.get(User, wanted) is None:
                errors[column.name] = f"there is no user {wanted}"
    return errors
