"""Names with percent signs, which most drivers read as places of parameters."""

from __future__ import annotations

import pytest
import sqlalchemy as sa
from sqlalchemy.dialects import sqlite

from tests.operations.ddl.conftest import Family

# Early releases of SQLAlchemy 2.0 themselves cannot select this column on SQLite.
UPDATED = "u%(d)s"
if UPDATED not in str(sa.select(sa.column(UPDATED)).compile(dialect=sqlite.dialect())):
    UPDATED = "u%d"
CREATE = f"""op.create_table(
        "a%b",
        sa.Column("i%d", sa.Integer, primary_key=True),
        sa.Column("c%d", sa.Integer),
        sa.Column("e%s", sa.Enum(
            "x", "y", name="k%", native_enum=False, create_constraint=True, length=9
        )),
        sa.Column("n%", sa.Enum("x", "y", name="kind%s")),
        sa.Column("{UPDATED}", sa.DateTime),
        sa.Column("v%", sa.Integer),
        sa.Column("x%", sa.Integer),
    )"""
DIRECTIVES = {
    "not null": ('op.set_not_null("a%b", "c%d")', 'op.drop_not_null("a%b", "c%d")'),
    "foreign key": (
        'op.add_foreign_key_online("fk%s", "a%b", "parents", ["c%d"], ["id"])',
        'op.drop_foreign_key_online("fk%s", "a%b")',
    ),
    "check": (
        """op.add_check_online("ck %", "a%b", "`c%d` > 0 AND 'a%b:c' <> ''")""",
        'op.drop_check_online("ck %", "a%b")',
    ),
    "index": (
        'op.create_index_online("ix%s", "a%b", ["x%"], unique=True)',
        'op.drop_index_online("ix%s", "a%b")',
    ),
    "enum of a check": (
        'op.add_enum_value("a%b", "e%s", "z%")',
        'op.drop_enum_value("a%b", "e%s", "z%")',
    ),
    "enum of a type": (
        'op.add_enum_value("a%b", "n%", "z%")',
        'op.drop_enum_value("a%b", "n%", "z%")',
    ),
    "trigger": (
        f'op.create_updated_at_trigger("a%b", "{UPDATED}")',
        f'op.drop_updated_at_trigger("a%b", "{UPDATED}")',
    ),
    "archive": ('op.archive_column("a%b", "v%")', 'op.restore_column("a%b", "v%")'),
}


@pytest.fixture
def percents(family: Family) -> Family:
    family.revision(CREATE, 'op.drop_table("a%b")', "p1", "r1")
    family.upgrade("p1")
    table = family.table("a%b")
    rows = [
        {"i%d": i, "c%d": i, "e%s": "x", "n%": "y", "v%": i, "x%": i}
        for i in range(1, 11)
    ]
    with family.database.engine().begin() as connection:
        connection.execute(sa.insert(table), rows)
    return family


def test_each_directive_there_and_back(percents: Family, form: str) -> None:
    quote = "`" if percents.database.name == "mysql" else '\\"'
    before = described(percents)
    down = "p1"
    for name, calls in DIRECTIVES.items():
        forth, back = (call.replace("`", quote) for call in calls)
        percents.revision(forth, back, name, down)
        down = name

    percents.upgrade()

    assert percents.version == down
    assert len(described(percents) - before) >= len(DIRECTIVES) - 2

    percents.downgrade("p1")

    assert described(percents) == before
    percents.upgrade()
    assert percents.version == down


def described(family: Family) -> set[str]:
    """Return all that the directives change of the table."""
    engine = family.database.engine()
    inspector = sa.inspect(engine)
    table = family.table("a%b")
    found: list[object] = [
        *((c["name"], c["nullable"], c["type"]) for c in inspector.get_columns("a%b")),
        *((c["name"], c["sqltext"]) for c in inspector.get_check_constraints("a%b")),
        *(tuple(k["constrained_columns"]) for k in inspector.get_foreign_keys("a%b")),
        *(index["name"] for index in inspector.get_indexes("a%b")),
    ]
    # The trigger sees the values come back, too.
    values = sa.select(*(c for c in table.c if c.name != UPDATED))
    with engine.connect() as connection:
        for row in connection.execute(values.order_by(table.c["i%d"])):
            found.append(sorted(map(str, row._mapping.items())))
    if family.database.name == "mysql":
        found += family.database.rows(
            "SELECT trigger_name FROM information_schema.triggers "
            "WHERE trigger_schema = database()"
        )
    elif family.database.name == "sqlite":
        found += family.database.rows(
            "SELECT name FROM sqlite_master WHERE type = 'trigger'"
        )
    else:
        found += family.database.rows(
            "SELECT tgname FROM pg_trigger WHERE NOT tgisinternal"
        )
    return set(map(repr, found))
