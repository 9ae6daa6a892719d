"""``flask db data run``, ``retry``, ``verify``, ``accept``, ``undo``, ``cancel``."""

from __future__ import annotations

import time
import typing as t

import click
from flask import g
from flask.cli import with_appcontext

from ..backfill import headcount
from ..backfill.states import State
from . import lines
from .answers import say_ended
from .duration import in_seconds
from .failures import not_begun
from .interrupts import stopping
from .options import directory_option
from .progress import reporter

if t.TYPE_CHECKING:
    from ..upgrading.ordering import Answer


@click.command()
@directory_option
@click.option(
    "--max-duration",
    callback=in_seconds,
    metavar="TIME",
    help="Stop after the batch at hand when so much time is over: 90s, 30m, 2h.",
)
@click.option(
    "--workers",
    type=click.IntRange(1, headcount.MOST),
    metavar="N",
    help="How many threads of this process work on each backfill at once. "
    "Default: its own workers=, else 1.",
)
@click.option(
    "--anew",
    is_flag=True,
    help="Begin a cancelled backfill anew although it had changed rows, which may be "
    "changed once more then.",
)
@lines.json_option
@click.argument("names", nargs=-1, metavar="[NAME]...")
@with_appcontext
def run(
    directory: str | None,
    max_duration: float | None,
    workers: int | None,
    anew: bool,
    as_json: bool,
    names: tuple[str, ...],
) -> None:
    """Run deferred backfills, or go on with stopped ones.

    Without a NAME, all that `flask db upgrade` has registered and that are not
    finished. The app may go on serving meanwhile. Ctrl-C stops after the batch at
    hand; the same command goes on from there.

    They run in the order of their revisions. One that fails keeps those after it from
    their turn, since they may rely on it, and the message names them. One that is
    paused, or has left rows out, keeps none.

    On PostgreSQL, MySQL and MariaDB several processes, on several hosts, may run this
    at once: they share the work, and take over what one leaves that dies.

    It exits with 3 when work is left: an operator paused a backfill, the time of
    --max-duration is over, rows were refused with on_row_error="skip", or no file
    defines a backfill any more.
    """
    if anew and not names:
        raise click.UsageError("Say which: --anew NAME.")
    run_named(directory, names, max_duration, as_json, workers, anew)


@click.command()
@directory_option
@click.option(
    "--refused",
    is_flag=True,
    help="Accept instead that the rows it could not change stay as they are.",
)
@click.argument("name")
@with_appcontext
def accept(directory: str | None, refused: bool, name: str) -> None:
    """Accept the edited definition of a backfill that was begun.

    A backfill whose definition was edited between two runs is refused, since the
    rows done so far were changed by the old one. After `accept`, the rows still to
    come are changed by the new one; those done are not done again.

    With --refused it is the rows that are accepted which on_row_error="skip" has left
    out: `flask db data status` lists them. The backfill is finished by its next run.
    """
    with not_begun():
        from ..upgrading import deferred
    from ..upgrading import ordering

    if refused:
        for answer, count in ordering.accept_refused(directory or g.directory, name):
            if answer.is_passed_over:
                say_ended(answer.name, answer.state)
                continue
            what = f"refused rows accepted: {count:,}" if count else "no row to accept"
            how = f"Go on with: {answer.goes_on}"
            click.echo(f"{answer.name}: {what}. {how}", err=True)
        return
    fingerprint = deferred.accept(directory or g.directory, name)
    if fingerprint is None:
        click.echo(f"{name}: not edited, nothing to accept.", err=True)
        return
    click.echo(
        f"{name}: accepted as {fingerprint}. Go on with the command that was refused.",
        err=True,
    )


@click.command()
@directory_option
@lines.json_option
@click.argument("names", nargs=-1, metavar="[NAME]...")
@with_appcontext
def retry(directory: str | None, as_json: bool, names: tuple[str, ...]) -> None:
    """Go on with failed backfills, from their last commit.

    Without a NAME, with all that have failed, or whose process ended without a word,
    killed or cut off from the database. Mend first what the error says; `flask db data
    status` shows it. Nothing that was committed is done again.
    """
    with not_begun():
        from ..upgrading import deferred

    with lines.errors(as_json), stopping() as stop:
        reports = deferred.retry(
            directory or g.directory, names, reporter(as_json), stop
        )
    if not reports and not as_json:
        click.echo("No backfill has failed. See: flask db data status", err=True)


@click.command()
@directory_option
@click.argument("names", nargs=-1, metavar="[NAME]...")
@with_appcontext
def verify(directory: str | None, names: tuple[str, ...]) -> None:
    """Make the check of finished backfills again, over the rows of today.

    Without a NAME, of all that are finished. It reads the whole table and changes
    nothing. It exits with 1 when a check does not hold.
    """
    with not_begun():
        from ..upgrading import deferred

    checked = False
    for line in deferred.verify(directory or g.directory, names):
        checked = True
        click.echo(line, err=True)
    if not checked:
        click.echo("No backfill is finished. See: flask db data status", err=True)


@click.command()
@directory_option
@click.argument("names", nargs=-1, required=True, metavar="NAME...")
@with_appcontext
def undo(directory: str | None, names: tuple[str, ...]) -> None:
    """Restore the rows of backfills that were begun and whose revision is not applied.

    A backfill needs undo=True. When its revision is applied, `flask db downgrade` is
    the way back; but a deferred backfill that was cancelled is undone all the same.
    Of several the last one is undone first. Ctrl-C stops after the batch at hand; the
    same command goes on from there.
    """
    with not_begun():
        from ..upgrading import deferred

    with stopping() as stop:
        deferred.undo(directory or g.directory, names, reporter(), stop)


@click.command()
@directory_option
@click.argument("names", nargs=-1, required=True, metavar="NAME...")
@with_appcontext
def cancel(directory: str | None, names: tuple[str, ...]) -> None:
    """Give backfills up; the rows they have changed stay changed.

    Of one that is being undone, the rows restored so far stay restored.

    A NAME is that of a backfill or of its revision, whose finished ones are passed
    over. One that runs, here or on another host, finishes its batch first. A later
    `flask db upgrade` to its revision begins it anew, from the first row, and so does
    `flask db data run NAME` where its revision is applied; if rows that it has changed
    may be changed twice then, only with --anew.
    """
    with not_begun():
        from ..upgrading import deferred
    from ..upgrading.given_up import rows_now

    given_up, ended = deferred.cancel(directory or g.directory, names)
    for entry in given_up:
        click.echo(f"{entry.name}: cancelled. {rows_now(entry)}", err=True)
    for entry in ended:
        say_ended(entry.name, entry.state)


def go_on(directory: str | None, answers: t.Sequence[Answer]) -> None:
    """Go on with backfills that were paused: with an undo as such, else with the run.

    :param answers: what became of the order to resume them.
    """
    with not_begun():
        from ..upgrading import deferred

    undoing = [a.name for a in answers if a.state is State.UNDOING]
    if undoing:
        with stopping() as stop:
            deferred.go_on_undoing(directory or g.directory, undoing, reporter(), stop)
    others = [a.name for a in answers if not a.is_passed_over and a.name not in undoing]
    if others:
        run_named(directory, tuple(others))


def run_named(
    directory: str | None,
    names: tuple[str, ...],
    max_duration: float | None = None,
    as_json: bool = False,
    workers: int | None = None,
    anew: bool = False,
) -> None:
    """Run backfills, and say what they did.

    :param max_duration: seconds.
    :param workers: of this process; ``None`` for what each backfill says.
    :param anew: whether rows may be changed once more that a cancelled one had changed.
    """
    with not_begun():
        from ..upgrading import deferred
        from ..upgrading import sound

    until = None if max_duration is None else time.monotonic() + max_duration
    with lines.errors(as_json), stopping() as stop:
        sound.warn(directory or g.directory)
        reports = deferred.run(
            directory or g.directory,
            names,
            reporter(as_json),
            stop,
            until=until,
            workers=workers,
            anew=anew,
        )
    if not reports and not as_json:
        click.echo("Nothing to run. See: flask db data status", err=True)
