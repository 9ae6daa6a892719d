"""SQL that is written as text; the project runs on all three databases."""

from __future__ import annotations

FOUND = {
    "DM110": {
        "a cast": """
            def upgrade():
                op.execute("UPDATE users SET a = b::integer WHERE id = 1")
        """,
        "a function": '''
            def upgrade():
                op.get_bind().execute(sa.text("""
                    UPDATE users SET a = split_part(email, '@', 2) WHERE id = 1
                """))
        ''',
        "a join": """
            def upgrade():
                op.execute("UPDATE users u JOIN orders o ON o.user = u.id SET u.a = 1")
        """,
        "in an f-string, from a constant": """
            TABLE = "users"

            def upgrade():
                op.execute(f"INSERT INTO {TABLE} VALUES (1) ON CONFLICT DO NOTHING")
        """,
        "the body of a routine": '''
            def upgrade():
                op.execute("""
                    CREATE FUNCTION touch() RETURNS trigger LANGUAGE plpgsql AS $body$
                    BEGIN
                        NEW.seen := 1;
                        RETURN NEW;
                    END $body$
                """)
        ''',
        "SQLite alone": """
            def upgrade():
                op.execute("PRAGMA foreign_keys = OFF")
        """,
        "an if on something else": """
            def upgrade():
                if op.get_context().as_sql:
                    op.execute("CREATE EXTENSION citext")
        """,
    },
    "DM122": {
        "an update": """
            def upgrade():
                op.execute("UPDATE users SET a = 1 WHERE b = 2 LIMIT 100")
        """,
        "a delete": """
            def upgrade():
                op.get_bind().execute(sa.text("DELETE FROM users LIMIT 100"))
        """,
        "in three quotes": '''
            def upgrade():
                op.execute("""
                    delete from users
                    where a = 1
                    limit 5
                """)
        ''',
        "formatted": """
            def downgrade():
                op.execute("UPDATE {} SET a = 1 LIMIT {}".format("users", 100))
        """,
    },
    "DM123": {
        "a row in an f-string": """
            def upgrade():
                for row in op.get_bind().execute(sa.text("SELECT name FROM users")):
                    op.execute(f"UPDATE users SET a = 1 WHERE name = '{row.name}'")
        """,
        "a row with percent": """
            def upgrade():
                for name, in rows():
                    op.execute("UPDATE users SET a = '%s' WHERE id = 1" % name)
        """,
        "a row with format, in a variable": """
            def upgrade():
                for row in op.get_bind().execute(sa.text("SELECT * FROM users")).all():
                    statement = "DELETE FROM users WHERE name = '{}'".format(row[0])
                    op.execute(statement)
        """,
        "added": """
            def upgrade():
                name = op.get_bind().execute(sa.text("SELECT name FROM x")).scalar()
                op.execute("DELETE FROM users WHERE name = '" + name + "'")
        """,
        "in a helper": """
            def mark(name):
                op.execute(f"UPDATE users SET a = 1 WHERE name = '{name}'")

            def upgrade():
                for row in op.get_bind().execute(sa.text("SELECT name FROM users")):
                    mark(row.name)
        """,
    },
}

CLEAN = {
    "DM110": {
        "an if on the dialect": """
            def upgrade():
                if op.get_bind().dialect.name == "postgresql":
                    op.execute("CREATE EXTENSION citext")
                else:
                    op.execute("SELECT group_concat(name) FROM users")
        """,
        "an if on a name for it": """
            def upgrade():
                dialect = op.get_context().dialect.name
                on_pg = dialect == "postgresql"
                if on_pg:
                    op.execute("SELECT a::text FROM users")
        """,
        "a way out before it": """
            def upgrade():
                if op.get_context().dialect.name != "postgresql":
                    return
                op.execute("ALTER TYPE mood ADD VALUE 'x'")
        """,
        "in a helper that is called behind an if": """
            def extend():
                op.execute("CREATE EXTENSION citext")

            def upgrade():
                if op.get_bind().engine.name == "postgresql":
                    extend()
        """,
        "in a helper with the name of a direction": """
            def upgrade():
                if op.get_bind().dialect.name == "postgresql":
                    upgrade_postgresql()

            def upgrade_postgresql():
                op.execute("CREATE EXTENSION citext")
        """,
        "texts and comments within": """
            def upgrade():
                op.execute("UPDATE users SET a = 'x::text ILIKE now()' WHERE id = 1")
                op.execute("UPDATE users SET a = 1 /* ON CONFLICT */ WHERE id = 1")
        """,
    },
    "DM122": {
        "a limit within": """
            def upgrade():
                op.execute("UPDATE users SET a = 1 WHERE id IN "
                           "(SELECT id FROM users LIMIT 5)")
        """,
        "a query": """
            def upgrade():
                op.get_bind().execute(sa.text("SELECT id FROM users LIMIT 5"))
        """,
        "a column of that name": """
            def upgrade():
                op.execute('UPDATE users SET "limit" = 5 WHERE id = 1')
        """,
        "in a text": """
            def upgrade():
                op.execute("UPDATE users SET a = 'LIMIT 5' WHERE id = 1 -- LIMIT 5")
        """,
    },
    "DM123": {
        "names": """
            def upgrade():
                for table in ("users", "orders"):
                    op.execute(f"UPDATE {table} SET a = 1 WHERE id = 1")
        """,
        "constants": """
            import uuid
            LIMIT = 5

            def upgrade():
                name = "x"
                op.execute(f"UPDATE users SET a = '{name}', b = {LIMIT} WHERE id = 1")
                op.execute("INSERT INTO users (id) VALUES ('{}')".format(uuid.uuid4()))
        """,
        "items of a literal list": """
            KINDS = ["a", "b"]

            def upgrade():
                for kind in KINDS:
                    op.execute("INSERT INTO kinds (name) VALUES ('%s')" % kind)
                op.execute("DELETE FROM kinds WHERE name IN ('%s')" % "','".join(KINDS))
        """,
        "parameters": """
            def upgrade():
                for row in op.get_bind().execute(sa.text("SELECT name FROM users")):
                    op.get_bind().execute(
                        sa.text("UPDATE users SET a = 1 WHERE name = :name"),
                        {"name": row.name})
                    print(f"name = '{row.name}'")
        """,
    },
}
