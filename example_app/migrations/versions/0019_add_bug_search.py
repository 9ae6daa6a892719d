r"""add what is searched of bugs, and let the database keep it

A trigger writes the words of the title and the root cause into one column, whoever
writes the row. They are made so that each database finds the same by the same words:
of letters and digits, without accents, none too short and none too common.

- PostgreSQL: a tsvector of the configuration ``simple``, which knows no language.
  What is no letter becomes a space first: its parser would take ``a.b`` for a host.
- MySQL and MariaDB: ``q_`` stands in front of each word. By itself a FULLTEXT index
  leaves out words of one or two letters and some fifty common ones, and only whoever
  configures the server can change that.
- SQLite: the texts as they are; the tokenizer of 0021 does the rest.

PostgreSQL has ``normalize`` since 13, in databases whose encoding is UTF-8.

Revision ID: 0019
Revises: 0018
Create Date: 2025-02-03 09:00:00
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import mysql
from sqlalchemy.dialects import postgresql

from flask_datamigrate import snippets as sn

revision = "0019"
down_revision = "0018"
branch_labels = None
depends_on = None

words = (
    sa.Text()
    .with_variant(postgresql.TSVECTOR(), "postgresql")
    .with_variant(mysql.LONGTEXT(collation="utf8mb4_unicode_ci"), "mysql", "mariadb")
)

# What is neither a letter nor a digit. A class such as [:alnum:] would depend on the
# locale of the database.
NO_WORD = (
    r"[\u0001-\u002f\u003a-\u0040\u005b-\u0060\u007b-\u00bf\u00d7\u00f7"
    r"\u2000-\u206f\u2190-\u2bff\u3000-\u3004\u3008-\u3030\ufe10-\ufe6f"
    r"\uff00-\uff0f\U0001f000-\U0001faff]+"
)
POSTGRESQL = (
    rf"""
    CREATE FUNCTION bug_words(title text, root_cause text) RETURNS tsvector
    LANGUAGE sql IMMUTABLE AS $$
        SELECT to_tsvector('simple', regexp_replace(regexp_replace(
            normalize(concat_ws(' ', title, root_cause), NFKD),
            '[\u0300-\u036f]', '', 'g'), '{NO_WORD}', ' ', 'g'))
    $$
    """,
    """
    CREATE FUNCTION keep_bug_words() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        NEW.search = bug_words(NEW.title, NEW.root_cause);
        RETURN NEW;
    END
    $$
    """,
    """
    CREATE TRIGGER keep_bug_words BEFORE INSERT OR UPDATE OF title, root_cause
    ON bugs FOR EACH ROW EXECUTE FUNCTION keep_bug_words()
    """,
)
MYSQL_WORDS = r"""
    CONCAT('q_', REGEXP_REPLACE(REGEXP_REPLACE(
        CONCAT_WS(' ', NEW.title, NEW.root_cause), '\\p{M}+', ''),
        '[^\\p{L}\\p{N}]+', ' q_'))
"""
MYSQL = (
    f"""
    CREATE TRIGGER keep_bug_words_1 BEFORE INSERT ON bugs FOR EACH ROW
    SET NEW.search = {MYSQL_WORDS}
    """,
    f"""
    CREATE TRIGGER keep_bug_words_2 BEFORE UPDATE ON bugs FOR EACH ROW
    IF NOT (CAST(NEW.title AS BINARY) <=> CAST(OLD.title AS BINARY)
            AND CAST(NEW.root_cause AS BINARY) <=> CAST(OLD.root_cause AS BINARY))
    THEN SET NEW.search = {MYSQL_WORDS};
    END IF
    """,
)
SQLITE_WORDS = "NEW.title || ' ' || coalesce(NEW.root_cause, '')"
SQLITE = (
    f"""
    CREATE TRIGGER keep_bug_words_1 AFTER INSERT ON bugs BEGIN
        UPDATE bugs SET search = {SQLITE_WORDS} WHERE id = NEW.id;
    END
    """,
    f"""
    CREATE TRIGGER keep_bug_words_2 AFTER UPDATE OF title, root_cause ON bugs BEGIN
        UPDATE bugs SET search = {SQLITE_WORDS} WHERE id = NEW.id;
    END
    """,
)


def upgrade():
    op.add_column("bugs", sa.Column("search", words, nullable=True))
    op.execute(sn.branch(postgresql=POSTGRESQL, mysql=MYSQL, sqlite=SQLITE))


def downgrade():
    op.execute(
        sn.branch(
            postgresql=[
                "DROP TRIGGER keep_bug_words ON bugs",
                "DROP FUNCTION keep_bug_words()",
                "DROP FUNCTION bug_words(text, text)",
            ],
            default=[
                "DROP TRIGGER keep_bug_words_1",
                "DROP TRIGGER keep_bug_words_2",
            ],
        )
    )
    op.drop_column("bugs", "search")
