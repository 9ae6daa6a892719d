"""Functions that SQLite lacks, in Python.

A connection has them from the first statement that needs one: they are looked for
where the dialect hands a statement to the driver, and only the dialect of an engine
that compiled such a statement looks. An app that uses none pays nothing, a connection
that was open before has them too, and it is the same whoever made the engine: the app,
Alembic, or a test.
"""

from __future__ import annotations

import typing as t

import sqlalchemy as sa

_PREFIX = "datamigrate_"
_READY = "datamigrate_functions"


class Python:
    """A call of a Python function, for SQLite.

    :param function: gets what SQLite hands it: None, a str, an int, a float or
        bytes. Its result depends on nothing else.
    :param arguments: templates.
    """

    def __init__(self, function: t.Callable[..., t.Any], *arguments: str) -> None:
        self.name = _PREFIX + function.__name__.strip("_").lower()
        self.call = f"{self.name}({', '.join(arguments)})"
        self._function = function
        _functions.setdefault(self.name, self)

    def create(self, connection: t.Any) -> None:
        """Let a connection of the driver know the function."""
        connection.create_function(self.name, -1, self._function, deterministic=True)


class PythonAggregate(Python):
    """A call of an aggregate.

    :param function: a class with ``step()`` and ``finalize()``.
    """

    def create(self, connection: t.Any) -> None:
        connection.create_aggregate(self.name, -1, self._function)


_functions: dict[str, Python] = {}


def provide(dialect: sa.Dialect) -> None:
    """Have every connection of a dialect know the functions when it needs them."""
    # Doing this once more changes nothing.
    sa.event.listen(dialect, "do_execute", _before)
    sa.event.listen(dialect, "do_executemany", _before)
    sa.event.listen(dialect, "do_execute_no_params", _before_without)


def _before(cursor: t.Any, statement: str, parameters: t.Any, context: t.Any) -> None:
    _before_without(cursor, statement, context)


def _before_without(cursor: t.Any, statement: str, context: t.Any) -> None:
    if _PREFIX not in statement:
        return
    connection = context.root_connection.connection
    # The pool keeps this with the driver's connection, as long as that lives.
    known = connection.info.setdefault(_READY, set())
    for name in _functions.keys() - known:
        _functions[name].create(connection.dbapi_connection)
        known.add(name)
