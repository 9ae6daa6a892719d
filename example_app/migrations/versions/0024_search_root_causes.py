r"""search bugs by the name of their root cause, or by its text

Whoever links a bug to its cause, the backfill of 0026 included, has the words of the
mended name searched. A bug that has no link yet is found by its text, as before.

MySQL and MariaDB run the triggers of a table in the order in which they were made. So
these are new ones, behind those of 0023, which set the link. Each is there before the
one it replaces goes: no write is missed.

Revision ID: 0024
Revises: 0023
Create Date: 2025-03-03 09:10:00
"""

from alembic import op

from flask_datamigrate import snippets as sn

revision = "0024"
down_revision = "0023"
branch_labels = None
depends_on = None
change = "bug_root_cause"
stage = "expand"

POSTGRESQL_FUNCTION = """
    CREATE OR REPLACE FUNCTION keep_bug_words() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        NEW.search = bug_words(NEW.title, {cause});
        RETURN NEW;
    END
    $$
    """
POSTGRESQL_TRIGGER = """
    CREATE OR REPLACE TRIGGER keep_bug_words BEFORE INSERT OR UPDATE OF {columns}
    ON bugs FOR EACH ROW EXECUTE FUNCTION keep_bug_words()
    """
MYSQL_INSERT = r"""
    CREATE TRIGGER {name} BEFORE INSERT ON bugs FOR EACH ROW
    SET NEW.search = CONCAT('q_', REGEXP_REPLACE(REGEXP_REPLACE(
        CONCAT_WS(' ', NEW.title, {cause}), '\\p{{M}}+', ''),
        '[^\\p{{L}}\\p{{N}}]+', ' q_'))
    """
MYSQL_UPDATE = r"""
    CREATE TRIGGER {name} BEFORE UPDATE ON bugs FOR EACH ROW
    IF NOT ({same}) THEN
        SET NEW.search = CONCAT('q_', REGEXP_REPLACE(REGEXP_REPLACE(
            CONCAT_WS(' ', NEW.title, {cause}), '\\p{{M}}+', ''),
            '[^\\p{{L}}\\p{{N}}]+', ' q_'));
    END IF
    """
SQLITE = """
    CREATE TRIGGER {name} AFTER {event} ON bugs BEGIN
        UPDATE bugs SET search = title || ' ' || coalesce({cause}, '')
        WHERE id = NEW.id;
    END
    """

LINKED = "(SELECT name FROM root_causes WHERE id = NEW.root_cause_id)"
# On SQLite the link may have been set since NEW was written.
LINKED_NOW = "(SELECT name FROM root_causes WHERE root_causes.id = root_cause_id)"
SAME = (
    "CAST(NEW.title AS BINARY) <=> CAST(OLD.title AS BINARY) "
    "AND CAST(NEW.root_cause AS BINARY) <=> CAST(OLD.root_cause AS BINARY)"
)
SAME_LINK = "NEW.root_cause_id <=> OLD.root_cause_id"


def upgrade():
    cause = f"coalesce({LINKED}, NEW.root_cause)"
    now = f"coalesce({LINKED_NOW}, root_cause)"
    same = f"{SAME} AND {SAME_LINK}"
    update = "UPDATE OF title, root_cause, root_cause_id"
    op.execute(
        sn.branch(
            postgresql=[
                POSTGRESQL_FUNCTION.format(cause=cause),
                POSTGRESQL_TRIGGER.format(columns="title, root_cause, root_cause_id"),
            ],
            mysql=[
                MYSQL_INSERT.format(name="keep_bug_words_3", cause=cause),
                MYSQL_UPDATE.format(name="keep_bug_words_4", cause=cause, same=same),
                "DROP TRIGGER keep_bug_words_1",
                "DROP TRIGGER keep_bug_words_2",
            ],
            sqlite=[
                SQLITE.format(name="keep_bug_words_3", event="INSERT", cause=now),
                SQLITE.format(name="keep_bug_words_4", event=update, cause=now),
                "DROP TRIGGER keep_bug_words_1",
                "DROP TRIGGER keep_bug_words_2",
            ],
        )
    )


def downgrade():
    cause = "NEW.root_cause"
    update = "UPDATE OF title, root_cause"
    op.execute(
        sn.branch(
            postgresql=[
                POSTGRESQL_FUNCTION.format(cause=cause),
                POSTGRESQL_TRIGGER.format(columns="title, root_cause"),
                # Bugs that were written meanwhile are searched by a mended name.
                "UPDATE bugs SET search = bug_words(title, root_cause) "
                "WHERE root_cause_id IS NOT NULL",
            ],
            mysql=[
                MYSQL_INSERT.format(name="keep_bug_words_1", cause=cause),
                MYSQL_UPDATE.format(name="keep_bug_words_2", cause=cause, same=SAME),
                "DROP TRIGGER keep_bug_words_3",
                "DROP TRIGGER keep_bug_words_4",
                r"""
                UPDATE bugs SET search = CONCAT('q_', REGEXP_REPLACE(REGEXP_REPLACE(
                    CONCAT_WS(' ', title, root_cause), '\\p{M}+', ''),
                    '[^\\p{L}\\p{N}]+', ' q_'))
                WHERE root_cause_id IS NOT NULL
                """,
            ],
            sqlite=[
                SQLITE.format(
                    name="keep_bug_words_1", event="INSERT", cause="NEW.root_cause"
                ),
                SQLITE.format(
                    name="keep_bug_words_2", event=update, cause="NEW.root_cause"
                ),
                "DROP TRIGGER keep_bug_words_3",
                "DROP TRIGGER keep_bug_words_4",
                "UPDATE bugs SET search = title || ' ' || coalesce(root_cause, '') "
                "WHERE root_cause_id IS NOT NULL",
            ],
        )
    )
