"""Schema changes that stop traffic on a table that is in use."""

from __future__ import annotations

FOUND = {
    "DM115": {
        "plain": """
            def upgrade():
                op.create_index("ix", "users", ["a"])
        """,
        "named by autogenerate, unique": """
            def upgrade():
                op.create_index(op.f("ix_users_a"), "users", ["a"], unique=True)
        """,
        "in a batch": """
            def upgrade():
                with op.batch_alter_table("users", schema=None) as batch_op:
                    batch_op.create_index(batch_op.f("ix"), ["a"])
        """,
        "as text": """
            def upgrade():
                op.execute("CREATE UNIQUE INDEX ix ON users (a)")
        """,
        "in a loop, beside a new table": """
            def upgrade():
                op.create_table("orders", sa.Column("id", sa.Integer))
                for name in ["users"]:
                    op.create_index("ix", table_name="users", columns=["a"])
        """,
    },
    "DM116": {
        "plain": """
            def upgrade():
                op.create_foreign_key("fk", "orders", "users", ["user_id"], ["id"])
        """,
        "in a batch": """
            def upgrade():
                with op.batch_alter_table("orders") as batch:
                    batch.create_foreign_key("fk", "users", ["user_id"], ["id"])
        """,
        "by keywords": """
            def upgrade():
                op.create_foreign_key(
                    constraint_name="fk", source_table="orders", referent_table="users",
                    local_cols=["user_id"], remote_cols=["id"])
        """,
        "as text": '''
            def upgrade():
                op.execute("""ALTER TABLE orders ADD CONSTRAINT fk
                    FOREIGN KEY (user_id) REFERENCES users (id)""")
        ''',
    },
    "DM117": {
        "plain": """
            def upgrade():
                op.create_check_constraint("ck", "users", "a > 0")
        """,
        "in a batch": """
            def upgrade():
                with op.batch_alter_table("users") as batch_op:
                    batch_op.create_check_constraint("ck", "a > 0")
        """,
        "an expression": """
            def upgrade():
                op.create_check_constraint("ck", "users", sa.column("a") > 0)
        """,
        "as text": """
            def upgrade():
                op.execute("ALTER TABLE users ADD CONSTRAINT ck CHECK (a > 0)")
        """,
    },
    "DM118": {
        "plain": """
            def upgrade():
                op.alter_column("users", "a", nullable=False)
        """,
        "in a batch": """
            def upgrade():
                with op.batch_alter_table("users") as batch_op:
                    batch_op.alter_column("a", existing_type=sa.TEXT(), nullable=False)
        """,
        "as text": """
            def upgrade():
                op.execute("ALTER TABLE users ALTER COLUMN a SET NOT NULL")
        """,
        "as it will be again, by another way": """
            def upgrade():
                op.alter_column("users", "a", nullable=False, existing_nullable=True)

            def downgrade():
                op.add_column("users", sa.Column("a", sa.Text))
                op.alter_column("users", "a", nullable=False)
        """,
        "in a helper": """
            def require(table, column):
                op.alter_column(table, column, nullable=False)

            def upgrade():
                require("users", "a")
        """,
    },
    "DM119": {
        "plain": """
            def upgrade():
                op.add_column("users", sa.Column("a", sa.Integer, nullable=False))
        """,
        "in a batch": """
            def upgrade():
                with op.batch_alter_table("users") as batch_op:
                    batch_op.add_column(sa.Column("a", sa.Integer(), nullable=False))
        """,
        "a default of Python alone": """
            def upgrade():
                op.add_column("users", sa.Column("a", sa.Integer, default=0,
                                                 nullable=False))
        """,
        "a column with a name": """
            column = sa.Column("a", sa.Integer, nullable=False)

            def upgrade():
                op.add_column("users", column)
        """,
    },
    "DM120": {
        "another type": """
            def upgrade():
                op.alter_column("users", "a", type_=sa.BigInteger())
        """,
        "a shorter text": """
            def upgrade():
                op.alter_column("users", "a", existing_type=sa.String(50),
                                type_=sa.String(20))
        """,
        "in a batch": """
            def upgrade():
                with op.batch_alter_table("users") as batch_op:
                    batch_op.alter_column("a", existing_type=sa.VARCHAR(length=9),
                                          type_=sa.Integer(), existing_nullable=True)
        """,
        "as text": """
            def upgrade():
                op.execute("ALTER TABLE users ALTER COLUMN a TYPE bigint")
        """,
        "a text that the downgrade makes long again": """
            def upgrade():
                op.alter_column("users", "a", type_=sa.String(60))

            def downgrade():
                op.alter_column("users", "a", type_=sa.Text)
        """,
        "a decimal with fewer digits behind the point": """
            def upgrade():
                op.alter_column("users", "a", existing_type=sa.Numeric(8, 5),
                                type_=sa.Numeric(precision=8, scale=2))
        """,
        "a type of the app, with a cast": """
            from myapp.types import Json

            def upgrade():
                op.alter_column("users", "a", existing_type=sa.Text(), type_=Json(),
                                postgresql_using="a::jsonb")
        """,
        "a time that gets a zone": """
            def upgrade():
                op.alter_column("users", "a", existing_type=sa.DateTime(),
                                type_=sa.DateTime(timezone=True))
        """,
        "an array, of texts without a length": """
            from sqlalchemy.dialects.postgresql import ARRAY

            def upgrade():
                op.alter_column("users", "a", existing_type=ARRAY(sa.TEXT()),
                                type_=sa.ARRAY(sa.Unicode(), dimensions=1))
        """,
    },
}

CLEAN = {
    "DM115": {
        "of a new table": """
            def upgrade():
                op.create_table("users", sa.Column("a", sa.Integer))
                op.create_index("ix", "users", ["a"])
        """,
        "without a lock": """
            def upgrade():
                op.create_index("ix", "users", ["a"], postgresql_concurrently=True)
                op.create_index_online("ix", "users", ["a"])
                op.execute("CREATE INDEX CONCURRENTLY ix ON users (a)")
        """,
        "on the way down": """
            def upgrade():
                op.drop_index("ix", "users")

            def downgrade():
                op.create_index("ix", "users", ["a"])
        """,
        "a comment and a text": '''
            def upgrade():
                # op.create_index("ix", "users", ["a"])
                print("""op.create_index("ix", "users", ["a"])""")
        ''',
    },
    "DM116": {
        "of a new table": """
            def upgrade():
                op.create_table("orders", sa.Column("user_id", sa.Integer))
                op.create_foreign_key("fk", "orders", "users", ["user_id"], ["id"])
        """,
        "within a new table": """
            def upgrade():
                op.create_table("orders", sa.Column("user_id", sa.Integer),
                                sa.ForeignKeyConstraint(["user_id"], ["users.id"]))
        """,
        "not valid yet": """
            def upgrade():
                op.create_foreign_key("fk", "orders", "users", ["user_id"], ["id"],
                                      postgresql_not_valid=True)
        """,
        "online": """
            def upgrade():
                op.add_foreign_key_online("fk", "orders", "users", ["user_id"], ["id"])
        """,
    },
    "DM117": {
        "of a new table": """
            def upgrade():
                op.create_table("users", sa.Column("a", sa.Integer))
                op.create_check_constraint("ck", "users", "a > 0")
        """,
        "online": """
            def upgrade():
                op.add_check_online("ck", "users", "a > 0")
        """,
        "not valid yet": """
            def upgrade():
                op.execute("ALTER TABLE users ADD CONSTRAINT c CHECK (a > 0) NOT VALID")
        """,
        "dropped": """
            def upgrade():
                op.drop_constraint("ck", "users", type_="check")
        """,
    },
    "DM118": {
        "allowed": """
            def upgrade():
                op.alter_column("users", "a", nullable=True)
        """,
        "as it was": """
            def upgrade():
                op.alter_column("users", "a", existing_nullable=False, nullable=False,
                                type_=sa.Text())
        """,
        "as it will be again": """
            def upgrade():
                op.alter_column("users", "a", nullable=False, type_=sa.String(60))

            def downgrade():
                op.alter_column("users", "a", nullable=False, type_=sa.Text)
        """,
        "of a new table": """
            def upgrade():
                op.create_table("users", sa.Column("a", sa.Integer))
                op.alter_column("users", "a", nullable=False)
        """,
        "online": """
            def upgrade():
                op.set_not_null("users", "a")
        """,
    },
    "DM119": {
        "with a value": """
            def upgrade():
                op.add_column("users", sa.Column("a", sa.Integer, nullable=False,
                                                 server_default="0"))
        """,
        "without NOT NULL": """
            def upgrade():
                op.add_column("users", sa.Column("a", sa.Integer))
                op.add_column("users", sa.Column("b", sa.Integer, nullable=True))
        """,
        "computed": """
            def upgrade():
                op.add_column("users", sa.Column("a", sa.Integer, sa.Computed("b + 1"),
                                                 nullable=False))
        """,
        "of a new table": """
            def upgrade():
                op.create_table("users", sa.Column("id", sa.Integer))
                op.add_column("users", sa.Column("a", sa.Integer, nullable=False))
        """,
    },
    "DM120": {
        "a longer text": """
            def upgrade():
                op.alter_column("users", "a", existing_type=sa.VARCHAR(length=50),
                                type_=sa.String(length=100))
                op.alter_column("users", "b", existing_type=sa.UnicodeText(),
                                type_=sa.Text())
        """,
        "a text without a length": """
            def upgrade():
                with op.batch_alter_table("users") as batch_op:
                    batch_op.alter_column("a", existing_type=sa.UnicodeText(),
                                          type_=sa.Unicode(), existing_nullable=True)
        """,
        "a text that the downgrade makes short again": """
            def upgrade():
                op.alter_column("users", "a", type_=sa.Unicode(255))
                op.alter_column("users", "b", type_=sa.Unicode(64))

            def downgrade():
                op.alter_column("users", "b", type_=sa.Unicode(32))
                op.alter_column("users", "a", type_=sa.VARCHAR(120))
        """,
        "other names of a type": """
            def upgrade():
                op.alter_column("users", "a", existing_type=sa.INTEGER(),
                                type_=sa.Integer())
                op.alter_column("users", "b", existing_type=sa.BIGINT,
                                type_=sa.BigInteger())
        """,
        "no type": """
            def upgrade():
                op.alter_column("users", "a", existing_type=sa.String(5),
                                server_default="x")
        """,
        "of a new table": """
            def upgrade():
                op.create_table("users", sa.Column("a", sa.Integer))
                op.alter_column("users", "a", type_=sa.BigInteger())
        """,
        "on the way down": """
            def downgrade():
                op.alter_column("users", "a", type_=sa.Integer())
        """,
    },
}
