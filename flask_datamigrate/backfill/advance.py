"""The cursor of a range, moved in the transaction of the rows."""

from __future__ import annotations

import sqlalchemy as sa

from . import keys


class Lost(Exception):
    """The range is not where this runner knew it, or not its own any more.

    What the transaction did is rolled back.
    """


class Advance:
    """The one statement that moves a cursor, in the transaction of the rows.

    It is conditional on the claim, on the number of batches and on the bounds, so that
    it moves a cursor only from where this worker saw it: one that was taken for dead,
    whose last commit came through unnoticed, or who gave the rest of its range to
    another, has its batch rolled back.
    """

    def __init__(
        self,
        table: sa.Table,
        of: tuple[sa.ColumnElement[bool], ...],
        owner: str,
        lease: float,
        now: sa.ColumnElement[float],
    ) -> None:
        added = {
            column: table.c[column]
            + sa.bindparam(f"plus_{column}", type_=table.c[column].type)
            for column in ("changed", "skipped", "visited", "batches", "seconds")
        }
        self._statement = (
            table.update()
            .where(
                *of,
                table.c.owner == owner,
                table.c.batches == sa.bindparam("known_batches", type_=sa.BigInteger()),
                table.c.cuts == sa.bindparam("known_cuts", type_=sa.Integer()),
            )
            .values(
                position=sa.bindparam("to_position", type_=sa.Text()),
                batch_size=sa.bindparam("next_size", type_=sa.Integer()),
                lease_until=now + lease,
                **added,
            )
        )

    def __call__(
        self,
        connection: sa.Connection,
        position: keys.Position,
        *,
        batches: int,
        cuts: int,
        changed: int,
        skipped: int,
        visited: int,
        seconds: float,
        batch_size: int,
    ) -> None:
        """Write the position and the counts.

        :param batches: how many were committed before this one.
        :param cuts: how often the bounds had moved when it was begun.
        :raises Lost: when the claim is another worker's by now, another number of
            batches is committed, or the bounds have moved.
        """
        result = connection.execute(
            self._statement,
            {
                "known_batches": batches,
                "known_cuts": cuts,
                "to_position": keys.encode(position),
                "next_size": batch_size,
                "plus_changed": changed,
                "plus_skipped": skipped,
                "plus_visited": visited,
                "plus_batches": 1,
                "plus_seconds": seconds,
            },
        )
        if not result.rowcount:
            raise Lost
