"""The contract taken back, where values that are unique went to other rows."""

from __future__ import annotations

import typing as t

import pytest
import sqlalchemy as sa
from flask import Flask

from tests.operations.ddl.cuts import die_anew
from tests.stages.test_scaffold import Columns
from tests.stages.test_scaffold import Models
from tests.stages.test_scaffold import ids
from tests.stages.test_scaffold import models as models
from tests.stages.test_scaffold import text

WRITES = ((2, "z"), (1, "b"), (3, "y"), (4, "c"), (3, "d"))
"""What code at contract writes: of four rows that had a, b, c and d."""
AFTER = [(1, "b", "b"), (2, "z", "z"), (3, "d", "d"), (4, "c", "c")]


def unique(name: str, kind: str, **options: t.Any) -> dict[str, Columns]:
    """Return a model whose column is unique, by a constraint or an index."""
    made: tuple[t.Any, ...] = (sa.UniqueConstraint(name, name=f"uq_{name}"),)
    if kind == "index":
        made = (sa.Index(f"uq_{name}", name, unique=True),)
    return {"users": {name: text(**options), "__table_args__": lambda: made}}


def scaffolded(models: Models, kind: str, **options: t.Any) -> str:
    """Write the change, and some rows; return the revision that fills."""
    models.base(**unique("nick", kind))
    table = sa.table("users", sa.column("id"), sa.column("nick"))
    rows = [{"id": id, "nick": nick} for id, nick in enumerate("abcd", 1)]
    models.database.execute(sa.insert(table), rows)
    (filled,) = ids(models.scaffold(**unique("handle", kind, **options)), "migrate")
    return filled


def contracted(models: Models) -> Flask:
    """Bring the database to contract, and have unique values change places."""
    app = models.app(stage="contract")
    app.config["DATAMIGRATE_ATOMIC_ROWS"] = 1
    models.run(app, "upgrade")
    for id, handle in WRITES:
        models.database.execute(f"UPDATE users SET handle = '{handle}' WHERE id = {id}")
    return app


def made_unique(models: Models) -> dict[str, list[t.Any]]:
    """Return what is unique in the table: the columns by the names."""
    inspector = sa.inspect(models.database.engine(poolclass=sa.NullPool))
    found = [
        *inspector.get_unique_constraints("users"),
        *(one for one in inspector.get_indexes("users") if one["unique"]),
    ]
    return {str(one["name"]): list(one["column_names"]) for one in found}


def check(models: Models) -> None:
    query = "SELECT id, nick, handle FROM users ORDER BY id"
    assert models.database.rows(query) == AFTER
    assert made_unique(models) == {"uq_nick": ["nick"]}
    with pytest.raises(sa.exc.IntegrityError):
        models.database.execute("UPDATE users SET nick = 'z' WHERE id = 1")
    models.database.execute("UPDATE users SET nick = 'q' WHERE id = 1")
    assert models.database.rows(query)[0] == (1, "q", "q")


@pytest.mark.parametrize("kind", ["constraint", "index"])
@pytest.mark.parametrize("options", [{}, {"server_default": "none"}], ids=str)
def test_unique_values_that_went_to_other_rows_are_brought_back(
    models: Models, kind: str, options: dict[str, str]
) -> None:
    filled = scaffolded(models, kind, **options)
    app = contracted(models)
    models.run(app, "downgrade", filled)
    check(models)
    models.run(app, "upgrade")
    models.run(app, "downgrade", "base0")
    assert made_unique(models) == {"uq_nick": ["nick"]}


def test_a_kill_behind_any_statement_of_the_way_back_is_made_good(
    models: Models,
) -> None:
    filled = scaffolded(models, "constraint")
    contracted(models)

    def run() -> None:
        # A process has connections of its own.
        models.run(models.app(stage="contract"), "downgrade", filled)

    def back() -> None:
        # The server has room for the connections of so many apps only.
        models.close()
        if models.database.name == "mysql":
            # A row has room for so many columns that came and went in an instant only.
            models.database.execute("ALTER TABLE users FORCE")
        # As it began: through values that no row has.
        for value in ("'_' || id", "substr('abcd', id, 1)"):
            if models.database.name == "mysql":
                value = value.replace("'_' || id", "concat('_', id)")
            models.database.execute(f"UPDATE users SET nick = {value}")
        contracted(models)

    assert die_anew(run, back, lambda: check(models)) > 8


BY_HAND = """
users = frozen.table(
    "users",
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("nick", sa.String(50)),
    sa.Column("handle", sa.String(50)),
)

def upgrade():
    op.create_index_online("uq_nick", "users", ["nick"], unique=True)
    op.create_sync(
        "users",
        change="change",
        forward={"handle": users.c.nick},
        backward={"nick": users.c.handle},
        catch_up=sa.update(users)
        .where(sn.differs(users.c.nick, users.c.handle))
        .values(nick=users.c.handle),
    )

def downgrade():
    pass
"""


def test_uniqueness_that_comes_before_the_values_is_named(models: Models) -> None:
    models.project.revision(
        "r1",
        "def upgrade():\n"
        '    op.create_table("users", sa.Column("id", sa.Integer, primary_key=True),\n'
        '        sa.Column("nick", sa.String(50)), sa.Column("handle", sa.String(50)))',
    )
    models.project.revision("r2", BY_HAND, down="r1")
    models.run(models.app(), "upgrade", "r1")
    models.database.execute(
        "INSERT INTO users (id, nick, handle) VALUES (1, 'a', 'b'), (2, 'b', 'z')"
    )
    app = models.app()
    app.config["DATAMIGRATE_ATOMIC_ROWS"] = 1
    result = app.test_cli_runner().invoke(args=["db", "upgrade"])
    assert result.exit_code == 1
    said = " ".join(result.output.split())
    assert "uq_nick was made again before the values were brought over" in said
    assert "drop uq_nick in front of op.create_sync and make it again behind" in said
    assert "Traceback" not in said
