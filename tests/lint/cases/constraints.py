"""Constraints that nothing calls by a name."""

from __future__ import annotations

FOUND = {
    "DM113": {
        "a foreign key": """
            def upgrade():
                op.create_foreign_key(None, "orders", "users", ["user_id"], ["id"])
        """,
        "in a batch": """
            def upgrade():
                with op.batch_alter_table("users") as batch_op:
                    batch_op.create_unique_constraint(None, ["email"])
        """,
        "by a keyword": """
            def upgrade():
                op.create_check_constraint(
                    constraint_name=None, table_name="users", condition="a > 0")
        """,
        "on the way down": """
            def downgrade():
                op.create_unique_constraint(None, "users", ["email"])
        """,
    },
    "DM114": {
        "plain": """
            def downgrade():
                op.drop_constraint(None, "orders", type_="foreignkey")
        """,
        "in a batch": """
            def downgrade():
                with op.batch_alter_table("users") as batch_op:
                    batch_op.drop_constraint(None, type_="unique")
        """,
        "on the way up": """
            def upgrade():
                op.drop_constraint(None, "users")
        """,
        "by an alias and keywords": """
            from alembic import op as o

            def downgrade():
                o.drop_constraint(constraint_name=None, table_name="users")
        """,
    },
}

CLEAN = {
    "DM113": {
        "a name": """
            def upgrade():
                op.create_unique_constraint("uq", "users", ["email"])
        """,
        "a name that is computed": """
            def upgrade():
                op.create_unique_constraint(name(), "users", ["email"])
        """,
        "within a new table": """
            def upgrade():
                op.create_table("users", sa.Column("a", sa.Integer),
                                sa.UniqueConstraint("a"))
        """,
        "an index, which the convention names": """
            def upgrade():
                op.create_index(None, "users", ["a"])
        """,
    },
    "DM114": {
        "a name": """
            def downgrade():
                op.drop_constraint("uq", "users", type_="unique")
        """,
        "a name by autogenerate": """
            def downgrade():
                op.drop_constraint(op.f("uq"), "users", type_="unique")
        """,
        "in a comment": """
            def downgrade():
                # op.drop_constraint(None, "users")
                op.drop_constraint("uq", "users")  # not None
        """,
        "None somewhere else": """
            def downgrade():
                op.drop_constraint("uq", "users", type_=None)
        """,
    },
}
