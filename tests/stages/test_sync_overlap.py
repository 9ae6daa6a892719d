"""Two syncs of one table: what they may have in common, and what they may not."""

from __future__ import annotations

import pytest

from flask_datamigrate.errors import DataMigrateError
from tests.stages.conftest import Split
from tests.stages.test_sync import EXPAND
from tests.stages.test_sync import FROZEN
from tests.stages.test_sync import PEOPLE
from tests.stages.test_sync import names
from tests.stages.test_sync import triggers
from tests.stages.test_sync import write

MORE = FROZEN.replace(
    'sa.Column("last_name", sa.String(50)),',
    """sa.Column("last_name", sa.String(50)),
    sa.Column("note", sa.String(20)),
    sa.Column("initials", sa.String(50)),
    sa.Column("it's (short)", sa.String(50), key="short"),""",
)

COLUMNS = """
def upgrade():
    op.add_column("people", sa.Column("initials", sa.String(50)))
    op.add_column("people", sa.Column("it's (short)", sa.String(50)))

def downgrade():
    pass
"""

SECOND = """
def upgrade():
    op.create_sync("people", change="{change}".strip(), {sync})

def downgrade():
    op.drop_sync("people", change="{change}")
"""


def second(sync: str, change: str = "initials") -> str:
    """Return a revision of which it shows only when it runs what its change is."""
    return MORE + SECOND.format(change=change, sync=sync)


def refusal(split: Split, body: str, *, expand: str = EXPAND) -> str:
    """Return why the sync of a revision is refused; nothing is changed by it."""
    split.chain(PEOPLE, expand, COLUMNS)
    split.upgrade()
    count = triggers(split)
    split.chain(PEOPLE, expand, COLUMNS, body)
    with pytest.raises(DataMigrateError) as caught:
        split.upgrade()
    assert (split.heads, triggers(split)) == ({"r3"}, count)
    update = "UPDATE people SET full_name = 'Grace Hopper' WHERE id = {id}"
    assert write(split, update, 1) == ("Grace Hopper", "Grace", "Hopper")
    return str(caught.value)


@pytest.mark.parametrize(
    ("sync", "why"),
    [
        (
            'forward={"last_name": sa.func.upper(people.c.initials)}',
            "both set column last_name",
        ),
        (
            'forward={"initials": people.c.note}, '
            'backward={"full_name": people.c.initials}',
            "both set column full_name",
        ),
        (
            'forward={"initials": sa.func.substr(people.c.first_name, 1, 1)}',
            "that one sets column first_name, and this one goes by it",
        ),
        (
            'forward={"initials": sa.literal("x")}, forward_sql=sn.branch('
            'postgresql="NEW.full_name := NEW.note", '
            'mysql="SET NEW.full_name = NEW.note", '
            'sqlite="UPDATE people SET full_name = NEW.note WHERE id = NEW.id"), '
            'backward={"note": people.c.initials}',
            "both set column full_name",
        ),
    ],
)
def test_two_changes_of_one_column_are_refused(
    split: Split, sync: str, why: str
) -> None:
    error = refusal(split, second(sync))
    where = "revision r4, op.create_sync, table people: change initials has a column "
    assert error.startswith(f"{where}in common with change split, whose trigger is ")
    assert f": {why}, and a trigger does not see what another one sets. " in error
    assert "Nothing was changed" in error
    assert (
        'Put it behind the contract of split, in which op.drop_sync("people", '
        'change="split") comes first; or set the columns of both in one op.create_sync'
    ) in error


def test_what_the_files_tell_is_refused_before_anything_is_run(split: Split) -> None:
    column = (
        'def upgrade():\n    op.add_column("people", sa.Column("initials"))\n    op'
    )
    taken = second('forward={"last_name": sa.func.upper(people.c.initials)}')
    taken = taken.replace(".strip()", "").replace("def upgrade():\n    op", column)
    split.chain(PEOPLE, EXPAND, taken)
    with pytest.raises(DataMigrateError) as caught:
        split.upgrade()
    error = str(caught.value)
    assert error.startswith(
        "revision r3, change initials: its op.create_sync sets column last_name of "
        "table people, and so does that of change split in revision r2, which is not "
        "dropped before: each would overwrite what the other has set. Nothing was "
        "changed."
    )
    assert split.database.tables() == []


def test_a_change_that_is_dropped_by_its_variable_is_over(split: Split) -> None:
    over = 'whose = "split"\ndef upgrade():\n    op.drop_sync("people", change=whose)\n'
    taken = second('forward={"last_name": sa.func.upper(people.c.note)}')
    split.chain(PEOPLE, EXPAND, COLUMNS, over, taken.replace(".strip()", ""))
    split.upgrade()
    update = "UPDATE people SET note = 'hopper' WHERE id = {id}"
    assert write(split, update, 1)[-1] == "HOPPER"


def test_what_two_changes_only_go_by_is_no_matter(split: Split) -> None:
    one_way = EXPAND.replace("backward=", "backward={} and ")
    short = 'forward={"initials": sa.func.upper(people.c.full_name)}'
    quoted = """forward={"it's (short)": sa.func.substr(
        people.c.full_name + " first_name = (NEW.first_name := 'SET NEW.last_name')",
        1, 3)}"""
    split.chain(PEOPLE, one_way, COLUMNS, second(short), second(quoted, "short"))
    split.upgrade()
    update = "UPDATE people SET full_name = 'Grace Hopper' WHERE id = {id}"
    assert write(split, update, 1) == ("Grace Hopper", "Grace", "Hopper")
    found = split.database.rows("SELECT * FROM people")
    assert found[0][-2:] == ("GRACE HOPPER", "Gra")
    # Taken back, and done again.
    split.downgrade("r3")
    split.upgrade()


def test_parts_of_a_change_have_columns_of_their_own(split: Split) -> None:
    part = 'part="b", forward={{"initials": sa.func.upper(people.c.{})}}'
    error = refusal(split, second(part.format("first_name"), "split"))
    assert "change split has a column in common with another part of change" in error
    assert "Set the columns of both parts in one op.create_sync" in error
    split.chain(PEOPLE, EXPAND, COLUMNS, second(part.format("note"), "split"))
    split.upgrade()
    split.database.execute("UPDATE people SET note = 'x', last_name = 'Murray'")
    assert names(split, 1) == ("Grace Murray", "Grace", "Murray")


@pytest.mark.parametrize("known", [True, False])
def test_the_name_of_the_other_change_may_have_been_cut(
    split: Split, known: bool
) -> None:
    long = "split_the_full_name_of_all_the_people_in_two"
    expand = EXPAND.replace('change="split"', f'change="{long}"')
    if known:
        expand = expand.replace('change = "split"', f'change = "{long}"')
    overlap = 'forward={"initials": sa.func.upper(people.c.last_name)}'
    error = refusal(split, second(overlap), expand=expand)
    if known:
        assert f"in common with change {long}, whose trigger is datamigrate" in error
    else:
        assert "in common with a change that no revision names, whose tr" in error
        assert "drop its triggers first, by op.drop_sync" in error


def test_a_column_is_free_when_the_first_change_is_over(split: Split) -> None:
    over = 'def upgrade():\n    op.drop_sync("people", change="split")\n'
    taken = 'forward={"last_name": sa.func.upper(people.c.note)}'
    split.chain(PEOPLE, EXPAND, COLUMNS, over, second(taken))
    split.upgrade()
    update = "UPDATE people SET note = 'hopper' WHERE id = {id}"
    assert write(split, update, 1)[-1] == "HOPPER"


@pytest.mark.parametrize("database", ["postgresql"], indirect=True)
def test_two_changes_of_a_table_in_a_schema(split: Split) -> None:
    split.database.execute("CREATE SCHEMA shop")
    first = """
people = frozen.table(
    "people", sa.Column("id", sa.Integer), sa.Column("a", sa.Text),
    sa.Column("b", sa.Text), sa.Column("c", sa.Text), schema="shop",
)

def upgrade():
    op.create_sync("people", change="one", schema="shop", {})
"""
    table = """
def upgrade():
    op.execute("CREATE TABLE {}people (id integer, a text, b text, c text)")
"""
    split.chain(
        table.format("shop."),
        table.format(""),
        first.format('forward={"b": people.c.a}, backward={"a": people.c.b}'),
        # The table of that name in the other schema is another one.
        first.replace(', schema="shop"', "").format('forward={"b": people.c.a}'),
        first.replace('"one"', '"two"').format('forward={"c": people.c.b}'),
    )
    split.upgrade("r4")
    with pytest.raises(DataMigrateError) as caught:
        split.upgrade()
    error = str(caught.value)
    assert "table shop.people: change two has a column in common with cha" in error
    assert 'op.drop_sync("people", change="one", schema="shop") comes first' in error
    assert split.heads == {"r4"}


def test_a_script_is_written_without_a_look_at_the_database(split: Split) -> None:
    overlap = 'forward={"initials": sa.func.upper(people.c.last_name)}'
    split.chain(PEOPLE, EXPAND, COLUMNS, second(overlap))
    shown = split.flask("db", "upgrade", "--sql")
    assert shown.exit_code == 0
    assert "datamigrate_sync_" in shown.output
