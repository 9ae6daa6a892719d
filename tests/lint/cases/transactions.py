"""Transactions that a migration ends, or holds too long."""

from __future__ import annotations

FOUND = {
    "DM107": {
        "an update": """
            def upgrade():
                op.add_column("users", sa.Column("a", sa.Integer))
                op.execute("UPDATE users SET a = 1")
        """,
        "in the block of a batch": """
            def upgrade():
                with op.batch_alter_table("users") as batch_op:
                    batch_op.add_column(sa.Column("a", sa.Integer))
                op.execute("UPDATE users SET a = 1 WHERE a IS NULL")
        """,
        "rows copied from a query": """
            def upgrade():
                op.drop_column("users", "a")
                op.execute("INSERT INTO names (name) SELECT name FROM users")
        """,
        "the schema after it": """
            def upgrade():
                op.execute("UPDATE users SET a = 0 WHERE a IS NULL")
                op.alter_column("users", "a", nullable=False)
        """,
        "DDL as text, in a helper": """
            def ddl():
                op.execute("ALTER TABLE users ADD COLUMN a integer")

            def upgrade():
                ddl()
                op.execute(sa.update(sa.table("users")).values(a=1))
        """,
        "a backfill": """
            from flask_datamigrate import Backfill
            backfill = Backfill(sa.update(sa.table("users")).values(a=1))

            def upgrade():
                op.add_column("users", sa.Column("a", sa.Integer))
                op.backfill(backfill)
        """,
    },
    "DM108": {
        "of the connection": """
            def upgrade():
                op.get_bind().commit()
        """,
        "by a name": """
            def upgrade():
                connection = op.get_bind()
                connection.execute(sa.text("SELECT 1"))
                connection.commit()
        """,
        "by an alias": """
            import alembic.op as o

            def upgrade():
                c = o.get_bind()
                c.commit()
        """,
        "in a helper, in a loop, on the way down": """
            def save(connection):
                connection.commit()

            def downgrade():
                connection = op.get_bind()
                for _ in range(3):
                    save(connection)
        """,
    },
    "DM109": {
        "a session": """
            def upgrade():
                session = Session(bind=op.get_bind())
                session.commit()
        """,
        "the app's": """
            def upgrade():
                db.session.commit()
        """,
        "a session by another name": """
            from sqlalchemy.orm import Session

            def upgrade():
                s = Session(op.get_bind())
                s.commit()
        """,
        "as SQL": """
            def upgrade():
                op.execute("COMMIT")
        """,
        "as SQL among more": '''
            def upgrade():
                op.execute(sa.text("""
                    LOCK TABLE users;
                    commit work;
                """))
        ''',
    },
}

CLEAN = {
    "DM107": {
        "a new table": """
            def upgrade():
                op.create_table("users", sa.Column("id", sa.Integer))
                op.execute("UPDATE users SET id = 1")
        """,
        "some rows": """
            def upgrade():
                op.add_column("users", sa.Column("a", sa.Integer))
                op.execute("UPDATE users SET a = 1 WHERE id = 3")
                op.execute("INSERT INTO kinds (name) VALUES ('x')")
        """,
        "the version that Alembic keeps": """
            def upgrade():
                op.add_column("users", sa.Column("a", sa.Integer))
                op.execute("UPDATE alembic_version SET version_num = 'r1'")
        """,
        "a backfill in one statement": """
            from flask_datamigrate import Backfill
            backfill = Backfill(sa.update(sa.table("users")).values(a=1), atomic=True)

            def upgrade():
                op.add_column("users", sa.Column("a", sa.Integer))
                op.backfill(backfill)
        """,
        "the schema on the way down alone": """
            def upgrade():
                op.execute("UPDATE users SET a = 1")

            def downgrade():
                op.drop_column("users", "a")
        """,
    },
    "DM108": {
        "a connection of its own": """
            def upgrade():
                with sa.create_engine("sqlite://").connect() as connection:
                    connection.commit()
        """,
        "in a comment and a text": '''
            def upgrade():
                # op.get_bind().commit()
                print("""op.get_bind().commit()""")
        ''',
        "something else of that name": """
            def commit():
                pass

            def upgrade():
                commit()
                repository.commit()
        """,
        "in a function that nobody calls": """
            def unused():
                op.get_bind().commit()

            def upgrade():
                pass
        """,
    },
    "DM109": {
        "the end of a trigger": '''
            def upgrade():
                op.execute("""
                    CREATE TRIGGER t AFTER INSERT ON users BEGIN
                        UPDATE users SET a = 1;
                    END
                """)
        ''',
        "the body of a routine": '''
            def upgrade():
                op.execute("""
                    CREATE PROCEDURE p() LANGUAGE plpgsql AS $$
                    BEGIN
                        PERFORM 1;
                        COMMIT;
                    END $$
                """)
        ''',
        "words with it": """
            def upgrade():
                op.execute("UPDATE users SET commit = 'COMMIT' WHERE id = 1")
                op.execute("SELECT 1 -- COMMIT")
        """,
        "a flush": """
            def upgrade():
                session = Session(bind=op.get_bind())
                session.flush()
        """,
    },
}
