"""`miniseal pull`: content and its evidence from a registry to this machine."""

from typing import Any

import click

from miniseal.cli import copying
from miniseal.cli.outcome import Outcome, Verb
from miniseal.formats.reference import Reference

__all__ = ["command"]


@click.command("pull", cls=Verb, extra="registry")
@copying.options
def command(**options: Any) -> Outcome:  # noqa: ANN401 - click's
    """Pull SOURCE from a registry into the layout or archive at DESTINATION, with its evidence.

    Without a tag at DESTINATION that of SOURCE is taken. What is there is not fetched again.
    """
    asked = copying.Copying(**options)
    if Reference.parse(asked.source).transport != "registry":
        raise click.UsageError("pull is for registries; `miniseal copy` takes from anywhere")
    return copying.run(asked)
