"""The directive ``command-help``: what each command says with ``--help``."""

from __future__ import annotations

import inspect
import typing as t

import click
from docutils import nodes
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective

from flask_datamigrate.cli import group


class CommandHelp(SphinxDirective):
    """Write a section for each command of this package, in the words of click."""

    def run(self) -> list[nodes.Node]:
        text = "\n".join(
            _section(path, command) for path, command in _commands("flask db", _top())
        )
        self.env.note_dependency(inspect.getfile(group))
        return self.parse_text_to_nodes(text, allow_section_headings=True)


def setup(app: Sphinx) -> dict[str, t.Any]:
    app.add_directive("command-help", CommandHelp)
    return {"parallel_read_safe": True}


def _top() -> click.Group:
    # Without Flask-Migrate's group beneath it: only what is ours.
    return group.LazyGroup("db", lazy=group._DB)


def _commands(path: str, parent: click.Group) -> t.Iterator[tuple[str, click.Command]]:
    context = click.Context(parent)
    for name in parent.list_commands(context):
        command = parent.get_command(context, name)
        assert command is not None
        if isinstance(command, click.Group):
            yield from _commands(f"{path} {name}", command)
        else:
            yield f"{path} {name}", command


def _section(path: str, command: click.Command) -> str:
    context = click.Context(command, info_name=path, max_content_width=80)
    return f"## `{path}`\n\n```text\n{command.get_help(context)}\n```\n"
