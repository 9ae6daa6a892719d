"""${docstring}

Revision ID: ${up_revision}
Revises:${" " + comma(down_revision) if down_revision else ""}
Create Date: ${create_date}
"""${docstring_end}

% for line in body.imports:
${line}
% endfor

revision = ${literal(up_revision)}
down_revision = ${literal(down_revision)}
branch_labels = ${literal(branch_labels)}
depends_on = ${literal(depends_on)}
% if change:
change = ${literal(change)}
stage = ${literal(stage)}
% endif
% for definition in body.definitions:

${definition.rstrip()}
% endfor


% if functions.binds is None:
def upgrade():
    ${body.upgrade}


def downgrade():
    ${body.downgrade}
% else:
def upgrade(engine_name):
    globals()[f"upgrade_{engine_name}"]()


def downgrade(engine_name):
    globals()[f"downgrade_{engine_name}"]()
% for bind in functions.binds:


def upgrade_${bind}():
    ${body.upgrade if bind == functions.bind else "pass"}


def downgrade_${bind}():
    ${body.downgrade if bind == functions.bind else "pass"}
% endfor
% endif
