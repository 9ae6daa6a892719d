"""A process that dies behind any statement; the next one goes on from there."""

from __future__ import annotations

import pytest
import sqlalchemy as sa

from tests.operations.ddl import cut
from tests.operations.ddl import cuts
from tests.operations.ddl.conftest import Family

CALLS = {
    "set_not_null": 'op.set_not_null("parents", "name")',
    "a foreign key": (
        'op.add_foreign_key_online("fk_new", "children", "parents", '
        '["parent_id"], ["id"], ondelete="CASCADE")'
    ),
    "a check": 'op.add_check_online("ck_new", "parents", "n > 0")',
}
LEFT_BY_A_BATCH = "_alembic_tmp_"


@pytest.mark.parametrize("name", CALLS)
def test_it_can_be_run_again_from_any_point(family: Family, name: str) -> None:
    family.revision(CALLS[name])
    with (family.project.path / "entry.py").open("a") as entry:
        entry.write(cut.ENTRY)
    cut_off = 0
    while _upgrade(family, 1) == cut.CUT:
        # The next run dies behind the first statement that is left.
        cut_off += 1
        assert cut_off < 10
        assert _count(family) == (10, 10)
        if family.database.name == "sqlite":
            # What a rebuild did not commit is gone; cut it one statement later.
            for number in range(2, 10):
                if _upgrade(family, number) != cut.CUT:
                    break
                assert _count(family) == (10, 10)
            break

    assert cut_off >= 1
    assert family.version == "r2"
    assert _count(family) == (10, 10)
    _assert_done(family, name)


def test_a_downgrade_of_several_can_be_run_again_from_any_point(
    family: Family, form: str
) -> None:
    family.revision(
        'op.add_check_online("ck_new", "parents", "n > 0")\n'
        '    op.set_not_null("parents", "name")\n'
        f"    {CALLS['a foreign key']}",
        'op.drop_foreign_key_online("fk_new", "children")\n'
        '    op.drop_check_online("ck_new", "parents")\n'
        '    op.drop_not_null("parents", "name")',
    )
    family.upgrade()

    def check() -> None:
        parents, children = family.table(), family.table("children")
        names = {c.name for c in (*parents.constraints, *children.constraints)}
        assert not names & {"fk_new", "ck_new"}
        assert parents.c.name.nullable
        assert family.version == "r1"
        assert _count(family) == (10, 10)

    assert cuts.die_anew(family.downgrade, family.upgrade, check) >= 3


def _assert_done(family: Family, name: str) -> None:
    parents, children = family.table(), family.table("children")
    names = {str(c.name) for c in (*parents.constraints, *children.constraints)}
    assert not [name for name in names if "datamigrate" in name]
    assert not [t for t in family.database.tables() if t.startswith(LEFT_BY_A_BATCH)]
    if name == "set_not_null":
        assert not parents.c.name.nullable
    else:
        assert names & {"fk_new", "ck_new"}
    if family.database.name == "postgresql":
        assert (
            family.database.rows(
                "SELECT conname FROM pg_constraint WHERE NOT convalidated"
            )
            == []
        )
    assert isinstance(parents.c.n.type, sa.Integer)


def _count(family: Family) -> tuple[int, int]:
    count = "SELECT count(*) FROM "
    return (
        family.database.scalar(count + "parents"),
        family.database.scalar(count + "children"),
    )


def _upgrade(family: Family, number: int) -> int:
    ran = family.project.run(
        "db", "upgrade", CUT_BEHIND=str(number), FLASK_DATAMIGRATE_ATOMIC_ROWS="5"
    )
    assert ran.code in (0, cut.CUT), ran.err
    return ran.code
