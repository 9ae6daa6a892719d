"""index what is searched of bugs

PostgreSQL builds its index beside traffic. On MySQL and MariaDB writes wait for the
first FULLTEXT index of a table. SQLite has its index in a table of its own, which
triggers keep.

Revision ID: 0021
Revises: 0020
Create Date: 2025-02-10 09:00:00
"""

from alembic import op

revision = "0021"
down_revision = "0020"
branch_labels = None
depends_on = None

SQLITE = (
    """
    CREATE VIRTUAL TABLE bugs_search
    USING fts5(search, tokenize = 'unicode61 remove_diacritics 2')
    """,
    """
    CREATE TRIGGER index_bug_words_1 AFTER UPDATE OF id, search ON bugs BEGIN
        DELETE FROM bugs_search WHERE rowid = OLD.id;
        INSERT INTO bugs_search (rowid, search) VALUES (NEW.id, NEW.search);
    END
    """,
    """
    CREATE TRIGGER index_bug_words_2 AFTER DELETE ON bugs BEGIN
        DELETE FROM bugs_search WHERE rowid = OLD.id;
    END
    """,
    "INSERT INTO bugs_search (rowid, search) SELECT id, search FROM bugs",
)


def upgrade():
    dialect = op.get_context().dialect.name
    if dialect == "postgresql":
        op.create_index_online(
            "ix_bugs_search", "bugs", ["search"], postgresql_using="gin"
        )
    elif dialect == "sqlite":
        for statement in SQLITE:
            op.execute(statement)
    else:
        op.execute("CREATE FULLTEXT INDEX ix_bugs_search ON bugs (search)")


def downgrade():
    dialect = op.get_context().dialect.name
    if dialect == "postgresql":
        op.drop_index_online("ix_bugs_search", "bugs")
    elif dialect == "sqlite":
        op.execute("DROP TRIGGER index_bug_words_1")
        op.execute("DROP TRIGGER index_bug_words_2")
        op.execute("DROP TABLE bugs_search")
    else:
        op.drop_index("ix_bugs_search", table_name="bugs")
