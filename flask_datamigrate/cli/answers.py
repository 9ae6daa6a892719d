"""What is said of the backfills that a name means, and that have ended."""

from __future__ import annotations

import typing as t

import click

from ..backfill.states import State

if t.TYPE_CHECKING:
    from ..upgrading.ordering import Answer


def live(answers: t.Iterable[Answer]) -> t.Iterator[Answer]:
    """Yield the answers of backfills that go on, and say which were passed over."""
    for answer in answers:
        if answer.is_passed_over:
            say_ended(answer.name, answer.state)
        else:
            yield answer


def say_ended(name: str, state: State) -> None:
    """Say that nothing was asked of a backfill."""
    click.echo(f"{name}: passed over, it is {state.value} already.", err=True)
