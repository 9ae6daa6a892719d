"""Options that several commands take."""

from __future__ import annotations

import typing as t

import click

directory_option = click.option(
    "-d", "--directory", help='Migration script directory (default is "migrations")'
)
"""In the words of Flask-Migrate's own commands."""

_Command = t.TypeVar("_Command", bound=t.Callable[..., t.Any])


def place_options(command: _Command) -> _Command:
    """Add the options that say where new revisions go, as ``flask db revision`` has."""
    for option in (
        click.option(
            "--version-path", help="Which of the version locations to write into."
        ),
        click.option("--branch-label", help="A branch label for the new revision."),
        click.option(
            "--splice",
            is_flag=True,
            help="Allow a revision that is no head as the --head.",
        ),
        click.option(
            "--head",
            default="head",
            help="The head revision, or BRANCH@head, to base it on.",
        ),
    ):
        command = option(command)
    return command
