r"""search bugs by the name of their root cause alone

By now every bug with a cause is linked to it. The text is about to go, and no trigger
may need it. New triggers come before the old ones go, as in 0024.

Revision ID: 0027
Revises: 0026
Create Date: 2025-03-17 09:00:00
"""

from alembic import op

from flask_datamigrate import snippets as sn

revision = "0027"
down_revision = "0026"
branch_labels = None
depends_on = None
change = "bug_root_cause"
stage = "contract"

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
LINKED_NOW = "(SELECT name FROM root_causes WHERE root_causes.id = root_cause_id)"
SAME = (
    "CAST(NEW.title AS BINARY) <=> CAST(OLD.title AS BINARY) "
    "AND NEW.root_cause_id <=> OLD.root_cause_id"
)
SAME_TEXT = "CAST(NEW.root_cause AS BINARY) <=> CAST(OLD.root_cause AS BINARY)"


def upgrade():
    update = "UPDATE OF title, root_cause_id"
    op.execute(
        sn.branch(
            postgresql=[
                POSTGRESQL_FUNCTION.format(cause=LINKED),
                POSTGRESQL_TRIGGER.format(columns="title, root_cause_id"),
            ],
            mysql=[
                MYSQL_INSERT.format(name="keep_bug_words_5", cause=LINKED),
                MYSQL_UPDATE.format(name="keep_bug_words_6", cause=LINKED, same=SAME),
                "DROP TRIGGER keep_bug_words_3",
                "DROP TRIGGER keep_bug_words_4",
            ],
            sqlite=[
                SQLITE.format(
                    name="keep_bug_words_5", event="INSERT", cause=LINKED_NOW
                ),
                SQLITE.format(name="keep_bug_words_6", event=update, cause=LINKED_NOW),
                "DROP TRIGGER keep_bug_words_3",
                "DROP TRIGGER keep_bug_words_4",
            ],
        )
    )


def downgrade():
    cause = f"coalesce({LINKED}, NEW.root_cause)"
    now = f"coalesce({LINKED_NOW}, root_cause)"
    same = f"{SAME} AND {SAME_TEXT}"
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
                "DROP TRIGGER keep_bug_words_5",
                "DROP TRIGGER keep_bug_words_6",
            ],
            sqlite=[
                SQLITE.format(name="keep_bug_words_3", event="INSERT", cause=now),
                SQLITE.format(name="keep_bug_words_4", event=update, cause=now),
                "DROP TRIGGER keep_bug_words_5",
                "DROP TRIGGER keep_bug_words_6",
            ],
        )
    )
