"""``flask db data change`` where a table gets another name."""

from __future__ import annotations

import re
import typing as t

import pytest
import sqlalchemy as sa
from flask import Flask
from sqlalchemy import orm

from tests.stages.test_retyped import refused
from tests.stages.test_scaffold import ONE
from tests.stages.test_scaffold import Columns
from tests.stages.test_scaffold import Models
from tests.stages.test_scaffold import models as models
from tests.stages.test_scaffold import rows
from tests.stages.test_scaffold import text


def models_of(table: str, **more: t.Callable[[], t.Any]) -> dict[str, Columns]:
    """Return a table that others refer to, and one that does, by its names."""

    def constraints() -> t.Any:
        return (sa.UniqueConstraint("email", name=f"uq_{table}_email"),)

    return {
        table: {
            "nick": text(index=True),
            "email": text(nullable=False),
            "score": lambda: sa.Column(sa.Integer, nullable=False, server_default="5"),
            "boss_id": lambda: sa.Column(
                sa.ForeignKey(f"{table}.id", name=f"fk_{table}_boss")
            ),
            "__table_args__": constraints,
            **more,
        },
        "orders": {
            "user_id": lambda: sa.Column(
                sa.ForeignKey(
                    f"{table}.id", name=f"fk_orders_{table}", ondelete="CASCADE"
                )
            )
        },
    }


OLD, NEW = models_of("users"), models_of("people")


def use(models: Models, table: str) -> None:
    """Do as code does that knows the table by a name: write, and read it again."""
    mapped: t.Any = type("Mapped", (), {})
    columns = [
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("nick", sa.String(50)),
        sa.Column("email", sa.String(50)),
        sa.Column("score", sa.Integer, server_default="5"),
    ]
    orm.registry().map_imperatively(mapped, sa.Table(table, sa.MetaData(), *columns))
    with orm.Session(models.database.engine()) as session:
        ada, alan = mapped(email="ada"), mapped(email="alan", nick="al")
        session.add_all([ada, alan])
        session.commit()
        assert session.get(mapped, ada.id).score == 5
        ada.nick = "countess"
        session.commit()
        chosen = sa.select(mapped.email).where(mapped.nick == "countess")
        assert session.scalars(chosen.with_for_update()).all() == ["ada"]
        orders = sa.table("orders", sa.column("id"), sa.column("user_id"))
        session.execute(sa.insert(orders).values(id=99, user_id=alan.id))
        session.delete(ada)
        session.delete(alan)
        session.commit()
        # It went with the row it refers to.
        assert session.scalars(sa.select(orders.c.id).filter_by(id=99)).all() == (
            [99] if models.database.name == "sqlite" else []
        )
        session.execute(sa.delete(orders).where(orders.c.id == 99))
        session.commit()


def listen(models: Models, app: Flask) -> list[str]:
    """Return the statements that an app will send."""
    sent: list[str] = []
    with app.app_context():
        engine = app.extensions["sqlalchemy"].engine

    @sa.event.listens_for(engine, "before_cursor_execute")
    def note(*arguments: t.Any) -> None:
        sent.append(" ".join(arguments[2].split()))

    return sent


def kinds(sent: list[str], verb: str) -> list[str]:
    """Return the kinds of what statements make or drop, also inside of a block.

    Passed over is what this package keeps for itself: MariaDB needs an empty table of
    ours, ``datamigrate_spare_users``, for the length of the rename.
    """
    what = (
        rf"(?<!SHOW )\b{verb} (TABLE|VIEW|INDEX|TRIGGER) (?:IF (?:NOT )?EXISTS )?(\S+)"
    )
    found = [pair for one in sent for pair in re.findall(what, one)]
    return [kind for kind, name in found if "datamigrate" not in name]


def fails(models: Models, table: str) -> None:
    with pytest.raises(sa.exc.DBAPIError):
        models.database.rows(f"SELECT id FROM {table}")


def test_old_and_new_code_work_at_each_stage(models: Models) -> None:
    models.base(**OLD)
    models.database.execute(
        "INSERT INTO users (id, email, boss_id) VALUES "
        "(101, 'a', NULL), (102, 'b', 101)"
    )
    models.database.execute("INSERT INTO orders (id, user_id) VALUES (1, 101)")
    before = rows(models, "users")
    has_view = models.database.name != "sqlite"
    written = models.scaffold(**NEW)
    assert [re.findall('^stage = "(.*)"', text, re.M) for text in written] == [
        ["expand"], ["migrate"], ["contract"],
    ]  # fmt: skip
    assert "fill in" not in "".join(written)

    expand = models.app(stage="expand", **OLD)
    sent = listen(models, expand)
    models.run(expand, "upgrade")
    made_anew = ["INDEX"] if models.database.name == "sqlite" else []
    assert kinds(sent, "DROP") == made_anew
    for stage in ("migrate", "contract", "migrate"):
        # At each stage before contract, both are running.
        use(models, "people")
        if has_view:
            use(models, "users")
        else:
            fails(models, "users")
        app = models.app(stage=stage, **NEW)
        sent = listen(models, app)
        if stage == "contract":
            models.run(app, "upgrade")
            assert kinds(sent, "CREATE") == []
            use(models, "people")
            fails(models, "users")
            models.run(app, "check")
            models.run(app, "downgrade")
        else:
            models.run(app, "upgrade")
    models.run(models.app(stage="contract", **NEW), "downgrade", "base0")
    assert rows(models, "users") == before
    use(models, "users")
    fails(models, "people")
    models.run(models.app(stage="contract", **OLD), "data", "status")
    contract = models.app(stage="contract", **NEW)
    models.run(contract, "upgrade")
    models.run(contract, "check")
    assert rows(models, "people") == before
    assert rows(models, "orders") == [{"id": 1, "user_id": 101}]


def test_indexes_get_their_new_names(models: Models) -> None:
    models.base(**OLD)
    models.scaffold(**NEW)
    app = models.app(stage="contract", **NEW)
    models.run(app, "upgrade")

    def names(table: str) -> set[str | None]:
        inspector = sa.inspect(models.database.engine(poolclass=sa.NullPool))
        found = inspector.get_indexes(table), inspector.get_unique_constraints(table)
        return {one["name"] for kind in found for one in kind}

    assert {"ix_people_nick", "uq_people_email"} <= names("people")
    assert not {"ix_users_nick", "uq_users_email"} & names("people")
    models.run(app, "downgrade", "base0")
    assert {"ix_users_nick", "uq_users_email"} <= names("users")
    assert not {"ix_people_nick", "uq_people_email"} & names("users")


def test_migrate_asks_before_it_loses_a_renamed_table(models: Models) -> None:
    models.base(**OLD)
    models.database.execute("INSERT INTO users (id, email) VALUES (1, 'ada')")
    before = rows(models, "users")
    output = models.run(models.app(**NEW), "migrate", "--yes")
    assert "Table users becomes people" in output
    app = models.app(**NEW)
    app.config["DATAMIGRATE_STAGES"] = {"rename_users_to_people": "contract"}
    models.run(app, "upgrade")
    assert rows(models, "people") == before
    models.run(app, "check")


@ONE
@pytest.mark.parametrize("options", [(), ("--no",)])
def test_migrate_without_a_terminal_does_as_alembic_does(
    models: Models, options: tuple[str, ...]
) -> None:
    models.base(users={"nick": text()})
    app = models.app(people={"nick": text()})
    output = models.run(app, "migrate", "-m", "new", "--rev-id", "new0", *options)
    warned = "table users goes and people with the same columns comes" in output
    assert warned is (not options)
    (written,) = (p for p in models.files() if p.name.startswith("new0"))
    assert "op.drop_table('users')" in written.read_text()


@pytest.mark.parametrize(
    ("tables", "message"),
    [
        (
            {"people": {"nick": text()}, "persons": {"nick": text()}},
            "other tables with the same columns come or go, too",
        ),
        ({"people": {"nick": text(60)}}, "more than its name differs: column nick"),
        (
            {"people": {"nick": text(50, nullable=False)}},
            "more than its name differs: column nick",
        ),
        (
            {"people": {"nick": text(50, unique=True)}},
            "more than its name differs: its unique constraints",
        ),
    ],
)
@pytest.mark.parametrize("database", ["postgresql", "mysql"], indirect=True)
def test_more_than_another_name_is_refused(
    models: Models, tables: dict[str, Columns], message: str
) -> None:
    models.base(users={"nick": text()})
    assert message in refused(models, tables)


def test_a_new_index_comes_on_the_table_by_its_new_name(models: Models) -> None:
    models.base(users={"nick": text()})
    written = models.scaffold(people={"nick": text(index=True)})
    assert len(written) == 4
    app = models.app(stage="contract", people={"nick": text(index=True)})
    models.run(app, "upgrade")
    models.run(app, "check")
    models.run(app, "downgrade", "base0")
    models.run(models.app(users={"nick": text()}), "upgrade", "base0")
    assert rows(models, "users") == []
