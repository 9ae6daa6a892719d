"""Changes and configs that make no sense: one clear error each."""

from __future__ import annotations

import logging

import pytest

from flask_datamigrate.errors import DataMigrateError
from flask_datamigrate.operations.log import LOGGER

from .conftest import CONTRACT
from .conftest import DEFERRED
from .conftest import EXPAND
from .conftest import MIGRATE
from .conftest import PEOPLE
from .conftest import Split

ONE = pytest.mark.parametrize("database", ["sqlite"], indirect=True)

SECOND = """
change = "initials"
stage = "{stage}"

def upgrade():
    op.alter_column("people", "first_name", type_=sa.String(60))

def downgrade():
    pass
"""


@pytest.mark.parametrize(
    ("bodies", "stages", "message"),
    [
        (
            [PEOPLE, EXPAND.replace('"expand"', '"expnad"')],
            {},
            "revision r2: its stage is 'expnad', which is none of expand, migrate, "
            'contract. Nothing was changed. Write stage = "expand".',
        ),
        (
            [PEOPLE, EXPAND.replace('stage = "expand"', "")],
            {},
            "revision r2: it says change = 'split', and not at which stage",
        ),
        (
            [PEOPLE, EXPAND.replace('change = "split"', "")],
            {},
            "revision r2: it says stage = 'expand', and not of which change",
        ),
        (
            [PEOPLE, CONTRACT],
            {"split": "contract"},
            "change split: revision r2 is its contract, and it has no migrate "
            "revision: nothing would fill the new columns before the old ones go.",
        ),
        (
            [PEOPLE, EXPAND, CONTRACT],
            {},
            "change split: revision r3 is its contract, and the stage between, "
            "migrate, is missing after expand (r2)",
        ),
        (
            [PEOPLE, EXPAND, MIGRATE.replace('"split"', '"splitting"'), CONTRACT],
            {"split": "contract"},
            "change split: revision r4 is its contract, and the stage between, "
            "migrate, is missing after expand (r2)",
        ),
        (
            [PEOPLE, MIGRATE, EXPAND],
            {},
            "change split: revision r2 is of stage migrate, and does not come after "
            "r3 of stage expand.",
        ),
        (
            [PEOPLE, EXPAND, MIGRATE, SECOND.format(stage="expand")],
            {},
            "change initials: it touches column first_name of table people, and so "
            "does change split, which is not contracted before it begins",
        ),
        (
            [PEOPLE, EXPAND],
            {"initials": "expand"},
            'app.config["DATAMIGRATE_STAGES"]: no revision belongs to a change '
            "'initials': there are: split.",
        ),
        (
            [PEOPLE, EXPAND],
            {"split": "migrate"},
            'app.config["DATAMIGRATE_STAGES"]: it says migrate for split, and no '
            "revision here is of that stage (there are: expand).",
        ),
    ],
)
def test_one_clear_error(
    split: Split, bodies: list[str], stages: dict[str, str], message: str
) -> None:
    split.chain(*bodies)
    split.app = split.make_app(DATAMIGRATE_STAGES=stages)
    with pytest.raises(DataMigrateError) as caught:
        split.upgrade()
    assert str(caught.value).startswith(message)
    assert split.database.tables() == []


@ONE
@pytest.mark.parametrize(
    ("bodies", "misspelt"),
    [
        ([PEOPLE, EXPAND, MIGRATE.replace('"split"', '"splitt"'), CONTRACT], "r3"),
        ([PEOPLE, EXPAND, MIGRATE, CONTRACT.replace('"split"', '"splitt"')], "r4"),
        ([PEOPLE, EXPAND.replace('"split"', '"splitt"'), MIGRATE, CONTRACT], "r2"),
    ],
    ids=["migrate", "contract", "expand"],
)
def test_a_misspelt_change_in_a_file_is_named(
    split: Split, bodies: list[str], misspelt: str
) -> None:
    split.chain(*bodies)
    with pytest.raises(DataMigrateError) as caught:
        split.upgrade()
    assert (
        f'Is change "splitt" of {misspelt} a misspelt "split"? Then write '
        'change = "split" there. Or else: '
    ) in str(caught.value)


def test_what_is_wrong_with_revisions_to_come_stops_an_upgrade_alone(
    split: Split,
) -> None:
    split.chain(PEOPLE, EXPAND, DEFERRED)
    split.at("migrate").upgrade()
    split.revision("r4", CONTRACT.replace('"contract"', '"contarct"'), down="r3")
    wrong = "revision r4: its stage is 'contarct', which is none of expand"
    for refused in (("upgrade",), ("data", "check")):
        ran = split.flask("db", *refused)
        assert ran.exit_code == 1 and wrong in ran.output

    warned: list[str] = []

    def note(record: logging.LogRecord) -> bool:
        if record.levelno == logging.WARNING:
            warned.append(record.getMessage())
        return True

    logger = logging.getLogger(LOGGER)
    logger.addFilter(note)
    try:
        for command in (("data", "run"), ("data", "status"), ("downgrade",)):
            warned.clear()
            assert split.flask("db", *command).exit_code == 0
            (said,) = warned
            assert said.startswith(f"flask db upgrade will refuse this: {wrong}")
    finally:
        logger.removeFilter(note)
    assert split.heads == {"r2"}
    query = "SELECT stage, filled FROM datamigrate_changes"
    assert [(s, bool(f)) for s, f in split.database.rows(query)] == [("expand", False)]


@ONE
def test_a_change_may_touch_a_column_when_another_is_over(split: Split) -> None:
    split.chain(PEOPLE, EXPAND, MIGRATE, CONTRACT, SECOND.format(stage="expand"))
    assert split.upgrade("r1").revisions == ("r1",)


@ONE
def test_a_misspelt_stage_in_the_config_is_an_error_at_the_start(split: Split) -> None:
    with pytest.raises(DataMigrateError) as caught:
        split.make_app(DATAMIGRATE_STAGES={"split": "contarct"})
    assert 'For split, did you mean "contract"?' in str(caught.value)


@ONE
def test_so_is_a_misspelt_change(split: Split) -> None:
    split.chain(PEOPLE, EXPAND)
    with pytest.raises(DataMigrateError) as caught:
        split.make_app(DATAMIGRATE_STAGES={"splt": "expand"})
    assert 'no revision belongs to a change "splt"; did you mean "split"?' in str(
        caught.value
    )
    # It may be one that is still to be written.
    split.make_app(DATAMIGRATE_STAGES={"split": "expand", "initials": "expand"})
