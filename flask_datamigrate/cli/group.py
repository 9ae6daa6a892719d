"""The ``flask db`` group: Flask-Migrate's, with our commands laid over it."""

from __future__ import annotations

import importlib
import typing as t

import click
from flask_migrate.cli import db as stock

from .failures import not_begun
from .failures import reported
from .interrupts import terminable

if t.TYPE_CHECKING:
    from flask import Flask

_DB = {
    "data": "flask_datamigrate.cli.group:data",
    "downgrade": "flask_datamigrate.cli.upgrade:downgrade",
    "migrate": "flask_datamigrate.cli.migrate:migrate",
    "upgrade": "flask_datamigrate.cli.upgrade:upgrade",
}

_DATA = {
    "accept": "flask_datamigrate.cli.run:accept",
    "cancel": "flask_datamigrate.cli.run:cancel",
    "change": "flask_datamigrate.cli.change:change",
    "check": "flask_datamigrate.cli.check:check",
    "doctor": "flask_datamigrate.cli.doctor:doctor",
    "forget": "flask_datamigrate.cli.forget:forget",
    "freeze": "flask_datamigrate.cli.freeze:freeze",
    "lint": "flask_datamigrate.cli.lint:lint",
    "log": "flask_datamigrate.cli.log:log",
    "new": "flask_datamigrate.cli.new:new",
    "pause": "flask_datamigrate.cli.ordering:pause",
    "preview": "flask_datamigrate.cli.preview:preview",
    "resume": "flask_datamigrate.cli.ordering:resume",
    "retry": "flask_datamigrate.cli.run:retry",
    "run": "flask_datamigrate.cli.run:run",
    "status": "flask_datamigrate.cli.status:status",
    "tune": "flask_datamigrate.cli.ordering:tune",
    "undo": "flask_datamigrate.cli.run:undo",
    "verify": "flask_datamigrate.cli.run:verify",
}


class LazyGroup(click.Group):
    """A group whose commands are imported when they are asked for.

    :param lazy: where each command lives, ``"module:attribute"`` by name.
    :param base: a group whose other commands are offered too.
    """

    def __init__(
        self,
        *args: t.Any,
        lazy: t.Mapping[str, str],
        base: click.Group | None = None,
        **kwargs: t.Any,
    ) -> None:
        super().__init__(*args, **kwargs)
        self._lazy = lazy
        self._base = base

    def list_commands(self, ctx: click.Context) -> list[str]:
        names = {*super().list_commands(ctx), *self._lazy}
        if self._base is not None:
            names |= set(self._base.list_commands(ctx))
        return sorted(names)

    def get_command(self, ctx: click.Context, name: str) -> click.Command | None:
        if name in self._lazy:
            path, _, attribute = self._lazy[name].partition(":")
            with not_begun():
                module = importlib.import_module(path)
            command: click.Command = getattr(module, attribute)
            return command
        own = super().get_command(ctx, name)
        if own is None and self._base is not None:
            return self._base.get_command(ctx, name)
        return own

    def invoke(self, ctx: click.Context) -> t.Any:
        with reported(), terminable():
            return super().invoke(ctx)


data = LazyGroup(
    "data",
    lazy=_DATA,
    help="""Write, run and watch data migrations.

    A data migration is a revision that changes rows instead of tables. Write one
    with `new`, fill in its one marked expression, and `flask db upgrade` runs it
    in batches, between the schema revisions around it.
    """,
)


def attach(app: Flask, name: str) -> None:
    """Give an app its ``db`` group: Flask-Migrate's commands, and ours over them.

    The stock group is one object for all apps, so it is read and never changed.

    :param name: the name of the group, ``db`` unless ``command=`` said otherwise.
    """
    group = LazyGroup(
        name,
        lazy=_DB,
        base=stock,
        params=stock.params,
        callback=stock.callback,
        help=stock.help,
    )
    app.cli.add_command(group, name=name)
