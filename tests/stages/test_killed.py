"""The revisions of ``flask db data change``, killed at each of their statements."""

from __future__ import annotations

import dataclasses
import re
import typing as t

import pytest
import sqlalchemy as sa

from tests.forks import killed_at
from tests.stages.test_scaffold import Columns
from tests.stages.test_scaffold import Models
from tests.stages.test_scaffold import models as models
from tests.stages.test_scaffold import text


@dataclasses.dataclass(frozen=True, slots=True)
class Kind:
    """A kind of change.

    :param old: the tables of the models before it.
    :param new: those after it.
    :param sql: the rows there are, as statements.
    :param fill: what is filled in for each column.
    """

    old: dict[str, Columns]
    new: dict[str, Columns]
    sql: tuple[str, ...]
    fill: t.Mapping[str, str] = dataclasses.field(default_factory=dict)


def number(**options: t.Any) -> t.Callable[[], t.Any]:
    return lambda: sa.Column(sa.Integer, **options)


def refer(to: str, name: str, **options: t.Any) -> t.Callable[[], t.Any]:
    return lambda: sa.Column(sa.ForeignKey(f"{to}.id", name=name), **options)


def unique(column: str) -> Columns:
    name = f"uq_users_{column}"
    return {"__table_args__": lambda: (sa.UniqueConstraint(column, name=name),)}


KINDS = {
    "columns": Kind(
        {"users": {"whole": text(100, nullable=False), "nick": text(20)}},
        {
            "users": {
                "first": text(nullable=False, index=True),
                "nick": text(40, nullable=False),
                "level": number(nullable=False, server_default="1"),
                "plain": number(),
            },
        },
        (
            "INSERT INTO users (id, whole, nick) VALUES (1, 'Ada', 'a')",
            "INSERT INTO users (id, whole, nick) VALUES (2, 'Al', NULL)",
        ),
        {
            "first": "users.c.whole",
            "whole": "users.c.first",
            "nick": 'sa.literal("")',
            "plain": "sa.literal(2)",
        },
    ),
    "renamed column": Kind(
        {"users": {"nick": text(), **unique("nick")}},
        {"users": {"handle": text(server_default="x"), **unique("handle")}},
        ("INSERT INTO users (id, nick) VALUES (1, 'ada')",),
    ),
    "renamed table": Kind(
        {"users": {"nick": text(index=True)}},
        {"people": {"nick": text(index=True)}},
        ("INSERT INTO users (id, nick) VALUES (1, 'ada')",),
    ),
    "another type": Kind(
        {"users": {"size": text(index=True), "code": text(), **unique("code")}},
        {"users": {"size": number(index=True), "code": number(), **unique("code")}},
        ("INSERT INTO users (id, size, code) VALUES (1, '7', '8')",),
    ),
    "texts become a table": Kind(
        {"bugs": {"cause": text(80, nullable=False)}},
        {
            "causes": {"name": text(80, nullable=False, unique=True)},
            "bugs": {"cause_id": refer("causes", "fk_bugs_cause")},
        },
        ("INSERT INTO bugs (id, cause) VALUES (1, 'typo'), (2, 'race'), (3, 'typo')",),
    ),
    "what goes": Kind(
        {
            "teams": {},
            "notes": {"team_id": refer("teams", "fk_notes_team", index=True)},
            "users": {
                "name": text(),
                **unique("name"),
                "team_id": refer("teams", "fk_users_team", index=True),
                "age": number(index=True),
            },
        },
        {"teams": {}, "users": {"name": text()}},
        (
            "INSERT INTO teams (id) VALUES (1)",
            "INSERT INTO notes (id, team_id) VALUES (1, 1)",
            "INSERT INTO users (id, name, team_id, age) VALUES (1, 'a', 1, 30)",
        ),
    ),
}

SCHEMA = re.compile(r"(CREATE|ALTER|DROP|RENAME|UPDATE alembic_version)\b")


def counts(statement: str) -> bool:
    """Tell whether a statement is a moment: of the schema, or of the version."""
    if re.match(r"(CREATE TABLE|CREATE INDEX) datamigrate_", statement):
        return False
    return bool(SCHEMA.match(statement))


def schema(models: Models) -> dict[str, t.Any]:
    """Return what the database has, and the rows of it."""
    engine = models.database.engine(poolclass=sa.NullPool)
    inspector = sa.inspect(engine)
    found: dict[str, t.Any] = {"views": inspector.get_view_names()}
    with engine.connect() as connection:
        for name in models.database.tables():
            if name.startswith(("datamigrate_", "alembic_version")):
                continue
            columns = inspector.get_columns(name)
            table = sa.table(name, *(sa.column(c["name"]) for c in columns))
            rows = connection.execute(sa.select(table).order_by(table.c.id)).mappings()
            found[name] = {
                "columns": {
                    c["name"]: (str(c["type"]), c["nullable"], c["default"])
                    for c in columns
                },
                "indexes": sorted(
                    (i["name"], i["unique"], *i["column_names"])
                    for i in inspector.get_indexes(name)
                ),
                "unique": sorted(
                    str(u["name"]) for u in inspector.get_unique_constraints(name)
                ),
                "keys": sorted(
                    str(k["name"]) for k in inspector.get_foreign_keys(name)
                ),
                "rows": [dict(row) for row in rows],
            }
    return found


def version(models: Models) -> t.Any:
    return models.database.scalar("SELECT version_num FROM alembic_version")


def run(models: Models, kind: Kind, *command: str) -> None:
    """Run a command, and the work that it leaves for later."""
    app = models.app(stage="contract", **kind.new)
    result = app.test_cli_runner().invoke(args=["db", *command])
    if result.exit_code == 3:
        models.run(app, "data", "run")
        models.run(app, *command)
    elif result.exit_code:
        raise AssertionError(result.output)


def die_anew(models: Models, kind: Kind, *command: str) -> None:
    """Run a command, killed in front of each moment of it, until it ends."""

    def work() -> None:
        run(models, kind, *command)

    moment, was = 0, version(models)
    while killed_at(work, moment, counts):
        now = version(models)
        moment = 0 if now != was else moment + 1
        was = now


# Where a revision is one transaction, two of the kinds show it.
ROLLED_BACK = ("another type", "what goes")
PLACES = [("mysql", name) for name in KINDS]
PLACES += [(place, name) for place in ("postgresql", "sqlite") for name in ROLLED_BACK]


@pytest.mark.parametrize(("database", "name"), PLACES, indirect=["database"])
def test_the_same_command_goes_on_from_any_point(models: Models, name: str) -> None:
    check(models, name)


def check(models: Models, name: str) -> None:
    kind = KINDS[name]
    models.base(**kind.old)
    for sql in kind.sql:
        models.database.execute(sql)
    models.scaffold(**kind.new)
    models.fill(dict(kind.fill))
    run(models, kind, "upgrade")
    top = schema(models)
    run(models, kind, "downgrade", "base0")
    base = schema(models)
    models.close()

    die_anew(models, kind, "upgrade")
    assert schema(models) == top
    die_anew(models, kind, "downgrade", "base0")
    assert schema(models) == base


@pytest.fixture
def enforced() -> t.Iterator[None]:
    """Have foreign keys on in each connection, as an app with SQLite should."""

    def on(connection: t.Any, record: object) -> None:
        connection.execute("PRAGMA foreign_keys = ON")

    sa.event.listen(sa.Engine, "connect", on)
    yield
    sa.event.remove(sa.Engine, "connect", on)


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
def test_with_foreign_keys_on(models: Models, enforced: None) -> None:
    check(models, "texts become a table")
