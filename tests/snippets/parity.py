"""One meaning on every database: snippets against the same function in Python.

Each :class:`Parity` of :mod:`tests.snippets.cases` has calls of a snippet, the Python
function that says what each must give, and inputs. :class:`Bench` puts inputs into a
table and asks a database for all calls in one statement.

``python -m tests.snippets.parity`` compares all of them on every database and driver,
and prints how many values that were.
"""

from __future__ import annotations

import collections
import contextlib
import dataclasses
import datetime
import decimal
import math
import sys
import typing as t
import uuid

import sqlalchemy as sa
from sqlalchemy.dialects import mysql

from flask_datamigrate import snippets as sn
from tests.databases import Unavailable
from tests.databases import run
from tests.databases.database import Database
from tests.databases.servers import database_on

if t.TYPE_CHECKING:
    from hypothesis.strategies import SearchStrategy

Row: t.TypeAlias = "tuple[t.Any, ...]"

TEXT = sa.Text().with_variant(mysql.LONGTEXT(), "mysql", "mariadb")
"""Text of any length on every database."""

LITERALS = {"datetime": datetime, "Decimal": decimal.Decimal, "UUID": uuid.UUID}
"""What the ``repr`` of a value is made of."""

BACKENDS = (
    ("postgresql", "psycopg2"),
    ("postgresql", "psycopg"),
    ("mysql", "pymysql"),
    ("sqlite", "pysqlite"),
)
"""Each database with each driver."""


@dataclasses.dataclass(frozen=True, slots=True)
class Parity:
    """What a snippet must give.

    :param name: what the snippet is called in ``snippets``.
    :param columns: the columns of a table ``t`` and their types.
    :param calls: the source of each expression over ``t.c``, with ``sa``, ``sn`` and
        :data:`LITERALS` at hand, and the function that gets a row's values and returns
        the result.
    :param inputs: rows.
    :param shown: rows whose results are shown in the documentation.
    :param random: makes more rows.
    :param example: the source that is shown in the documentation; the first of the
        calls unless given.
    :param aggregate: each call takes all rows of a group: those with the same value in
        the first column. Its function gets a list of the rows' other values.
    :param refused: for some calls, the rows that must be an error of the database.
    """

    name: str
    columns: t.Mapping[str, sa.types.TypeEngine[t.Any]]
    calls: t.Mapping[str, t.Callable[..., t.Any]]
    inputs: t.Sequence[Row]
    shown: t.Sequence[Row] = ()
    random: SearchStrategy[Row] | None = None
    example: str = ""
    aggregate: bool = False
    refused: t.Mapping[str, t.Sequence[Row]] = dataclasses.field(default_factory=dict)

    @property
    def source(self) -> str:
        """The call that is shown."""
        return self.example or next(iter(self.calls))

    def table(self) -> sa.Table:
        """Return the table that the calls are about."""
        columns = [sa.Column(name, type_) for name, type_ in self.columns.items()]
        return sa.Table("t", sa.MetaData(), _number(), *columns)

    def expected(self, rows: t.Sequence[Row]) -> list[Row]:
        """Return the results as the functions of the calls say."""
        functions = self.calls.values()
        if not self.aggregate:
            return [tuple(f(*row) for f in functions) for row in rows]
        groups = collections.defaultdict(list)
        for group, *values in rows:
            groups[group].append(tuple(values))
        return [tuple(f(groups[key]) for f in functions) for key in sorted(groups)]


@dataclasses.dataclass(frozen=True, slots=True)
class Difference:
    """A result that is not as it should be."""

    call: str
    input: t.Any
    expected: t.Any
    found: t.Any

    def __str__(self) -> str:
        return (
            f"{self.call}\n  for   {_short(self.input)}\n"
            f"  gives {_short(self.found)}\n  not   {_short(self.expected)}"
        )


class Bench:
    """A table on one database, on which a snippet is tried.

    :param connection: belongs to the bench alone.
    """

    def __init__(self, connection: sa.Connection, parity: Parity) -> None:
        self.parity = parity
        self.compared = 0
        self._connection = connection
        self._table = parity.table()
        self._table.drop(connection, checkfirst=True)
        self._table.create(connection)
        self._statement = self._select()

    def all_differences(self) -> list[Difference]:
        """Compare the results for all inputs, those shown, and those refused."""
        shown = self.parity.shown
        return [
            *self.differences(self.parity.inputs),
            *self.differences(shown),
            *self._accepted(),
        ]

    def differences(self, rows: t.Sequence[Row]) -> list[Difference]:
        """Compare the results for some rows: one statement for all of them."""
        expected = self.parity.expected(rows)
        self.compared += len(expected) * len(self.parity.calls)
        found = self.results(rows)
        assert len(found) == len(expected)
        inputs = rows if not self.parity.aggregate else range(len(expected))
        return [
            Difference(call, row, wanted, given)
            for row, all_wanted, all_given in zip(inputs, expected, found, strict=True)
            for call, wanted, given in zip(
                self.parity.calls, all_wanted, all_given, strict=True
            )
            if not _same(wanted, given)
        ]

    def _accepted(self) -> t.Iterator[Difference]:
        """Return the results for the inputs that were to be refused."""
        for source, rows in self.parity.refused.items():
            statement = sa.select(call(source, self._table)).select_from(self._table)
            for row in rows:
                self.compared += 1
                self._fill([row])
                with contextlib.suppress(sa.exc.DBAPIError):
                    with self._connection.begin_nested():
                        found = self._connection.scalar(statement)
                    yield Difference(source, row, "an error", found)

    def results(self, rows: t.Sequence[Row]) -> list[Row]:
        """Return what the database gives: for each row, the result of each call."""
        self._fill(rows)
        return [tuple(row) for row in self._connection.execute(self._statement)]

    def _fill(self, rows: t.Sequence[Row]) -> None:
        names = list(self.parity.columns)
        values = [
            {"n": n, **dict(zip(names, row, strict=True))} for n, row in enumerate(rows)
        ]
        self._connection.execute(sa.delete(self._table))
        if values:
            self._connection.execute(sa.insert(self._table), values)

    def _select(self) -> sa.Select[t.Any]:
        calls = [call(source, self._table) for source in self.parity.calls]
        if self.parity.aggregate:
            group = list(self._table.c)[1]
            return sa.select(*calls).group_by(group).order_by(group)
        return sa.select(*calls).select_from(self._table).order_by(self._table.c.n)


def call(source: str, table: sa.Table) -> sa.ColumnElement[t.Any]:
    """Return the expression that a line of source stands for."""
    names = {"sa": sa, "sn": sn, "t": table, **LITERALS}
    return t.cast("sa.ColumnElement[t.Any]", eval(source, names))


@contextlib.contextmanager
def bench(database: Database, driver: str, parity: Parity) -> t.Iterator[Bench]:
    """Set a bench up for the time of a ``with`` block."""
    engine = database.engine(driver=driver, poolclass=sa.NullPool)
    with engine.begin() as connection:
        yield Bench(connection, parity)


def _number() -> sa.Column[int]:
    return sa.Column("n", sa.Integer, primary_key=True, autoincrement=False)


def _same(wanted: t.Any, given: t.Any) -> bool:
    if isinstance(wanted, float) and isinstance(given, float):
        return math.isclose(wanted, given, rel_tol=1e-12)
    # 1 and True are equal, and are not the same result.
    return type(wanted) is type(given) and bool(wanted == given)


def _short(value: t.Any) -> str:
    text = ascii(value)
    return text if len(text) <= 200 else f"{text[:200]}… ({len(text)})"


def _main() -> int:
    from .cases import ALL

    print("| database | driver | snippets | calls × inputs | different |")
    print("|---|---|---|---|---|")
    failed = 0
    with (
        run.running() as directory,
        contextlib.closing(run.Servers(directory)) as servers,
    ):
        for name, driver in BACKENDS:
            try:
                server = servers.get(name)
            except Unavailable as error:
                print(f"| {name} | {driver} | none: {error} | | |")
                failed += 1
                continue
            compared = 0
            different: list[Difference] = []
            for parity in ALL:
                with database_on(server) as own, bench(own, driver, parity) as table:
                    different += table.all_differences()
                    compared += table.compared
            names = len({parity.name for parity in ALL})
            print(f"| {name} | {driver} | {names} | {compared} | {len(different)} |")
            for difference in different:
                print(difference, file=sys.stderr)
            failed += len(different)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(_main())
