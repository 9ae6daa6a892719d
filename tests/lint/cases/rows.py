"""Statements that change rows."""

from __future__ import annotations

TABLES = """
users = sa.table("users", sa.column("id"), sa.column("name"), sa.column("score"))
"""

FOUND = {
    "DM103": {
        "as text": """
            def upgrade():
                op.execute("UPDATE users SET name = 'x'")
        """,
        "in three quotes, through an alias, over lines": '''
            from alembic import op as operations
            run = operations.execute

            def upgrade():
                run("""
                    DELETE
                    FROM users
                """)
        ''',
        "in an f-string": """
            def upgrade():
                for table in ("a", "b"):
                    op.execute(f"UPDATE {table} SET name = 'x'")
        """,
        "in a helper": """
            def run(statement):
                op.get_bind().execute(sa.text(statement))

            def upgrade():
                run("UPDATE users SET name = 'x'")
        """,
        "as a construct": """
            def upgrade():
                statement = users.update().values(name="x")
                op.execute(statement)
        """,
        "as a construct of an imported function": """
            from sqlalchemy import delete as remove

            def upgrade():
                connection = op.get_bind()
                connection.execute(remove(users))
        """,
        "where the column is NULL, which is every row of a new one": """
            def upgrade():
                op.execute(sa.update(users).where(users.c.name.is_(None)).values(name=1))
                op.execute("UPDATE users SET name = '' WHERE name IS NULL")
        """,
        "through the query of a session": """
            def upgrade():
                session.query(User).update({"name": "x"})
        """,
        "the second of two texts of one name": """
            def upgrade():
                sql = "SELECT 1"
                op.execute(sql)
                sql = "UPDATE users SET name = 'x'"
                op.execute(sql)
        """,
        "returned by a helper": """
            def statement(table):
                return f"DELETE FROM {table}"

            def upgrade():
                op.execute(statement("users"))
        """,
        "TRUNCATE": """
            def upgrade():
                op.execute("TRUNCATE users")
        """,
    },
    "DM104": {
        "over a query": """
            def upgrade():
                connection = op.get_bind()
                for row in connection.execute(sa.select(users)):
                    connection.execute(users.update().where(users.c.id == row.id)
                                       .values(name="x"))
        """,
        "over rows that were fetched": """
            def upgrade():
                rows = op.get_bind().execute(sa.text("SELECT id FROM users")).fetchall()
                for (id_,) in rows:
                    op.execute(sa.text("UPDATE users SET name = '' WHERE id = :i")
                               .bindparams(i=id_))
        """,
        "in a helper that is called in the loop": """
            def one(connection, id_):
                connection.execute(sa.delete(users).where(users.c.id == id_))

            def upgrade():
                connection = op.get_bind()
                for row in connection.execute(sa.select(users)).all():
                    one(connection, row.id)
        """,
        "in a loop of a function that upgrade calls": """
            def upgrade():
                work()

            def work():
                for user in session.query(User).filter(User.name == None):
                    user.name = "x"
        """,
        "objects of a model": """
            def upgrade():
                for user in User.query.all():
                    user.score += 1
        """,
        "counted, and with a bar that shows how far it is": """
            from tqdm import tqdm

            def upgrade():
                connection = op.get_bind()
                rows = connection.execute(sa.select(users.c.id))
                for number, row in enumerate(rows, start=1):
                    connection.execute(
                        users.update().where(users.c.id == row.id).values(name="x"))
                for row in tqdm(sorted(connection.execute(sa.select(users)).all())):
                    print(row)
        """,
        "objects that are flushed one by one": """
            def upgrade():
                session = Session(bind=op.get_bind())
                for user in session.query(User).all():
                    session.add(Badge(user_id=user.id))
                    session.flush()
        """,
    },
    "DM105": {
        "a construct": """
            def upgrade():
                position = 0
                while True:
                    rows = op.get_bind().execute(
                        sa.select(users).limit(100).offset(position)).all()
                    position += 100
        """,
        "as text": """
            def upgrade():
                for page in range(10):
                    op.get_bind().execute(
                        sa.text("SELECT id FROM users LIMIT 9 OFFSET :o"), {"o": page})
        """,
        "in a helper": """
            def page(number):
                return session.query(User).offset(number * 100).limit(100).all()

            def upgrade():
                number = 0
                while page(number):
                    number += 1
        """,
        "of a query": """
            def upgrade():
                for start in range(0, 10_000, 100):
                    for user in query.order_by(User.id).limit(100).offset(start):
                        print(user)
        """,
    },
    "DM106": {
        "a limit in a subquery": """
            def upgrade():
                while True:
                    done = op.get_bind().execute(sa.text(
                        "UPDATE users SET score = 0 WHERE id IN "
                        "(SELECT id FROM users WHERE name = 'x' LIMIT 100)"))
                    if not done.rowcount:
                        break
        """,
        "a limit of its own": """
            def upgrade():
                while op.get_bind().execute(sa.text(
                        "UPDATE users SET score = 0 WHERE name = '' LIMIT 9")).rowcount:
                    pass
        """,
        "a construct": """
            def upgrade():
                while True:
                    page = sa.select(users.c.id).where(users.c.name == "x").limit(10)
                    op.execute(users.update().where(users.c.id.in_(page))
                               .values(score=0))
        """,
        "a backfill that is checked": """
            from flask_datamigrate import Backfill

            backfill = Backfill(
                sa.update(users).where(users.c.name == "x").values(score=0)
            )

            def upgrade():
                op.backfill(backfill)
        """,
    },
}

CLEAN = {
    "DM103": {
        "some rows": """
            def upgrade():
                op.execute("UPDATE users SET name = 'x' WHERE id = 3")
                op.execute(users.delete().where(users.c.id == 3))
        """,
        "the version that Alembic keeps": """
            def upgrade():
                op.execute("UPDATE alembic_version SET version_num = 'r1'")
        """,
        "a new table": """
            def upgrade():
                op.create_table("users", sa.Column("id", sa.Integer))
                op.execute("UPDATE users SET name = 'x'")
        """,
        "comments and texts that look like it": '''
            """UPDATE users SET name = 'x'"""
            # op.execute("UPDATE users SET name = 'x'")
            def upgrade():
                print("UPDATE users SET name = 'x'")
                op.execute("SELECT 'UPDATE users SET name = 1' -- DELETE FROM users")
        ''',
        "in batches": """
            from flask_datamigrate import Backfill
            backfill = Backfill(sa.update(users).values(name="x"))

            def upgrade():
                op.backfill(backfill)
        """,
        "dict.update, and a downgrade": """
            def upgrade():
                values = {}
                values.update(a=1)
                print(values)

            def downgrade():
                op.execute("UPDATE users SET name = 'x'")
        """,
        "a join chooses the rows": """
            def upgrade():
                op.execute("UPDATE users JOIN orders ON orders.user_id = users.id "
                           "SET users.name = 'x'")
        """,
    },
    "DM104": {
        "objects that are sent together": """
            def upgrade():
                session = Session(bind=op.get_bind())
                for number, user in enumerate(session.query(User)):
                    session.add(Badge(user_id=user.id))
                    if number % 1000 == 0:
                        session.flush()
                session.flush()
        """,
        "over a literal list": """
            def upgrade():
                for name in ["a", "b"]:
                    op.execute(sa.update(users).where(users.c.id == 1)
                               .values(name=name))
        """,
        "over the catalog": """
            def upgrade():
                tables = op.get_bind().execute(
                    sa.text("SELECT table_name FROM information_schema.tables"))
                for (table,) in tables:
                    op.execute(f"UPDATE {table} SET name = 'x' WHERE id = 1")
        """,
        "rows that are only read": """
            def upgrade():
                for row in op.get_bind().execute(sa.select(users)):
                    print(row)
                op.execute(sa.update(users).where(users.c.id == 1).values(name="x"))
        """,
        "a batch a turn": """
            def upgrade():
                while True:
                    rows = op.get_bind().execute(sa.select(users).limit(100)).all()
                    if not rows:
                        break
                    ids = [row.id for row in rows]
                    op.execute(users.delete().where(users.c.id.in_(ids)))
        """,
    },
    "DM105": {
        "one page": """
            def upgrade():
                op.get_bind().execute(sa.select(users).limit(1).offset(5))
        """,
        "by the key": """
            def upgrade():
                last = 0
                while last is not None:
                    last = op.get_bind().execute(sa.select(users.c.id)
                        .where(users.c.id > last).limit(100)).scalar()
        """,
        "another offset": """
            def upgrade():
                for day in range(3):
                    print(zone.offset(day), {"offset": day})
        """,
        "the word in a text": """
            def upgrade():
                for name in ("a", "b"):
                    op.get_bind().execute(sa.text("SELECT 'LIMIT 1 OFFSET 2'"))
        """,
    },
    "DM106": {
        "the column is set": """
            def upgrade():
                while op.get_bind().execute(sa.text(
                        "UPDATE users SET score = 0 WHERE id IN (SELECT id FROM users "
                        "WHERE score IS NULL LIMIT 100)")).rowcount:
                    pass
        """,
        "a key is remembered": """
            def upgrade():
                last = 0
                while last < 1000:
                    op.get_bind().execute(sa.text(
                        "UPDATE users SET score = 0 WHERE id IN (SELECT id FROM users "
                        "WHERE id > :last LIMIT 100)"), {"last": last})
                    last += 100
        """,
        "rows that are deleted": """
            def upgrade():
                while op.get_bind().execute(sa.text(
                        "DELETE FROM users WHERE name = 'x' LIMIT 100")).rowcount:
                    pass
        """,
        "backfills that end": """
            from flask_datamigrate import Backfill

            one = Backfill(
                sa.update(users).where(users.c.score.is_(None)).values(score=0)
            )
            two = Backfill(sa.update(users).where(users.c.id > 5).values(score=0),
                           verify=False)
            three = Backfill(sa.update(users).values(score=users.c.score + 1))

            def upgrade():
                op.backfill(one)
        """,
    },
}
