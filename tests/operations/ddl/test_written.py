"""What autogenerate writes of a directive, and of the one that takes it back."""

from __future__ import annotations

import pathlib
import typing as t

import pytest
import sqlalchemy as sa
from alembic.autogenerate import render_python_code
from alembic.operations import ops

from flask_datamigrate.operations.ddl.directives import archives
from flask_datamigrate.operations.ddl.directives import constraints
from flask_datamigrate.operations.ddl.directives import enums
from flask_datamigrate.operations.ddl.directives import foreign_keys
from flask_datamigrate.operations.ddl.directives import indexes
from flask_datamigrate.operations.ddl.directives import tables
from flask_datamigrate.operations.ddl.directives import triggers
from tests.apps import Project

WRITTEN: dict[str, tuple[t.Any, str, str]] = {
    "index": (
        indexes.CreateIndexOnlineOp("ix", "users", ["a", "b"], schema="s"),
        "op.create_index_online('ix', 'users', ['a', 'b'], schema='s')",
        "op.drop_index_online('ix', 'users', ['a', 'b'], schema='s')",
    ),
    "index of an expression": (
        indexes.DropIndexOnlineOp(
            "ix",
            "users",
            [sa.text("lower(a)"), "b"],
            unique=True,
            options={"postgresql_where": sa.text("b > 'x'"), "mysql_length": 5},
        ),
        "op.drop_index_online('ix', 'users', [sa.text('lower(a)'), 'b'], unique=True, "
        "postgresql_where=sa.text(\"b > 'x'\"), mysql_length=5)",
        "op.create_index_online('ix', 'users', [sa.text('lower(a)'), 'b'], "
        "unique=True, postgresql_where=sa.text(\"b > 'x'\"), mysql_length=5)",
    ),
    "foreign key": (
        foreign_keys.AddForeignKeyOp(
            ops.CreateForeignKeyOp(
                "fk", "orders", "users", ["a"], ["id"], source_schema="s"
            )
        ),
        "op.add_foreign_key_online('fk', 'orders', 'users', ['a'], ['id'], "
        "source_schema='s')",
        "op.drop_foreign_key_online('fk', 'orders', schema='s')",
    ),
    "check": (
        constraints.AddCheckOp(
            ops.CreateCheckConstraintOp("ck", "orders", "a > 0", schema="s")
        ),
        "op.add_check_online('ck', 'orders', 'a > 0', schema='s')",
        "op.drop_check_online('ck', 'orders', schema='s')",
    ),
    "enum": (
        enums.AddEnumValueOp("users", "kind", "it's", after="x"),
        "op.add_enum_value('users', 'kind', \"it's\", after='x')",
        "op.drop_enum_value('users', 'kind', \"it's\", after='x')",
    ),
    "archive": (
        archives.ArchiveColumnOp("users", "a", schema="s"),
        "op.archive_column('users', 'a', schema='s')",
        "op.restore_column('users', 'a', schema='s')",
    ),
    "table": (
        tables.RenameTableOnlineOp("users", "people", indexes={"a": "b"}, schema="s"),
        "op.rename_table_online('users', 'people', indexes={'a': 'b'}, schema='s')",
        "op.rename_table_back('users', 'people', indexes={'a': 'b'}, schema='s')",
    ),
    "old name": (
        tables.DropOldNameOp("users", "people"),
        "op.drop_old_name('users', 'people')",
        "op.restore_old_name('users', 'people')",
    ),
    "trigger": (
        triggers.CreateUpdatedAtTriggerOp("users"),
        "op.create_updated_at_trigger('users')",
        "op.drop_updated_at_trigger('users')",
    ),
    "trigger of another column": (
        triggers.DropUpdatedAtTriggerOp("users", "changed", schema="s"),
        "op.drop_updated_at_trigger('users', 'changed', schema='s')",
        "op.create_updated_at_trigger('users', 'changed', schema='s')",
    ),
}


@pytest.mark.parametrize("name", WRITTEN)
def test_a_directive_is_written_and_reversed(name: str, tmp_path: pathlib.Path) -> None:
    with Project(tmp_path, "sqlite://").app().app_context() as context:
        context.app.extensions["datamigrate"].get_config()
    directive, forth, back = WRITTEN[name]

    assert forth in render_python_code(ops.UpgradeOps([directive]))
    assert back in render_python_code(ops.DowngradeOps([directive.reverse()]))
    assert forth in render_python_code(ops.UpgradeOps([directive.reverse().reverse()]))


def test_an_index_dropped_by_its_name_alone_cannot_be_reversed() -> None:
    with pytest.raises(ValueError, match="was not given the columns"):
        indexes.DropIndexOnlineOp("ix", "users").reverse()


def test_a_foreign_key_dropped_by_its_name_alone_cannot_be_reversed() -> None:
    with pytest.raises(ValueError, match="was not given the columns"):
        foreign_keys.DropForeignKeyOp("fk", "orders").reverse()


def test_a_check_dropped_by_its_name_alone_cannot_be_reversed() -> None:
    with pytest.raises(ValueError, match="was not given the condition"):
        constraints.DropCheckOp("ck", "orders").reverse()
