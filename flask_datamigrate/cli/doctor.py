"""``flask db data doctor``."""

from __future__ import annotations

import json

import click
from flask import g
from flask.cli import with_appcontext

from ..counting import counted
from ..doctor.findings import LEVELS
from ..doctor.findings import Examination
from ..doctor.findings import Finding
from .options import directory_option

_COLOURS = {"ok": "green", "note": "cyan", "warning": "yellow", "problem": "red"}


@click.command()
@directory_option
@click.option("--json", "as_json", is_flag=True, help="Print a JSON object instead.")
@with_appcontext
def doctor(directory: str | None, as_json: bool) -> None:
    """Look the installation over, and say what mends each finding.

    The libraries and the server, the config, env.py and the revisions, and in each
    database the state tables, the backfills, the migration lock and all that was left
    by something that was cut off. It changes nothing and takes no lock.

    A note is good to know, a warning is better mended, a problem stops something.
    Exits with 0 when there are but notes, with 3 when there is a warning or a problem,
    and with 1 when the migrations or a database cannot be looked at.
    """
    from ..doctor.examine import examine

    found = examine(directory or g.directory)
    if as_json:
        click.echo(json.dumps(_document(found), indent=2))
    else:
        _print(found)
    click.get_current_context().exit(found.exit_code)


def _document(found: Examination) -> dict[str, object]:
    return {
        "exit_code": found.exit_code,
        **{f"{level}s": found.count(level) for level in LEVELS[1:]},
        "findings": [finding.as_json() for finding in found.findings],
    }


def _print(found: Examination) -> None:
    for finding in found.findings:
        level = click.style(f"{finding.level:8}", fg=_COLOURS[finding.level])
        click.echo(f"{level} {_subject(finding)}: {finding.what}")
        if finding.next:
            click.echo(f"{'':8} → {finding.next}")
    counts = ", ".join(
        counted(found.count(level), level) for level in reversed(LEVELS[1:])
    )
    click.echo(f"\n{counts}")


def _subject(finding: Finding) -> str:
    bind = "" if finding.bind is None else f" ({finding.bind})"
    return f"{finding.check}{bind}"
