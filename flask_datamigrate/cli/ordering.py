"""``flask db data pause``, ``resume`` and ``tune``."""

from __future__ import annotations

import math
import typing as t

import click
from flask import g
from flask.cli import with_appcontext

from ..accepted import MOST_ROWS
from ..backfill.states import State
from .answers import live
from .options import directory_option

_NAMES = click.argument("names", nargs=-1, required=True, metavar="NAME...")

_DAY = 86_400


class _Seconds(click.FloatRange):
    """A number of seconds: of a range, and a number."""

    def convert(
        self, value: t.Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> t.Any:
        seconds = super().convert(value, param, ctx)
        if math.isnan(seconds):
            self.fail(f"{value} is no number of seconds.", param, ctx)
        return seconds


@click.command()
@directory_option
@_NAMES
@with_appcontext
def pause(directory: str | None, names: tuple[str, ...]) -> None:
    """Pause backfills, wherever they run.

    A NAME is that of a backfill or of its revision, whose finished ones are passed
    over. The process that runs it, here or
    on another host, finishes its batch, saves, and exits with 3. Until `flask db data
    resume NAME`, nobody goes on with it: not `flask db data run`, not `flask db
    upgrade`.
    """
    from ..upgrading import ordering

    for answer in live(ordering.pause(directory or g.directory, names)):
        if not answer.changed:
            what = "was paused already"
        elif answer.runner and answer.state is State.VERIFYING:
            what = f"the check of {answer.runner} runs to its end first"
        elif answer.runner:
            what = f"{answer.runner} stops after the batch at hand"
        else:
            what = f"paused; it is {answer.state.value}, nobody runs it"
        click.echo(
            f"{answer.name}: {what}. To go on: flask db data resume {answer.name}",
            err=True,
        )


@click.command()
@directory_option
@click.option("--run", "run_now", is_flag=True, help="Go on with it right here.")
@_NAMES
@with_appcontext
def resume(directory: str | None, run_now: bool, names: tuple[str, ...]) -> None:
    """Take the pause of backfills away.

    It runs nothing unless you say --run: who runs the backfill may be another host,
    whose next `flask db data run` or `flask db upgrade` goes on with it. An undo that
    was paused goes on as one.
    """
    from ..upgrading import ordering
    from .run import go_on

    answers = ordering.resume(directory or g.directory, names)
    for answer in live(answers):
        what = "resumed" if answer.changed else "no operator had paused it"
        how = f"Go on with: {answer.goes_on}"
        if answer.runner:
            how = f"{answer.runner} is running it"
        click.echo(f"{answer.name}: {what}. {how}", err=True)
    if run_now:
        go_on(directory, answers)


@click.command()
@directory_option
@click.option(
    "--batch-size",
    type=click.IntRange(1, MOST_ROWS),
    metavar="ROWS",
    help="The most rows a batch may have.",
)
@click.option(
    "--target",
    type=_Seconds(0, _DAY, min_open=True),
    metavar="SECONDS",
    help="How long a batch should take.",
)
@click.option(
    "--pause",
    type=_Seconds(0, _DAY),
    metavar="SECONDS",
    help="How long to rest after each batch.",
)
@click.option("--reset", is_flag=True, help="Go back to the app's settings.")
@_NAMES
@with_appcontext
def tune(
    directory: str | None,
    batch_size: int | None,
    target: float | None,
    pause: float | None,
    reset: bool,
    names: tuple[str, ...],
) -> None:
    """Change the pace of backfills while they run.

    Whoever runs them, here or on another host, takes it up between two batches. It
    holds until the backfill ends, or until --reset.

    \b
      flask db data tune r2 --batch-size 500 --pause 0.2
    """
    from ..upgrading import ordering

    asked = {
        "batch_size": batch_size,
        "target_seconds": target,
        "pause_seconds": pause,
    }
    values = {key: value for key, value in asked.items() if reset or value is not None}
    if not values:
        raise click.UsageError("Say what: --batch-size, --target, --pause or --reset.")
    is_tuned = any(value is not None for value in values.values())
    what = "tuned" if is_tuned else "back to the app's settings"
    for answer in live(ordering.tune(directory or g.directory, names, **values)):
        when = "from its next run on"
        if answer.runner:
            when = f"{answer.runner} takes it up after the batch at hand"
        click.echo(f"{answer.name}: {what}, {when}.", err=True)
