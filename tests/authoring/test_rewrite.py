"""``freeze --rewrite``: frozen models for the app's, and the body as it is."""

from __future__ import annotations

import pathlib
import sys
import textwrap
import types

import pytest
import sqlalchemy as sa
from flask import Flask
from flask_sqlalchemy import SQLAlchemy

from flask_datamigrate import DataMigrate
from tests.apps import Project
from tests.databases.database import Database

R1 = """
def upgrade():
    op.create_table(
        "users",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("name", sa.String(50), nullable=False),
        sa.Column("email_address", sa.String(100)),
        sa.Column("kind", sa.String(10)),
    )
    op.create_table(
        "posts",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("title", sa.String(80)),
        sa.Column("user_id", sa.Integer, sa.ForeignKey("users.id")),
    )
"""

LATER = """
def upgrade():
    with op.batch_alter_table("users") as batch:
        batch.add_column(sa.Column("later", sa.Integer))

def downgrade():
    pass
"""


class Blog:
    """An app with models of today, and migrations of before."""

    def __init__(self, path: pathlib.Path, database: Database) -> None:
        self.project = Project(path, database.url).init()
        self.project.revision("r1", R1)
        self.path = self.project.migrations / "versions" / "r2.py"

    def app(self, module: types.ModuleType) -> Flask:
        app = Flask("blog")
        app.config["SQLALCHEMY_DATABASE_URI"] = self.project.url
        db = SQLAlchemy()
        db.init_app(app)
        DataMigrate().init_app(app, db, directory=str(self.project.migrations))
        _models(db, module)
        return app

    def write(self, imports: str, body: str) -> None:
        self.project.revision("r2", "pass", down="r1")
        text = self.path.read_text().replace("\npass", "\n" + textwrap.dedent(body))
        lines = "import sqlalchemy as sa\n"
        self.path.write_text(text.replace(lines, lines + textwrap.dedent(imports), 1))
        self.project.revision("r3", LATER, down="r2")


def _models(db: SQLAlchemy, module: types.ModuleType) -> None:
    class User(db.Model):  # type: ignore[name-defined,misc]
        __tablename__ = "users"
        id = sa.Column(sa.Integer, primary_key=True)
        name = sa.Column(sa.String(50), nullable=False)
        email = sa.Column("email_address", sa.String(100))
        kind = sa.Column(sa.PickleType)
        later = sa.Column(sa.Integer, default=1)
        posts = db.relationship("Post")

        def shout(self) -> str:
            return str(self.name).upper()

    class Post(db.Model):  # type: ignore[name-defined,misc]
        __tablename__ = "posts"
        id = sa.Column(sa.Integer, primary_key=True)
        title = sa.Column(sa.String(80))
        user_id = sa.Column(sa.Integer, sa.ForeignKey("users.id"))

    class Token(db.Model):  # type: ignore[name-defined,misc]
        __tablename__ = "tokens"
        id = sa.Column(sa.Uuid, primary_key=True)
        text = sa.Column(sa.String(40))

    for model in (User, Post, Token):
        model.__module__ = module.__name__
        setattr(module, model.__name__, model)
    module.db = db  # type: ignore[attr-defined]


@pytest.fixture
def blog(
    tmp_path: pathlib.Path, database: Database, monkeypatch: pytest.MonkeyPatch
) -> Blog:
    return Blog(tmp_path, database)


@pytest.fixture
def module(monkeypatch: pytest.MonkeyPatch) -> types.ModuleType:
    package, module = types.ModuleType("blog"), types.ModuleType("blog.models")
    package.__path__ = []
    package.models = module  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "blog", package)
    monkeypatch.setitem(sys.modules, "blog.models", module)
    return module


def rewrite(blog: Blog, module: types.ModuleType, *options: str) -> str:
    arguments = ["db", "data", "freeze", "--rewrite", "r2", *options]
    return blog.app(module).test_cli_runner().invoke(args=arguments).output


SESSION = """
def upgrade():
    # One at a time.
    session = orm.Session(op.get_bind())
    for user in session.query(User).filter(User.name != ''):
        user.email = user.name.lower()   # as it was
    session.execute(sa.update(Post).values(title="é"), {})
    session.execute(Post.__table__.delete().where(Post.__table__.c.user_id == 7))
    session.commit()


def downgrade():
    for user in User.query.filter_by(email="x"): op.execute(str(user.id))
"""


def test_the_body_stays_and_the_imports_become_frozen_models(
    blog: Blog, module: types.ModuleType
) -> None:
    blog.write(
        "from sqlalchemy import orm\nfrom blog.models import User, Post\n", SESSION
    )
    before = blog.path.read_text()
    diff = rewrite(blog, module, "--diff", "--check")
    assert blog.path.read_text() == before
    assert "-from blog.models import User, Post" in diff
    assert "Both send the same SQL: " in diff, diff

    assert "Rewrote " in rewrite(blog, module)
    after = blog.path.read_text()
    assert after.endswith(SESSION)
    assert "blog" not in after
    assert (
        """
User = frozen.model(
    "users",
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("name", sa.String(50)),
    sa.Column("email_address", sa.String(100), key="email"),
)
"""
        in after
    )
    assert '"kind"' not in after and '"later"' not in after


def test_the_rewritten_revision_runs_without_the_app(
    blog: Blog, module: types.ModuleType, database: Database
) -> None:
    blog.write(
        "from sqlalchemy import orm\nfrom blog.models import User, Post\n", SESSION
    )
    rewrite(blog, module)
    project = blog.project
    project.flask("db", "upgrade", "r1")
    database.execute("INSERT INTO users (id, name) VALUES (1, 'Ada')")
    project.flask("db", "upgrade")
    assert database.rows("SELECT email_address FROM users") == [("ada",)]


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
@pytest.mark.parametrize(
    ("imports", "body"),
    [
        (
            "from blog import models\n",
            "def upgrade():\n    op.execute(sa.update(models.User).values(name='x'))\n",
        ),
        (
            "import blog.models as m\nfrom blog.models import db\n",
            "def upgrade():\n    op.execute(sa.delete(m.User))\n    db.String(5)\n",
        ),
        (
            "",
            "def upgrade():\n    from blog.models import User as U\n"
            "    op.execute(sa.update(U).values({U.name: 'x'}))\n",
        ),
    ],
)
def test_other_ways_to_import_a_model(
    blog: Blog, module: types.ModuleType, imports: str, body: str
) -> None:
    blog.write(imports, body)
    output = rewrite(blog, module, "--check")
    assert "Both send the same SQL: 1 statement." in output, output
    assert "blog" not in blog.path.read_text()
    again = rewrite(blog, module)
    assert "it imports no model of the app" in again


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
@pytest.mark.parametrize(
    ("imports", "body", "message"),
    [
        ("from blog.models import *\n", "", "import *` does not say what it brings"),
        ("", "from blog.models import Nobody", "`Nobody` is not among the app's"),
        ("from blog.models import User, db\n", "db.session", "`db.session` is the app"),
        (
            "from blog.models import User\n",
            "User.posts",
            "posts is a relationship",
        ),
        (
            "from blog.models import User\n",
            "for user in User.query: user.shout()",
            "User.shout is code of the model",
        ),
        (
            "from blog.models import User\n",
            "User.nope",
            "no attribute nope any more",
        ),
        ("from blog.models import User\n", "User.kind", "pass through PickleType"),
        (
            "from blog.models import User\n",
            "User(id=1, name='x')",
            "User.later gets its value from the model (default=)",
        ),
        (
            "from blog.models import User\n",
            "User.later",
            "does not have all of the columns later",
        ),
        ("from blog.models import User\n", "User(**{})", "does not say which columns"),
    ],
)
def test_what_cannot_be_frozen_is_named_with_its_line(
    blog: Blog, module: types.ModuleType, imports: str, body: str, message: str
) -> None:
    blog.write(imports, f"def upgrade():\n    {body or 'pass'}\n")
    before = blog.path.read_text()
    output = " ".join(rewrite(blog, module).split())
    assert message in output
    assert "revision r2 (r2.py, line " in output
    assert "Nothing was written" in output
    assert blog.path.read_text() == before


def test_a_uuid_stays_one(blog: Blog, module: types.ModuleType) -> None:
    body = """
        def upgrade():
            session = orm.Session(op.get_bind())
            for token in session.scalars(sa.select(Token)):
                token.text = str(token.id)
            session.flush()
    """
    tokens = """
        def upgrade():
            op.create_table(
                "tokens",
                sa.Column("id", sa.Uuid, primary_key=True),
                sa.Column("text", sa.String(40)),
            )
    """
    blog.write("from sqlalchemy import orm\nfrom blog.models import Token\n", body)
    blog.project.revision("r1", tokens)
    output = rewrite(blog, module, "--check")
    assert "Both send the same SQL: 2 statements" in output, output
    assert 'sa.Column("id", sa.Uuid, primary_key=True)' in blog.path.read_text()


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
def test_a_comment_behind_an_import_takes_its_place(
    blog: Blog, module: types.ModuleType
) -> None:
    blog.write(
        "from blog.models import User  # asked for by the auditors\n",
        """
        def upgrade():
            op.execute(sa.update(User).values(name="x"))


        def downgrade():
            pass
        """,
    )
    assert "Rewrote " in rewrite(blog, module)
    assert "\n# asked for by the auditors\n" in blog.path.read_text()


@pytest.mark.parametrize(
    ("first", "said"),
    [
        (b"# -*- coding: klingon -*-\n", "(r2.py): SyntaxError: unknown encoding"),
        (b"# \xe9\n", "Save it as UTF-8"),
    ],
)
@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
def test_a_script_in_another_encoding_is_named(
    blog: Blog, module: types.ModuleType, first: bytes, said: str
) -> None:
    blog.write("", "def upgrade():\n    pass\n")
    app = blog.app(module)
    blog.path.write_bytes(first + blog.path.read_bytes())
    runner = app.test_cli_runner()
    result = runner.invoke(args=["db", "data", "freeze", "--rewrite", "r2"])
    assert result.exit_code == 1
    assert said in result.output and "line 0" not in result.output
    assert "Traceback" not in result.output


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
def test_a_script_that_is_no_python_is_named(
    blog: Blog, module: types.ModuleType
) -> None:
    blog.write("", "def upgrade():\n    pass\n")
    app = blog.app(module)
    blog.path.write_text(blog.path.read_text() + "\n)\n")
    runner = app.test_cli_runner()
    result = runner.invoke(args=["db", "data", "freeze", "--rewrite", "r2"])
    assert result.exit_code == 1
    assert "r2.py" in result.output and "Traceback" not in result.output
