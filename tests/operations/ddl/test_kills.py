"""A process that dies behind any statement of a revision with many directives."""

from __future__ import annotations

import sqlalchemy as sa

from tests.operations.ddl.conftest import Family
from tests.operations.ddl.cuts import die_anew

TABLE = """op.create_table(
        "tickets",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("name", sa.String(20)),
        sa.Column("kind", sa.Enum("a", "b", name="ticket_kind"), server_default="a"),
        sa.Column(
            "status",
            sa.Enum("new", "done", native_enum=False, create_constraint=True),
            server_default="new",
        ),
        sa.Column("updated_at", sa.DateTime),
    )"""
NATIVE = """    op.add_enum_value("tickets", "kind", "c")
"""
UP = """op.create_index_online("ix", "tickets", ["name"], unique=True)
{native}    op.add_enum_value("tickets", "status", "longer")
    op.create_updated_at_trigger("tickets")"""
DOWN = """op.drop_updated_at_trigger("tickets")
    op.drop_enum_value("tickets", "status", "longer")
{native}    op.drop_index_online("ix", "tickets")"""


def test_each_directive_goes_on_from_where_it_died(family: Family) -> None:
    # SQLite has no ENUM; SQLAlchemy makes a VARCHAR of any content there.
    native = "" if family.database.name == "sqlite" else NATIVE
    family.revision(TABLE, 'op.drop_table("tickets")', "k1", "r1")
    family.revision(
        UP.format(native=native),
        DOWN.format(native=native.replace("add_", "drop_")),
        "k2",
        "k1",
    )
    family.upgrade("k1")
    for i in range(1, 11):
        family.database.execute(f"INSERT INTO tickets (id, name) VALUES ({i}, 'n{i}')")

    def set_all(kind: str, status: str) -> None:
        family.database.execute(
            f"UPDATE tickets SET kind = '{kind}', status = '{status}' WHERE id = 1"
        )

    def is_done() -> None:
        assert family.version == "k2"
        set_all("c" if native else "b", "longer")
        set_all("a", "new")
        (row,) = family.database.rows("SELECT updated_at FROM tickets WHERE id = 1")
        assert row[0] is not None
        assert indexes(family) == [("ix", True)]

    def is_back() -> None:
        assert family.version == "k1"
        family.database.execute("UPDATE tickets SET updated_at = NULL")
        set_all("b", "done")
        assert family.database.scalar("SELECT count(updated_at) FROM tickets") == 0
        try:
            set_all("b", "longer")
        except sa.exc.DBAPIError:
            pass
        else:
            raise AssertionError("the value is still allowed")
        assert indexes(family) == []
        assert left(family) == 0

    assert die_anew(
        lambda: family.upgrade("k2"), lambda: family.downgrade("k1"), is_done
    )
    assert die_anew(
        lambda: family.downgrade("k1"), lambda: family.upgrade("k2"), is_back
    )


def indexes(family: Family) -> list[tuple[str | None, bool]]:
    engine = family.database.engine(poolclass=sa.NullPool)
    return [
        (index["name"], bool(index["unique"]))
        for index in sa.inspect(engine).get_indexes("tickets")
    ]


def left(family: Family) -> int:
    """Return how many notes there still are."""
    if "datamigrate_ddl" not in family.database.tables():
        return 0
    return int(family.database.scalar("SELECT count(*) FROM datamigrate_ddl"))
