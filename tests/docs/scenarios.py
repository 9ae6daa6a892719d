"""The mistakes and mishaps of the page on troubleshooting, each made to happen."""

from __future__ import annotations

import contextlib
import pathlib
import sqlite3
import threading
import typing as t

import flask_migrate
from flask import Flask
from flask_sqlalchemy import SQLAlchemy

import flask_datamigrate
from flask_datamigrate import DataMigrate
from flask_datamigrate.backfill.reporting import Reporter
from flask_datamigrate.cli.change import written
from flask_datamigrate.errors import DataMigrateError
from flask_datamigrate.upgrading import deferred
from flask_datamigrate.upgrading import forgetting
from tests.apps import Project

TABLES = """
users = sa.table("users", sa.column("id"), sa.column("email"), sa.column("age"))

def upgrade():
    op.create_table(
        "users",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("email", sa.String(200)),
        sa.Column("email_lower", sa.String(200)),
        sa.Column("age", sa.Integer),
        sa.CheckConstraint("age < 150", name="sane_age"),
    )
    op.bulk_insert(users, [
        {"id": i, "email": None if i == 3 else f"U{i}@X.org", "age": 20 * i}
        for i in range(1, 6)
    ])

def downgrade():
    op.drop_table("users")
"""

USERS = """
users = frozen.table(
    "users",
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("email", sa.String(200)),
    sa.Column("email_lower", sa.String(200)),
    sa.Column("age", sa.Integer),
)
"""

FUNCTIONS = """
def upgrade():
    op.backfill(backfill)

def downgrade():
    op.undo_backfill(backfill)
"""

AGES = "sa.update(users).values(age=users.c.age + 1)"
LOWERED = """
def lowered(row):
    return {"email_lower": row["email"].lower()}

backfill = Backfill.rows(users, lowered, reads=["email"], writes=["email_lower"])
"""


class Scene:
    """A project on SQLite with a table of five users."""

    def __init__(self, path: pathlib.Path) -> None:
        self.project = Project(path, f"sqlite:///{path}/app.db")
        self._cleanup = contextlib.ExitStack()
        with self.app():
            flask_migrate.init(str(self.project.migrations))
        self.project.revision("a1", TABLES)
        self.upgrade()

    def close(self) -> None:
        self._cleanup.close()

    def backfill(self, definition: str) -> pathlib.Path:
        """Write a revision with a backfill of users."""
        return self.revision(f"{USERS}\nbackfill = Backfill({definition})\n{FUNCTIONS}")

    def revision(self, body: str) -> pathlib.Path:
        return self.project.revision("b2", body, down="a1")

    def upgrade(self, **config: t.Any) -> None:
        with self.app(**config):
            flask_datamigrate.upgrade()

    def downgrade(self) -> None:
        with self.app():
            flask_datamigrate.downgrade()

    def write_sql(self) -> None:
        with self.app():
            flask_datamigrate.upgrade(revision="a1:head", sql=True)

    def run(self, name: str) -> None:
        with self.app():
            deferred.run(None, [name], Reporter(), threading.Event())

    def forget(self, name: str) -> None:
        with self.app():
            for entry, _ in forgetting.kept(None, name):
                forgetting.forget(entry)

    def execute(self, statement: str) -> None:
        """Run a statement on a connection of somebody else's, which stays open."""
        connection = sqlite3.connect(
            self.project.path / "app.db", isolation_level=None, timeout=0
        )
        self._cleanup.callback(connection.close)
        connection.execute(statement)

    @contextlib.contextmanager
    def app(self, **config: t.Any) -> t.Iterator[Flask]:
        app = self.project.app(**config)
        with app.app_context():
            try:
                yield app
            finally:
                for engine in app.extensions["migrate"].db.engines.values():
                    engine.dispose()


Scenario = t.Callable[[Scene], None]
SCENARIOS: dict[str, Scenario] = {}


def scenario(function: Scenario) -> Scenario:
    SCENARIOS[function.__name__.replace("_", "-")] = function
    return function


@scenario
def blank(scene: Scene) -> None:
    scene.backfill("sa.update(users).values(age=frozen.fill_in('the value of age'))")
    scene.upgrade()


@scenario
def frozen_mismatch(scene: Scene) -> None:
    table = USERS.replace('"age", sa.Integer', '"age", sa.DateTime')
    table = table.replace('"email_lower"', '"email_lowr"')
    scene.revision(
        f"{table}\nbackfill = Backfill(sa.delete(users).where(users.c.id == 1))"
        f"{FUNCTIONS}"
    )
    scene.upgrade()


@scenario
def no_such_table(scene: Scene) -> None:
    table = USERS.replace('"users"', '"user"')
    scene.revision(f"{table}\nbackfill = Backfill({AGES}){FUNCTIONS}")
    scene.upgrade()


@scenario
def mixed(scene: Scene) -> None:
    above = 'op.add_column("users", sa.Column("plan", sa.Text))\n    op.backfill('
    functions = FUNCTIONS.replace("op.backfill(", above)
    scene.revision(f"{USERS}\nbackfill = Backfill({AGES}){functions}")
    scene.upgrade()


@scenario
def statement_above(scene: Scene) -> None:
    above = 'op.execute("UPDATE users SET age = 1")\n    op.backfill('
    functions = FUNCTIONS.replace("op.backfill(", above)
    scene.revision(f"{USERS}\nbackfill = Backfill({AGES}){functions}")
    scene.upgrade()


@scenario
def still_matches(scene: Scene) -> None:
    scene.backfill(
        "sa.update(users).where(users.c.email_lower.is_(None))"
        ".values(email_lower=sa.func.lower(users.c.email))"
    )
    scene.upgrade()


@scenario
def refused_row(scene: Scene) -> None:
    scene.backfill("sa.update(users).values(age=users.c.age * 2)")
    scene.upgrade()


@scenario
def transform_raised(scene: Scene) -> None:
    scene.revision(f"{USERS}{LOWERED}{FUNCTIONS}")
    scene.upgrade()


@scenario
def unreadable_value(scene: Scene) -> None:
    table = USERS.replace('"email", sa.String(200)', '"email", sa.JSON')
    scene.revision(f"{table}{LOWERED}{FUNCTIONS}")
    scene.upgrade()


@scenario
def own_check(scene: Scene) -> None:
    scene.backfill(
        f'{AGES}, verify=sa.text("SELECT count(*) FROM users WHERE email IS NULL")'
    )
    scene.upgrade()


@scenario
def edited(scene: Scene) -> None:
    path = scene.backfill("sa.update(users).values(age=users.c.age * 2), batch_size=1")
    with contextlib.suppress(DataMigrateError):
        scene.upgrade()
    path.write_text(path.read_text().replace("* 2", "+ 2"))
    scene.upgrade()


@scenario
def nothing_kept(scene: Scene) -> None:
    scene.backfill(AGES)
    scene.upgrade()
    scene.downgrade()


@scenario
def forgotten(scene: Scene) -> None:
    scene.backfill(f"{AGES}, undo=True")
    scene.upgrade()
    scene.forget("b2")
    scene.execute(
        "UPDATE datamigrate_events SET at = 1777887000, runner = 'web-1:4711:1:ab', "
        "detail = '5 rows, 8.2 kB' WHERE kind = 'forget'"
    )
    scene.downgrade()


@scenario
def python_offline(scene: Scene) -> None:
    scene.revision(f"{USERS}{LOWERED}{FUNCTIONS}")
    scene.write_sql()


@scenario
def own_exception_offline(scene: Scene) -> None:
    scene.revision("def upgrade():\n    op.get_bind().nosuch\n")
    scene.write_sql()


@scenario
def no_name(scene: Scene) -> None:
    functions = FUNCTIONS.replace("(backfill)", f"(Backfill({AGES}))")
    scene.revision(f"{USERS}{functions}")
    scene.upgrade()


@scenario
def too_many_for_atomic(scene: Scene) -> None:
    scene.backfill(f"{AGES}, atomic=True")
    scene.upgrade(DATAMIGRATE_ATOMIC_ROWS=4)


@scenario
def no_key(scene: Scene) -> None:
    table = USERS.replace(", primary_key=True", "")
    scene.revision(f"{table}\nbackfill = Backfill({AGES}){FUNCTIONS}")
    scene.upgrade()


@scenario
def wrong_type(scene: Scene) -> None:
    scene.backfill("sa.update(users).values(age=users.c.email)")
    scene.upgrade()


@scenario
def no_branch(scene: Scene) -> None:
    scene.backfill('sa.update(users).values(age=sn.branch(postgresql="1"))')
    scene.upgrade()


@scenario
def unknown_key(scene: Scene) -> None:
    scene.project.app(DATAMIGRATE_BATCHSIZE=500)


@scenario
def wrong_value(scene: Scene) -> None:
    scene.project.app(DATAMIGRATE_LOCK="rows")


@scenario
def no_driver(scene: Scene) -> None:
    app = Flask("tests")
    app.config["SQLALCHEMY_DATABASE_URI"] = "mysql://root@localhost/app"
    db = SQLAlchemy()
    db.init_app(app)
    DataMigrate().init_app(app, db)


@scenario
def old_scheme(scene: Scene) -> None:
    app = Flask("tests")
    app.config["SQLALCHEMY_DATABASE_URI"] = "postgres://root@localhost/app"
    SQLAlchemy(app)


@scenario
def another_upgrade(scene: Scene) -> None:
    scene.backfill(AGES)
    scene.execute(
        "INSERT INTO datamigrate_lock VALUES ('upgrade', 'web-1:4711:1:ab', 1e12, 1e12)"
    )
    scene.upgrade(DATAMIGRATE_LOCK_WAIT=0)


@scenario
def locked_file(scene: Scene) -> None:
    scene.backfill(AGES)
    scene.execute("BEGIN EXCLUSIVE")
    scene.project.url += "?timeout=0"
    scene.upgrade()


@scenario
def own_exception(scene: Scene) -> None:
    scene.revision("def upgrade():\n    op.get_bind().nosuch\n")
    scene.upgrade()


@scenario
def schema_failed(scene: Scene) -> None:
    scene.revision(
        'def upgrade():\n    op.add_column("users", sa.Column("city", sa.Integer))\n'
        '    op.add_column("users", sa.Column("age", sa.Integer))\n'
    )
    scene.upgrade()


@scenario
def unknown_backfill(scene: Scene) -> None:
    scene.run("fill_emails")


@scenario
def paused_by_an_operator(scene: Scene) -> None:
    scene.backfill(f"{AGES}, deferred=True")
    scene.upgrade()
    scene.execute("UPDATE datamigrate_orders SET paused_by = 'web-1:4711::'")
    scene.run("b2")


@scenario
def refused_rows(scene: Scene) -> None:
    doubled = "sa.update(users).values(age=users.c.age * 2)"
    scene.backfill(f"{doubled}, on_row_error='skip'")
    scene.upgrade()


@scenario
def no_definition(scene: Scene) -> None:
    path = scene.backfill("sa.update(users).values(age=users.c.age * 2)")
    with contextlib.suppress(DataMigrateError):
        scene.upgrade()
    path.unlink()
    scene.run("b2")


LOWER = """
change = "lower_emails"
stage = "migrate"

backfill = Backfill(
    sa.update(users)
    .where(users.c.email_lower.is_(None), users.c.email.is_not(None))
    .values(email_lower=sa.func.lower(users.c.email)),
    deferred=True,
)
"""

CONTRACT = """
change = "lower_emails"
stage = "contract"

def upgrade():
    op.drop_column("users", "email")
"""


@scenario
def gate_closed(scene: Scene) -> None:
    scene.revision(f"{USERS}{LOWER}{FUNCTIONS}")
    scene.project.revision("c3", CONTRACT, down="b2")
    scene.upgrade(DATAMIGRATE_STAGES={"lower_emails": "contract"})


@scenario
def behind(scene: Scene) -> None:
    scene.revision(f"{USERS}{LOWER}{FUNCTIONS}")
    scene.project.revision("c3", CONTRACT, down="b2")
    stages = {"lower_emails": "migrate"}
    scene.upgrade(DATAMIGRATE_STAGES=stages)
    with scene.app(DATAMIGRATE_STAGES=stages):
        written("next", "next", None)


@scenario
def stage_missing(scene: Scene) -> None:
    scene.revision(CONTRACT)
    scene.upgrade()


@scenario
def no_such_change(scene: Scene) -> None:
    scene.upgrade(DATAMIGRATE_STAGES={"lower_emails": "expand"})


@scenario
def stage_ahead(scene: Scene) -> None:
    scene.revision(f"{USERS}{LOWER}{FUNCTIONS}")
    scene.upgrade(DATAMIGRATE_STAGES={"lower_emails": "contract"})
