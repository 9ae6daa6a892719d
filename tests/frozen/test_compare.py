from __future__ import annotations

import pytest
import sqlalchemy as sa

from flask_datamigrate import frozen
from flask_datamigrate.errors import DefinitionError
from flask_datamigrate.errors import FrozenMismatchError
from flask_datamigrate.frozen.compare import check
from flask_datamigrate.frozen.compare import check_key

WHERE = "revision 6c55e0560fd4"


def compare(database, table, **options):
    with database.engine().connect() as connection:
        check(connection, table, where=WHERE, **options)


def compare_key(database, table, *names):
    key = [table.c[name] for name in names]
    with database.engine().connect() as connection:
        check_key(connection, table, key, where=WHERE)


def create(database, *columns, name="users", **options):
    table = sa.Table(name, sa.MetaData(), *columns, **options)
    table.create(database.engine())
    return table


def test_a_table_made_of_the_same_types_passes(database):
    def columns():
        return (
            sa.Column("id", sa.Integer, primary_key=True),
            sa.Column("active", sa.Boolean),
            sa.Column("mood", sa.Enum("good", "bad", name="mood")),
            sa.Column("settings", sa.JSON),
            sa.Column("token", sa.Uuid),
            sa.Column("created", sa.DateTime(timezone=True)),
            sa.Column("wait", sa.Interval),
            sa.Column("photo", sa.LargeBinary),
            sa.Column("score", sa.Double),
            sa.Column("pickled", sa.PickleType),
        )

    create(database, *columns())
    compare(database, frozen.table("users", *columns()))


def test_everything_that_differs_is_in_one_error(database):
    create(
        database,
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("full_name", sa.String(100)),
        sa.Column("age", sa.String(20)),
    )
    users = frozen.table(
        "users",
        sa.Column("id", sa.Integer),
        sa.Column("fullname", sa.String(100)),
        sa.Column("age", sa.Integer),
        sa.Column("zzz", sa.Integer),
    )
    with pytest.raises(FrozenMismatchError) as raised:
        compare(database, users)
    message = str(raised.value)
    assert message.startswith(f'{WHERE}: table "users" in the database differs')
    assert 'no column "fullname" (did you mean "full_name"?)' in message
    assert 'column "age" is VARCHAR(20), but declared INTEGER' in message
    assert 'no column "zzz" (it has id, full_name, age)' in message
    assert "Nothing was changed." in message
    assert "`flask db data freeze users`" in message


def test_only_the_columns_asked_for_are_compared(database):
    create(database, sa.Column("id", sa.Integer, primary_key=True))
    users = frozen.table(
        "users", sa.Column("id", sa.Integer), sa.Column("later", sa.Text)
    )
    compare(database, users, columns=["id"])
    with pytest.raises(FrozenMismatchError, match='no column "later"'):
        compare(database, users, columns=["later"])


def test_a_missing_table_names_the_nearest(database):
    create(database, sa.Column("id", sa.Integer, primary_key=True), name="Users")
    with pytest.raises(
        FrozenMismatchError, match='no table "user" .*did you mean "[Uu]sers"'
    ):
        compare(database, frozen.table("user", sa.Column("id", sa.Integer)))


def test_a_missing_schema_is_a_missing_table(database):
    table = frozen.table("users", sa.Column("id", sa.Integer), schema="nowhere")
    with pytest.raises(FrozenMismatchError, match='no table "nowhere.users"'):
        compare(database, table)


def test_reserved_words_and_mixed_case_are_names_like_others(database):
    def columns():
        return (
            sa.Column("Select", sa.Integer, primary_key=True),
            sa.Column("group", sa.String(10)),
            sa.Column("two words % here", sa.Text),
        )

    create(database, *columns(), name="order")
    table = frozen.table("order", *columns())
    compare(database, table)
    compare_key(database, table, "Select")


@pytest.mark.parametrize("database", ["postgresql"], indirect=True)
def test_a_table_in_a_schema_is_found_there(database):
    database.execute('CREATE SCHEMA "Billing"')
    database.execute('CREATE TABLE "Billing".users (id INTEGER PRIMARY KEY)')
    database.execute("CREATE TABLE users (email TEXT)")
    users = frozen.table("users", sa.Column("id", sa.Integer), schema="Billing")
    compare(database, users)
    compare_key(database, users, "id")


@pytest.mark.parametrize("database", ["postgresql"], indirect=True)
def test_case_matters_to_postgresql(database):
    create(database, sa.Column("Id", sa.Integer, primary_key=True))
    with pytest.raises(FrozenMismatchError, match='"id" .did you mean "Id"'):
        compare(database, frozen.table("users", sa.Column("id", sa.Integer)))


@pytest.mark.parametrize("database", ["mysql", "sqlite"], indirect=True)
def test_case_does_not_matter_elsewhere(database):
    create(database, sa.Column("Id", sa.Integer, primary_key=True))
    users = frozen.table("users", sa.Column("id", sa.Integer))
    compare(database, users)
    compare_key(database, users, "id")


def test_a_decorated_type_is_compared_as_it_is_stored_here(database):
    class Guid(sa.types.TypeDecorator):
        impl = sa.CHAR(32)
        cache_ok = True

        def load_dialect_impl(self, dialect):
            uuid = dialect.name == "postgresql"
            return dialect.type_descriptor(sa.UUID() if uuid else sa.CHAR(32))

    create(database, sa.Column("id", Guid, primary_key=True))
    compare(database, frozen.table("users", sa.Column("id", Guid)))


def test_a_view_can_be_compared(database):
    create(database, sa.Column("id", sa.Integer, primary_key=True))
    database.execute("CREATE VIEW people AS SELECT id FROM users")
    compare(database, frozen.table("people", sa.Column("id", sa.Integer)))


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
def test_sqlite_type_names_nobody_knows_pass(database):
    database.execute("CREATE TABLE users (id UUID, a STRING(100), b, c TIMESTAMPTZ)")
    compare(
        database,
        frozen.table(
            "users",
            sa.Column("id", sa.Uuid),
            sa.Column("a", sa.String(100)),
            sa.Column("b", sa.Integer),
            sa.Column("c", sa.DateTime),
        ),
    )


def users_table(*key):
    return frozen.table(
        "users",
        sa.Column("id", sa.Integer, primary_key="id" in key),
        sa.Column("tenant", sa.Integer, primary_key="tenant" in key),
        sa.Column("email", sa.String(50), primary_key="email" in key),
    )


@pytest.fixture
def users(database):
    create(
        database,
        sa.Column("id", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("tenant", sa.Integer, nullable=False),
        sa.Column("email", sa.String(50), nullable=False, unique=True),
        sa.Column("login", sa.String(50), unique=True),
    )


@pytest.mark.usefixtures("users")
@pytest.mark.parametrize("key", [("id",), ("email",), ("tenant", "email"), ("ID",)])
def test_a_unique_key_without_nulls_will_do(database, key):
    if key == ("ID",) and database.name == "postgresql":
        pytest.skip("names have a case there")
    table = frozen.table("users", *(sa.Column(name, sa.Text) for name in key))
    compare_key(database, table, *key)


@pytest.mark.usefixtures("users")
def test_a_declared_primary_key_that_is_none_is_a_mismatch(database):
    with pytest.raises(FrozenMismatchError, match='"tenant" of table "users" is nei'):
        compare_key(database, users_table("tenant"), "tenant")


@pytest.mark.usefixtures("users")
def test_a_key_that_is_not_unique_is_refused_with_those_that_are(database):
    with pytest.raises(DefinitionError) as raised:
        compare_key(database, users_table("id"), "tenant")
    message = str(raised.value)
    assert "`key=['id']` or `key=['email']`" in message
    assert "login" not in message
    assert "Nothing was changed" in message


@pytest.mark.usefixtures("users")
def test_a_unique_key_that_can_be_null_is_refused(database):
    table = frozen.table("users", sa.Column("login", sa.String(50)))
    with pytest.raises(DefinitionError, match='column "login" .* can be NULL'):
        compare_key(database, table, "login")


@pytest.mark.usefixtures("users")
def test_a_key_column_that_is_missing_is_a_mismatch(database):
    table = frozen.table("users", sa.Column("emial", sa.String(50)))
    with pytest.raises(FrozenMismatchError, match='did you mean "email"'):
        compare_key(database, table, "emial")


def test_a_table_without_any_key_says_what_to_add(database):
    create(database, sa.Column("id", sa.Integer), sa.Column("tenant", sa.Integer))
    with pytest.raises(DefinitionError, match="add a primary key or a unique constr"):
        compare_key(database, users_table(), "id")


@pytest.mark.parametrize("database", ["postgresql", "sqlite"], indirect=True)
def test_a_unique_index_over_some_rows_only_does_not_count(database):
    database.execute("CREATE TABLE users (id INTEGER NOT NULL, email VARCHAR(50))")
    database.execute("CREATE UNIQUE INDEX few ON users (id) WHERE email IS NULL")
    database.execute("CREATE UNIQUE INDEX lowered ON users (lower(email))")
    table = frozen.table("users", sa.Column("id", sa.Integer))
    with pytest.raises(DefinitionError, match="neither the primary key nor unique"):
        compare_key(database, table, "id")
    database.execute("CREATE UNIQUE INDEX every ON users (id)")
    compare_key(database, table, "id")


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
def test_a_text_primary_key_of_sqlite_is_refused_only_when_it_holds_null(database):
    database.execute("CREATE TABLE users (email TEXT PRIMARY KEY)")
    database.execute("INSERT INTO users VALUES ('a')")
    table = frozen.table("users", sa.Column("email", sa.Text, primary_key=True))
    compare_key(database, table, "email")
    database.execute("INSERT INTO users VALUES (NULL)")
    with pytest.raises(FrozenMismatchError, match='column "email" .* can be NULL'):
        compare_key(database, table, "email")


@pytest.mark.parametrize("database", ["postgresql"], indirect=True)
def test_a_not_null_that_is_not_valid_does_not_make_a_key(database):
    version = "SELECT CAST(current_setting('server_version_num') AS integer)"
    if database.scalar(version) < 180000:
        pytest.skip("NOT NULL is a constraint since PostgreSQL 18")
    database.execute("CREATE TABLE users (email TEXT UNIQUE)")
    database.execute("INSERT INTO users VALUES (NULL)")
    database.execute("ALTER TABLE users ADD CONSTRAINT given NOT NULL email NOT VALID")
    table = frozen.table("users", sa.Column("email", sa.Text))
    with pytest.raises(DefinitionError, match='column "email" .* can be NULL'):
        compare_key(database, table, "email")
    database.execute("DELETE FROM users")
    database.execute("ALTER TABLE users VALIDATE CONSTRAINT given")
    compare_key(database, table, "email")
