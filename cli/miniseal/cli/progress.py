"""`--progress`: how the steps of long work are shown, on stderr."""

import sys

import click

from miniseal.pipeline.events import Events, json_lines, plain_lines

__all__ = ["events", "option", "warn"]

option = click.option(
    "--progress",
    type=click.Choice(["plain", "json", "none"]),
    default="plain",
    show_default=True,
    help="How steps are shown on stderr.",
)


def events(form: str) -> Events:
    """Events that go to stderr in this form."""
    if form == "none" or sys.stderr is None:  # as it is where it was closed from the start
        return Events(lambda _: None)
    return Events(json_lines(sys.stderr) if form == "json" else plain_lines(sys.stderr))


def warn(text: str, form: str, told: Events) -> None:
    """Say something that nobody may miss, on stderr in every form; an event among JSON lines."""
    if form == "json":
        told.emit("release", "output", text=f"warning: {text}")
    else:
        click.echo(f"warning: {text}", err=True)
