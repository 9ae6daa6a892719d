"""Imports of the app's code; the app is ``myapp``."""

from __future__ import annotations

FOUND = {
    "DM101": {
        "queried": """
            from myapp.models import User

            def upgrade():
                Session(bind=op.get_bind()).query(User).all()
        """,
        "aliased": """
            import myapp.models as m

            def upgrade():
                op.get_bind().execute(sa.select(m.User))
        """,
        "in a helper, imported where it is used": """
            def fill():
                from myapp import models as things
                for user in things.User.query.filter_by(name=None):
                    pass

            def upgrade():
                fill()
        """,
        "its table": """
            from myapp.models import User

            def upgrade():
                op.bulk_insert(User.__table__, [{"name": "a"}])
        """,
        "the metadata of the app": """
            from myapp.extensions import db

            def upgrade():
                db.metadata.create_all(op.get_bind())
        """,
        "relative": """
            from ..models import User

            def upgrade():
                Session().add(User(name="a"))
        """,
    },
    "DM102": {
        "an enum": """
            from myapp.fields import Status

            def upgrade():
                op.add_column("t", sa.Column("s", sa.Enum(Status)))
        """,
        "the session of the app": """
            from myapp.extensions import db

            def upgrade():
                db.session.execute(sa.text("SELECT 1"))
        """,
        "a type that autogenerate wrote": """
            import myapp.types

            def upgrade():
                op.add_column("t", sa.Column("s", myapp.types.Json()))
        """,
        "never used": """
            from myapp.models import User

            def upgrade():
                op.execute("SELECT 1")
        """,
        "a member of an enum with the name of a door": """
            from myapp.links import LinkType

            def upgrade():
                print(LinkType.session, LinkType.query, LinkType.metadata)
        """,
        "behind a condition": """
            try:
                from myapp.constants import LIMIT
            except ImportError:
                LIMIT = 5

            def upgrade():
                print(LIMIT)
        """,
    },
}

CLEAN = {
    "DM101": {
        "in a comment": """
            # from myapp.models import User
            # session.query(User).all()
            def upgrade():
                pass
        """,
        "in a text": '''
            """
            from myapp.models import User
            session.query(User)
            """
            def upgrade():
                print("from myapp.models import User")
        ''',
        "a model of its own": """
            from sqlalchemy.orm import declarative_base
            Base = declarative_base()

            class User(Base):
                __tablename__ = "users"
                id = sa.Column(sa.Integer, primary_key=True)

            def upgrade():
                Session(bind=op.get_bind()).query(User).all()
        """,
        "the session of the app, beside models nobody uses": """
            from myapp.models import User, db

            def upgrade():
                for row in db.session.execute(sa.text("SELECT id FROM users")):
                    print("a User:", row.id)
                db.session.commit()
        """,
        "a constant in a set": """
            from myapp.constants import EVERYONE, Role

            def upgrade():
                seen = set()
                seen.add(EVERYONE)
                seen.add(Role.ADMIN)
        """,
        "another package with such a beginning": """
            from myapp_types import Json

            def upgrade():
                print(sa.select(Json))
        """,
    },
    "DM102": {
        "libraries": """
            import datetime, json, uuid
            import flask
            from sqlalchemy.dialects import postgresql
            from flask_datamigrate import Backfill, frozen

            def upgrade():
                pass
        """,
        "one that is not installed": """
            from not_installed_anywhere import thing

            def upgrade():
                thing()
        """,
        "in a triple-quoted text": '''
            SQL = """
            import myapp
            """

            def upgrade():
                print(SQL)
        ''',
        "a name that only looks like it": """
            myapp = "myapp.models"

            def upgrade():
                print(myapp)
        """,
    },
}
