"""One test's database: its URL, and short ways to put things in and look at them."""

from __future__ import annotations

import dataclasses
import typing as t

import sqlalchemy as sa

Parameters = t.Mapping[str, t.Any] | t.Sequence[t.Mapping[str, t.Any]]


@dataclasses.dataclass(slots=True)
class Database:
    """A database that belongs to one test.

    :param name: ``"postgresql"``, ``"mysql"`` (MariaDB too) or ``"sqlite"``.
    :param url: the URL, its driver named.
    """

    name: str
    url: str
    _engines: list[sa.Engine] = dataclasses.field(default_factory=list, repr=False)
    _unpooled: sa.Engine = dataclasses.field(init=False, repr=False)

    def __post_init__(self) -> None:
        # A connection that stayed open would count among those a test looks at.
        self._unpooled = sa.create_engine(self.url, poolclass=sa.NullPool)

    def url_for(self, driver: str) -> str:
        """Return the URL of this database for another driver.

        :param driver: what stands behind the plus sign, as in ``"psycopg"``.
        """
        url = sa.make_url(self.url)
        url = url.set(drivername=f"{url.get_backend_name()}+{driver}")
        return url.render_as_string(hide_password=False)

    def engine(self, *, driver: str | None = None, **options: t.Any) -> sa.Engine:
        """Return a new engine, which is disposed of when the test ends.

        :param driver: another driver than that of :attr:`url`.
        :param options: what :func:`sqlalchemy.create_engine` takes.
        """
        url = self.url if driver is None else self.url_for(driver)
        engine = sa.create_engine(url, **options)
        self._engines.append(engine)
        return engine

    def execute(
        self, statement: str | sa.Executable, parameters: Parameters | None = None
    ) -> None:
        """Run one statement and commit it.

        :param statement: a statement of SQLAlchemy, or SQL. SQL without parameters
            reaches the driver as it stands; with them, it has ``:name`` places.
        :param parameters: one row's values by name, or a list of such.
        """
        self._run(statement, parameters)

    def rows(
        self, statement: str | sa.Executable, parameters: Parameters | None = None
    ) -> list[tuple[t.Any, ...]]:
        """Run one statement as :meth:`execute` does, and return its rows."""
        return self._run(statement, parameters)

    def scalar(
        self, statement: str | sa.Executable, parameters: Parameters | None = None
    ) -> t.Any:
        """Run one statement, and return the first column of its only row."""
        ((value, *_),) = self._run(statement, parameters)
        return value

    def tables(self) -> list[str]:
        """Return the names of the tables, sorted."""
        return sorted(sa.inspect(self._unpooled).get_table_names())

    def close(self) -> None:
        """Dispose of the engines that :meth:`engine` gave out."""
        while self._engines:
            self._engines.pop().dispose()

    def _run(
        self, statement: str | sa.Executable, parameters: Parameters | None
    ) -> list[tuple[t.Any, ...]]:
        with self._unpooled.begin() as connection:
            if isinstance(statement, str) and parameters is None:
                # Colons and percent signs in it are then nobody's placeholders.
                verbatim = connection.execution_options(no_parameters=True)
                result = verbatim.exec_driver_sql(statement)
            else:
                if isinstance(statement, str):
                    statement = sa.text(statement)
                result = connection.execute(statement, parameters)
            return [tuple(row) for row in result] if result.returns_rows else []
