"""`--progress`: how the steps of long work are shown, on stderr.

Every form is a sink of the same events. `auto` is the live view for a person at a terminal and
plain lines for anything else.
"""

import os
import sys
from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import TextIO

import click

from miniseal.pipeline.events import Event, Events, Sink, json_lines, plain_lines
from miniseal.pipeline.printable import one_line
from miniseal.pipeline.workflow import inert

__all__ = ["FORMS", "form_for", "option", "view", "warn"]

FORMS = ("auto", "tty", "plain", "github", "json", "none")

_WHOLE = "release"
"""The step of what concerns no step alone."""

option = click.option(
    "--progress",
    type=click.Choice(FORMS),
    default="auto",
    show_default=True,
    help="How steps are shown on stderr: auto is tty on a terminal, github in a workflow of "
    "GitHub Actions, and plain elsewhere.",
)


def form_for(form: str, stream: TextIO | None, environ: Mapping[str, str]) -> str:
    """The form that is meant by `form` here: never `auto`.

    A CI system's log is no terminal, even where it says that it is one. `NO_COLOR` decides about
    colours alone.
    """
    if stream is None:  # as stderr is where it was closed from the start
        return "none"
    if form != "auto":
        return form
    if environ.get("GITHUB_ACTIONS") == "true":
        return "github"
    watched = environ.get("CI", "").lower() in {"", "0", "false"}
    able = environ.get("TERM", "") not in {"", "dumb", "unknown"}
    return "tty" if stream.isatty() and watched and able else "plain"


@contextmanager
def view(form: str, *, steps: Sequence[str] = (), also: Sequence[Sink] = ()) -> Generator[Events]:
    """Events that are shown on stderr in this form while the block runs.

    Args:
        form: one of `FORMS`.
        steps: names in the order in which they are shown; others follow as they come.
        also: more sinks for the same events.
    """
    stream = sys.stderr
    chosen = form_for(form, stream, os.environ)
    if chosen == "tty":
        from miniseal.cli.live import live  # slow, and only a terminal needs it

        with live(stream, steps) as board:
            yield Events(_all(board, *also))
    elif chosen == "github":
        from miniseal.cli.actions import grouped  # few need it

        with grouped(stream) as log:
            yield Events(_all(log, *also))
    else:
        yield Events(_all(_sink(chosen, stream), *also))


def warn(text: str, form: str, told: Events) -> None:
    """Say something about the whole that nobody may miss, in every form."""
    told.emit(_WHOLE, "output", text=f"warning: {text}")
    if form == "none":
        click.echo(f"warning: {text}", err=True)


def _all(*sinks: Sink) -> Sink:
    def sink(event: Event) -> None:
        for each in sinks:
            each(event)

    return sink


def _sink(form: str, stream: TextIO) -> Sink:
    if form == "none":
        return lambda _: None
    if form == "json":
        return json_lines(stream)
    plain = plain_lines(stream)

    def sink(event: Event) -> None:
        if event.step == _WHOLE and event.event == "output":
            stream.write(inert(f"{one_line(str(event.data.get('text', '')))}\n"))
            stream.flush()
            return
        data = {name: _printable(value) for name, value in event.data.items()}
        plain(replace(event, step=one_line(event.step), data=data))

    return sink


def _printable(value: object) -> object:
    """A fact as a terminal may show it; an error stays one, with a code that is ours."""
    return value if isinstance(value, dict) else one_line(str(value))  # pyright: ignore[reportUnknownVariableType]
