"""`--progress`: how the steps of long work are shown, on stderr."""

import sys

import click

from miniseal.pipeline.events import Events, json_lines, plain_lines

__all__ = ["events", "option"]

option = click.option(
    "--progress",
    type=click.Choice(["plain", "json", "none"]),
    default="plain",
    show_default=True,
    help="How steps are shown on stderr.",
)


def events(form: str) -> Events:
    """Events that go to stderr in this form."""
    if form == "none":
        return Events(lambda _: None)
    return Events(json_lines(sys.stderr) if form == "json" else plain_lines(sys.stderr))
