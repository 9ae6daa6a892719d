"""The safe DDL directives by each way they are run, written and reversed."""

from __future__ import annotations

import pathlib

import flask_migrate
import pytest
import sqlalchemy as sa
from alembic.autogenerate import render_python_code
from alembic.operations import ops

from flask_datamigrate import DataMigrate
from flask_datamigrate import errors
from flask_datamigrate.operations.ddl.directives import constraints
from flask_datamigrate.operations.ddl.directives import foreign_keys
from tests.apps import Project
from tests.databases.database import Database
from tests.operations.ddl.conftest import Family
from tests.upgrading.conftest import Bench

UP = (
    'op.set_not_null("parents", "name")\n'
    '    op.add_check_online("ck_new", "parents", "n > 0")\n'
    '    op.add_foreign_key_online("fk_new", "children", "parents", ["parent_id"], '
    '["id"])'
)
DOWN = (
    'op.drop_not_null("parents", "name")\n'
    '    with op.batch_alter_table("parents") as batch:\n'
    '        batch.drop_constraint("ck_new", type_="check")\n'
    '    with op.batch_alter_table("children") as batch:\n'
    '        batch.drop_constraint("fk_new", type_="foreignkey")'
)


def state(family: Family) -> tuple[bool, set[str]]:
    parents, children = family.table(), family.table("children")
    names = {str(c.name) for c in (*parents.constraints, *children.constraints)}
    return not parents.c.name.nullable, names & {"ck_new", "fk_new"}


def test_plain_alembic(family: Family, form: str) -> None:
    family.revision(UP, DOWN)

    family.alembic("upgrade", "head")
    assert state(family) == (True, {"ck_new", "fk_new"})
    assert family.version == "r2"

    family.alembic("downgrade", "r1")
    assert state(family) == (False, set())
    assert family.version == "r1"


def test_several_beside_other_directives(family: Family, form: str) -> None:
    family.revision(
        'op.add_column("parents", sa.Column("more", sa.Integer))\n    ' + UP, DOWN
    )

    family.upgrade()

    assert state(family) == (True, {"ck_new", "fk_new"})
    assert "more" in family.table().columns
    assert family.version == "r2"


@pytest.mark.parametrize("database", ["postgresql"], indirect=True)
def test_on_what_the_revision_itself_makes_it_is_refused(family: Family) -> None:
    column = 'sa.Column("more", sa.Integer, server_default="1")'
    for call in (
        'op.set_not_null("parents", "more")',
        'op.add_check_online("ck_new", "parents", "more > 0")',
    ):
        family.revision(f'op.add_column("parents", {column})\n    {call}')

        with pytest.raises(errors.DataMigrateError) as caught:
            family.upgrade()

        message = str(caught.value)
        assert "revision r2, op." in message
        assert "The revision was rolled back" in message
        assert "into a revision of its own" in message
        assert "more" not in family.table().columns
        assert family.version == "r1"


def test_sql_mode(
    family: Family, form: str, capsys: pytest.CaptureFixture[str]
) -> None:
    type_ = ", existing_type=sa.String(20)" * (family.database.name == "mysql")
    family.revision(UP.replace('"name")', f'"name"{type_})'))
    if family.database.name == "sqlite":
        with pytest.raises(errors.OfflineError, match="Run the upgrade without --sql"):
            family.upgrade("r1:r2", sql=True)
        return
    capsys.readouterr()

    family.upgrade("r1:r2", sql=True)

    script = capsys.readouterr().out
    engine = family.database.engine(isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        for statement in script.split(";"):
            kept = [line for line in statement.splitlines() if line[:2] != "--"]
            if "".join(kept).strip():
                connection.exec_driver_sql("\n".join(kept))
    assert state(family) == (True, {"ck_new", "fk_new"})
    assert family.version == "r2"


@pytest.mark.parametrize("database", ["mysql"], indirect=True)
def test_sql_mode_of_mysql_wants_the_type(family: Family) -> None:
    family.revision('op.set_not_null("parents", "name")')

    with pytest.raises(errors.OfflineError, match="existing_type="):
        family.upgrade("r1:r2", sql=True)


def test_two_databases_with_the_template_of_flask_migrate(
    tmp_path: pathlib.Path,
    database: Database,
    second_database: Database,
    capfd: pytest.CaptureFixture[str],
) -> None:
    project = Project(tmp_path, database.url, binds={"other": second_database.url})
    project.config["DATAMIGRATE_ATOMIC_ROWS"] = 1
    bench = Bench(project, database)
    dispatch = (
        "def upgrade(engine_name): globals()['upgrade_' + engine_name]()\n"
        "def downgrade(engine_name): globals()['downgrade_' + engine_name]()\n"
    )
    bench.revision(
        "r1",
        dispatch
        + "def upgrade_():\n"
        + '    op.create_table("parents", sa.Column("id", sa.Integer, '
        + 'primary_key=True), sa.Column("n", sa.Integer))\n'
        + '    op.execute("INSERT INTO parents VALUES (1, 1), (2, 2)")\n'
        + "upgrade_other = upgrade_\n",
    )
    bench.upgrade()
    bench.revision(
        "r2",
        dispatch
        + 'def upgrade_(): op.set_not_null("parents", "n")\n'
        + "upgrade_other = upgrade_\n"
        + 'def downgrade_(): op.drop_not_null("parents", "n")\n'
        + "downgrade_other = downgrade_\n",
        down="r1",
    )
    if database.name == "postgresql":
        with bench.app.app_context(), pytest.raises(SystemExit):
            flask_migrate.upgrade()
        assert "Run it with: flask db upgrade" in capfd.readouterr().err

    bench.upgrade()

    for one in (database, second_database):
        table = sa.Table("parents", sa.MetaData(), autoload_with=one.engine())
        assert not table.c.n.nullable
        assert one.scalar("SELECT version_num FROM alembic_version") == "r2"

    bench.downgrade("r1")

    for one in (database, second_database):
        table = sa.Table("parents", sa.MetaData(), autoload_with=one.engine())
        assert table.c.n.nullable
    bench.close()


def test_autogenerate_writes_the_call_and_its_reverse(
    tmp_path: pathlib.Path,
) -> None:
    project = Project(tmp_path, "sqlite://")
    app = project.app()
    migrate: DataMigrate = app.extensions["datamigrate"]
    with app.app_context():
        migrate.get_config()
        migrate.get_config()
    foreign_key = ops.CreateForeignKeyOp(
        "fk", "orders", "users", ["user_id"], ["id"], ondelete="CASCADE"
    )
    check = ops.CreateCheckConstraintOp("ck", "orders", sa.column("total") >= 0)
    upgrade = [
        constraints.SetNotNullOp(
            "users", "email", schema="app", existing_type=sa.String(50)
        ),
        foreign_keys.AddForeignKeyOp(foreign_key),
        constraints.AddCheckOp(check),
    ]

    written = render_python_code(ops.UpgradeOps(upgrade))
    back = render_python_code(
        ops.DowngradeOps([operation.reverse() for operation in reversed(upgrade)])
    )

    assert (
        "op.set_not_null('users', 'email', schema='app', "
        "existing_type=sa.String(length=50))" in written
    )
    assert (
        "op.add_foreign_key_online('fk', 'orders', 'users', ['user_id'], ['id'], "
        "ondelete='CASCADE')" in written
    )
    assert "op.add_check_online('ck', 'orders', 'total >= 0')" in written
    assert "op.drop_check_online('ck', 'orders')" in back
    assert "op.drop_foreign_key_online('fk', 'orders')" in back
    assert "op.drop_not_null('users', 'email', schema='app'" in back


def test_autogenerate_writes_it_beside_a_batch_too(tmp_path: pathlib.Path) -> None:
    app = Project(tmp_path, "sqlite://").app()
    with app.app_context():
        app.extensions["datamigrate"].get_config()
    modify = ops.ModifyTableOps(
        "users",
        [
            ops.AddColumnOp("users", sa.Column("x", sa.Integer)),
            constraints.SetNotNullOp("users", "email"),
        ],
    )

    written = render_python_code(ops.UpgradeOps([modify]), render_as_batch=True)

    assert "with op.batch_alter_table('users'" in written
    assert "    op.set_not_null('users', 'email')" in written
