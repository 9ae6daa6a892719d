"""Projects that an older Flask-Migrate began: their files stay as they are."""

from __future__ import annotations

import pathlib

import pytest

from tests.apps import Project
from tests.databases.database import Database
from tests.upgrading.conftest import ADD
from tests.upgrading.conftest import COLUMN
from tests.upgrading.conftest import CREATE

# As the template of 2.x: one URL, one metadata, arguments spread into configure().
OLD_ENV = """
import logging
from logging.config import fileConfig

from alembic import context
from flask import current_app

config = context.config
fileConfig(config.config_file_name)
logger = logging.getLogger("alembic.env")
url = str(current_app.extensions["migrate"].db.get_engine().url).replace("%", "%%")
config.set_main_option("sqlalchemy.url", url)
target_metadata = current_app.extensions["migrate"].db.metadata


def offline():
    url = config.get_main_option("sqlalchemy.url")
    context.configure(url=url, target_metadata=target_metadata, literal_binds=True)
    with context.begin_transaction():
        context.run_migrations()


def online():
    def process_revision_directives(context, revision, directives):
        if getattr(config.cmd_opts, "autogenerate", False):
            if directives[0].upgrade_ops.is_empty():
                directives[:] = []
                logger.info("No changes in schema detected.")

    with current_app.extensions["migrate"].db.get_engine().connect() as connection:
        context.configure(
            connection=connection,
            target_metadata=target_metadata,
            process_revision_directives=process_revision_directives,
            **current_app.extensions["migrate"].configure_args
        )
        with context.begin_transaction():
            context.run_migrations()


if context.is_offline_mode():
    offline()
else:
    online()
"""

OLD_INI = """
[alembic]

[loggers]
keys = root,sqlalchemy,alembic

[handlers]
keys = console

[formatters]
keys = generic

[logger_root]
level = WARN
handlers = console
qualname =

[logger_sqlalchemy]
level = WARN
handlers =
qualname = sqlalchemy.engine

[logger_alembic]
level = INFO
handlers =
qualname = alembic

[handler_console]
class = StreamHandler
args = (sys.stderr,)
level = NOTSET
formatter = generic

[formatter_generic]
format = %(levelname)-5.5s [%(name)s] %(message)s
"""

ATOMIC = (
    ADD.format(by=100)
    .replace("undo=True", "atomic=True")
    .replace("op.undo_backfill(backfill)", "pass")
)


@pytest.fixture
def old(tmp_path: pathlib.Path, database: Database) -> Project:
    project = Project(tmp_path, database.url).init()
    (project.migrations / "env.py").write_text(OLD_ENV)
    (project.migrations / "alembic.ini").write_text(OLD_INI)
    project.revision("r1", CREATE)
    project.revision("r2", ADD.format(by=1), down="r1")
    project.revision("r3", COLUMN.format(name="a"), down="r2")
    project.revision("r4", ATOMIC, down="r3")
    return project


def test_an_env_py_of_2_x(old: Project, database: Database) -> None:
    ran = old.flask("db", "upgrade")
    assert database.rows("SELECT n FROM counters ORDER BY id") == [
        (111,),
        (121,),
        (151,),
    ]
    # The old alembic.ini knows no flask_migrate logger, and would mute ours.
    assert "r2 (counters): 3 rows changed of 3" in ran.err
    assert "3 rows changed in the revision's own transaction" in ran.err
    ran = old.run("db", "check")
    assert ran.code == 1
    assert "counters" in ran.err
    assert "datamigrate_" not in ran.err
    old.flask("db", "downgrade", "r1")
    assert "UPDATE counters" in old.flask("db", "upgrade", "r1:r2", "--sql").out


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
def test_an_empty_migration_is_not_written(old: Project, database: Database) -> None:
    old.flask("db", "upgrade")
    database.execute("DROP TABLE counters")
    before = sorted((old.migrations / "versions").glob("*.py"))
    ran = old.flask("db", "migrate", "-m", "nothing")
    assert "No changes in schema detected" in ran.err
    assert sorted((old.migrations / "versions").glob("*.py")) == before


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
def test_progress_is_told_without_a_terminal(old: Project, database: Database) -> None:
    old.config = {"DATAMIGRATE_LOG_SECONDS": 0.000001, "DATAMIGRATE_MAX_BATCH_SIZE": 1}
    ran = old.flask("db", "upgrade", "--defer")
    assert "Deferred: r2" in ran.err
    ran = old.flask("db", "data", "run")
    assert "rows/s" in ran.err
    assert "r2 (counters): 3 rows changed of 3" in ran.err
    old.flask("db", "downgrade", "r1")
    assert "rows/s" in old.flask("db", "upgrade").err
