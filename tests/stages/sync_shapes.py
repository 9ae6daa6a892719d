"""Old and new columns in some shapes, and in plain Python what each comes to."""

from __future__ import annotations

import typing as t

import sqlalchemy as sa
from hypothesis import strategies as st

from flask_datamigrate import Backfill
from flask_datamigrate import frozen
from flask_datamigrate import snippets as sn

Side = dict[str, t.Any]
"""Values of the old columns, or of the new."""


class Shape:
    """A table with old and new columns in sync.

    :param name: of the table.
    """

    old: t.ClassVar[dict[str, st.SearchStrategy[t.Any]]]
    new: t.ClassVar[dict[str, st.SearchStrategy[t.Any]]]
    defaults: t.ClassVar[Side] = {}
    """What the old columns have that an INSERT leaves out; the new ones have NULL."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.table = frozen.table(
            name,
            sa.Column("id", sa.Integer, primary_key=True, autoincrement=False),
            *self.columns(),
            sa.Column("note", sa.Integer),
        )

    def columns(self) -> list[sa.Column[t.Any]]:
        raise NotImplementedError

    def forward(self, old: Side) -> Side:
        """Return the new values that old ones come to."""
        raise NotImplementedError

    def backward(self, new: Side) -> Side:
        """Return the old values that new ones come to."""
        raise NotImplementedError

    def create(self, connection: sa.Connection) -> None:
        self.table.create(connection)

    def sync(self) -> dict[str, t.Any]:
        """Return what ``op.create_sync`` is given."""
        raise NotImplementedError

    def backfills(self) -> list[Backfill]:
        raise NotImplementedError

    def stored(self, connection: sa.Connection, new: Side) -> Side:
        """Return new values as the code writes them into the row."""
        return new

    def rows(self) -> sa.Select[t.Any]:
        """Return the query of the keys, the old values and the new, in key order."""
        own = self.table.c
        columns = (own[name] for name in (*self.old, *self.new))
        return sa.select(own.id, *columns).order_by(own.id)


class Names(Shape):
    """A text that becomes two."""

    old: t.ClassVar = {
        "full_name": st.none() | st.sampled_from(["Ada", "Ada L", "ada l", "A B C"])
    }
    new: t.ClassVar = {
        "first_name": st.none() | st.sampled_from(["Alan", "alan", "it's 100%"]),
        "last_name": st.none() | st.sampled_from(["T", "t", "T "]),
    }

    def columns(self) -> list[sa.Column[t.Any]]:
        lengths = {"full_name": 100, "first_name": 50, "last_name": 50}
        return [sa.Column(name, sa.String(n)) for name, n in lengths.items()]

    def forward(self, old: Side) -> Side:
        if old["full_name"] is None:
            return {"first_name": None, "last_name": None}
        words = old["full_name"].split(" ")
        return {"first_name": words[0], "last_name": words[-1]}

    def backward(self, new: Side) -> Side:
        first, last = new["first_name"], new["last_name"]
        return {"full_name": None if None in (first, last) else f"{first} {last}"}

    def _forward(self) -> dict[str, t.Any]:
        full = self.table.c.full_name
        return {
            "first_name": sn.split_part(full, " ", 1),
            "last_name": sn.split_part(full, " ", -1),
        }

    def sync(self) -> dict[str, t.Any]:
        own = self.table.c
        back = {"full_name": own.first_name + " " + own.last_name}
        return {"forward": self._forward(), "backward": back}

    def backfills(self) -> list[Backfill]:
        own = self.table.c
        where = (own.first_name.is_(None), own.last_name.is_(None))
        change = sa.update(self.table).where(*where, own.full_name.is_not(None))
        return [Backfill(change.values(**self._forward()), batch_size=1)]


class NamesInPython(Names):
    """The same, whose rows are filled in Python."""

    def backfills(self) -> list[Backfill]:
        own = self.table.c
        where = sa.and_(own.first_name.is_(None), own.last_name.is_(None))
        return [
            Backfill.rows(
                self.table,
                lambda row: self.forward({"full_name": row.full_name}),
                reads=["full_name"],
                writes=["first_name", "last_name"],
                where=where & own.full_name.is_not(None),
                batch_size=2,
            )
        ]


class Flags(Shape):
    """Flags with defaults, which become one word."""

    old: t.ClassVar = {"is_admin": st.booleans(), "is_banned": st.booleans()}
    new: t.ClassVar = {"status": st.sampled_from(["member", "admin", "banned"])}
    defaults: t.ClassVar = {"is_admin": False, "is_banned": False}

    def columns(self) -> list[sa.Column[t.Any]]:
        no, zero = sa.false(), "0"
        return [
            sa.Column("is_admin", sa.Boolean, nullable=False, server_default=no),
            sa.Column("is_banned", sa.Boolean, nullable=False, server_default=zero),
            sa.Column("status", sa.String(20)),
        ]

    def forward(self, old: Side) -> Side:
        if old["is_banned"]:
            return {"status": "banned"}
        return {"status": "admin" if old["is_admin"] else "member"}

    def backward(self, new: Side) -> Side:
        status = new["status"]
        return {"is_admin": status == "admin", "is_banned": status == "banned"}

    def _status(self) -> sa.ColumnElement[t.Any]:
        own = self.table.c
        return sa.case(
            (own.is_banned.is_(True), "banned"),
            (own.is_admin.is_(True), "admin"),
            else_="member",
        )

    def sync(self) -> dict[str, t.Any]:
        status = self.table.c.status
        back = {
            "is_admin": sa.case((status == "admin", True), else_=False),
            "is_banned": sa.case((status == "banned", True), else_=False),
        }
        return {"forward": {"status": self._status()}, "backward": back}

    def backfills(self) -> list[Backfill]:
        own = self.table.c
        change = sa.update(self.table).where(own.status.is_(None))
        return [Backfill(change.values(status=self._status()), batch_size=2)]


class Causes(Shape):
    """A text that becomes the row of another table; several texts may mean one."""

    old: t.ClassVar = {
        "cause": st.none() | st.sampled_from(["", "race", "Race ", "typo", "Typo"])
    }
    new: t.ClassVar = {"cause_id": st.none() | st.sampled_from(["race", "leak", "x"])}

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.causes = frozen.table(
            f"{name}_causes",
            sa.Column("id", sa.Integer, primary_key=True),
            sa.Column("name", sa.String(50), nullable=False, unique=True),
        )

    def columns(self) -> list[sa.Column[t.Any]]:
        return [sa.Column("cause", sa.String(50)), sa.Column("cause_id", sa.Integer)]

    def create(self, connection: sa.Connection) -> None:
        self.causes.create(connection)
        super().create(connection)

    def forward(self, old: Side) -> Side:
        return {"cause_id": (old["cause"] or "").strip().lower() or None}

    def backward(self, new: Side) -> Side:
        return {"cause": new["cause_id"]}

    def sync(self) -> dict[str, t.Any]:
        causes, own = self.causes.c, self.table.c
        table, name = self.causes.name, "nullif(lower(trim(NEW.cause)), '')"
        known = f"EXISTS (SELECT 1 FROM {table} WHERE name = {name})"
        insert = f"INSERT INTO {table} (name) SELECT {name} WHERE {name} IS NOT NULL"
        return {
            "forward_sql": sn.branch(
                postgresql=f"{insert} ON CONFLICT DO NOTHING",
                mysql=f"IF {name} IS NOT NULL AND NOT {known} "
                f"THEN INSERT INTO {table} (name) VALUES ({name}) "
                "ON DUPLICATE KEY UPDATE name = name; END IF",
                sqlite=f"{insert} AND NOT {known}",
            ),
            "forward": {
                "cause_id": sa.select(causes.id)
                .where(causes.name == self._name())
                .scalar_subquery()
            },
            "backward": {
                "cause": sa.select(causes.name)
                .where(causes.id == own.cause_id)
                .scalar_subquery()
            },
        }

    def _name(self) -> sa.ColumnElement[t.Any]:
        return sa.func.nullif(sa.func.lower(sa.func.trim(self.table.c.cause)), "")

    def backfills(self) -> list[Backfill]:
        causes, own, name = self.causes, self.table.c, self._name()
        query = sa.select(name).where(name.is_not(None)).order_by(own.id)
        return [
            Backfill(
                sn.insert_missing(causes, from_select=(["name"], query), key=["name"]),
                over=self.table,
                batch_size=2,
            ),
            Backfill(
                sn.update_from(
                    self.table,
                    causes,
                    on=causes.c.name == name,
                    values={"cause_id": causes.c.id},
                    where=own.cause_id.is_(None),
                ),
                batch_size=2,
            ),
        ]

    def stored(self, connection: sa.Connection, new: Side) -> Side:
        name, causes = new["cause_id"], self.causes
        if name is None:
            return new
        connection.execute(sn.insert_missing(causes, [{"name": name}], key=["name"]))
        query = sa.select(causes.c.id).where(causes.c.name == name)
        return {"cause_id": connection.scalar(query.with_for_update(read=True))}

    def rows(self) -> sa.Select[t.Any]:
        own, causes = self.table.c, self.causes.c
        return (
            sa.select(own.id, own.cause, causes.name)
            .select_from(self.table.outerjoin(self.causes, causes.id == own.cause_id))
            .order_by(own.id)
        )


SHAPES: dict[str, type[Shape]] = {
    "two texts": Names,
    "two texts in Python": NamesInPython,
    "flags": Flags,
    "another table": Causes,
}
