"""Users, bugs and orders, as they are after the last migration.

The columns that the data migrations filled in old rows are kept right in new
ones by ``derive``, which the views call before they save.
"""

from __future__ import annotations

import datetime as dt
import decimal
import typing as t

import sqlalchemy as sa
from sqlalchemy.dialects import mysql
from sqlalchemy.orm import Mapped
from sqlalchemy.orm import mapped_column
from sqlalchemy.orm import query_expression
from sqlalchemy.orm import relationship

from . import derived
from .database import db

USER_STATUSES = ("active", "unverified", "suspended", "closed")
BUG_STATUSES = ("open", "in progress", "fixed", "closed")
ORDER_STATUSES = ("pending", "completed", "cancelled")


def now() -> dt.datetime:
    """Return the time in UTC, without a zone and in whole seconds."""
    return dt.datetime.now(dt.timezone.utc).replace(tzinfo=None, microsecond=0)


class Money(sa.TypeDecorator[decimal.Decimal]):
    """An amount with two decimals: exact on each database.

    SQLite has no decimal type, and SQLAlchemy warns when it must build one from
    a float; with two decimals the nearest one is always the right one.
    """

    impl = sa.Numeric(10, 2)
    cache_ok = True

    def load_dialect_impl(self, dialect: sa.Dialect) -> sa.types.TypeEngine[t.Any]:
        if dialect.name == "sqlite":
            return dialect.type_descriptor(sa.Numeric(10, 2, asdecimal=False))
        return dialect.type_descriptor(sa.Numeric(10, 2))

    def process_result_value(
        self, value: object, dialect: sa.Dialect
    ) -> decimal.Decimal | None:
        if value is None or isinstance(value, decimal.Decimal):
            return value
        return decimal.Decimal(f"{value:.2f}")


class User(db.Model):  # type: ignore[name-defined,misc]
    """Somebody who reports bugs and places orders."""

    __tablename__ = "users"
    __table_args__ = (
        sa.Index("ix_users_last_name_id", "last_name", "id"),
        sa.Index("ix_users_status_id", "status", "id"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    full_name: Mapped[str | None] = mapped_column(sa.String(100))
    email: Mapped[str] = mapped_column(sa.String(254), unique=True)
    birth_date: Mapped[dt.date | None]
    created_at: Mapped[dt.datetime] = mapped_column(default=now)
    first_name: Mapped[str | None] = mapped_column(sa.String(100))
    last_name: Mapped[str | None] = mapped_column(sa.String(100))
    age_group: Mapped[str | None] = mapped_column(sa.String(10))
    score: Mapped[int | None]
    status: Mapped[str] = mapped_column(
        sa.Enum(*USER_STATUSES, name="user_status", create_constraint=True),
        default="unverified",
    )

    def derive(self) -> None:
        """Fill the columns that follow from others."""
        self.first_name, self.last_name = derived.split_name(self.full_name)
        self.age_group = derived.age_group(self.birth_date)
        self.score = derived.score(
            self.full_name, self.email, self.birth_date, self.status
        )


class RootCause(db.Model):  # type: ignore[name-defined,misc]
    """Why a bug came to be, once for all bugs that it is the cause of."""

    __tablename__ = "root_causes"

    id: Mapped[int] = mapped_column(primary_key=True)
    # Compared letter by letter, as the other databases do by themselves.
    name: Mapped[str] = mapped_column(
        sa.String(200).with_variant(
            mysql.VARCHAR(200, charset="utf8mb4", collation="utf8mb4_bin"),
            "mysql",
            "mariadb",
        ),
        unique=True,
    )


class Bug(db.Model):  # type: ignore[name-defined,misc]
    """A bug somebody reported; see :mod:`example_app.search` for how one is found.

    Its root cause is on the move: :mod:`example_app.causes` knows where it is to be
    read and written, and the mapping leaves the column alone.
    """

    __tablename__ = "bugs"
    __table_args__: t.ClassVar[tuple[t.Any, ...]] = (
        sa.Index("ix_bugs_status_id", "status", "id"),
        sa.Index("ix_bugs_created_year_id", "created_year", "id"),
        sa.Index("ix_bugs_reporter_id", "reporter_id"),
        sa.Column("root_cause_id", sa.ForeignKey("root_causes.id"), index=True),
    )
    __mapper_args__: t.ClassVar[dict[str, t.Any]] = {
        "exclude_properties": ["root_cause_id"]
    }

    id: Mapped[int] = mapped_column(primary_key=True)
    title: Mapped[str] = mapped_column(sa.String(200))
    root_cause: Mapped[str | None] = query_expression()
    status: Mapped[str] = mapped_column(sa.String(20), default="open")
    created_at: Mapped[dt.datetime | None]
    reporter_id: Mapped[int | None] = mapped_column(sa.ForeignKey("users.id"))
    created_year: Mapped[int | None]

    reporter: Mapped[User | None] = relationship()

    def derive(self) -> None:
        """Fill the columns that follow from others."""
        if not sa.inspect(self).persistent:
            self.created_at = now()
        self.created_year = self.created_at.year if self.created_at else None


class Order(db.Model):  # type: ignore[name-defined,misc]
    """Something a user bought."""

    __tablename__ = "orders"
    __table_args__ = (
        sa.Index("ix_orders_user_id_id", "user_id", "id"),
        sa.Index("ix_orders_status_id", "status", "id"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    user_id: Mapped[int] = mapped_column(sa.ForeignKey("users.id"))
    status: Mapped[str | None] = mapped_column(sa.String(20))
    total: Mapped[decimal.Decimal] = mapped_column(Money)
    placed_at: Mapped[dt.datetime | None] = mapped_column(default=now)
    note: Mapped[str | None] = mapped_column(sa.Text)
    customer_name: Mapped[str | None] = mapped_column(sa.String(100))

    user: Mapped[User] = relationship()

    def derive(self) -> None:
        """Fill the columns that follow from others.

        An order keeps the name its customer had, whatever they call themselves
        later.
        """
        if sa.inspect(self).attrs.user_id.history.has_changes():
            customer = db.session.get(User, self.user_id)
            self.customer_name = customer.full_name if customer else None
