"""The mishaps of the page on troubleshooting that triggers of a change have."""

from __future__ import annotations

from tests.docs.scenarios import FUNCTIONS
from tests.docs.scenarios import LOWER
from tests.docs.scenarios import USERS
from tests.docs.scenarios import Scene
from tests.docs.scenarios import scenario
from tests.docs.scenarios_lint import SCENARIOS as SCENARIOS

SYNC = """
def upgrade():
    op.create_sync(
        "users",
        change="{change}",
        forward={{"email_lower": sa.func.lower(users.c.email)}},
        backward={{"email": users.c.email_lower}},
    )

def downgrade():
    op.drop_sync("users", change="{change}")
"""
DROP = """
change = "lower_emails"
stage = "contract"

def upgrade():
    op.drop_sync("users", change="lower_emails")
"""


@scenario
def syncs_overlap(scene: Scene) -> None:
    scene.revision(USERS + SYNC.format(change="lower_emails"))
    second = USERS + SYNC.format(change="fold_emails")
    scene.project.revision("c3", second, down="b2")
    scene.upgrade()


@scenario
def triggers_gone(scene: Scene) -> None:
    expand = 'change = "lower_emails"\nstage = "expand"\n'
    scene.revision(expand + USERS + SYNC.format(change="lower_emails"))
    migrate = f"{USERS}{LOWER}{FUNCTIONS}".replace("deferred=True", "name='fill'")
    scene.project.revision("c3", migrate, down="b2")
    scene.project.revision("d4", DROP, down="c3")
    scene.upgrade(DATAMIGRATE_STAGES={"lower_emails": "migrate"})
    for event in ("insert_new", "insert_old", "update_new", "update_old"):
        name = f"datamigrate_sync_f13dcdab_lower_emails_users_{event}"
        scene.execute(f"DROP TRIGGER {name}")
    scene.upgrade(DATAMIGRATE_STAGES={"lower_emails": "contract"})
