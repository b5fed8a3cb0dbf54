"""`miniseal push`: content and its evidence from this machine to a registry."""

from typing import Any

import click

from miniseal.cli import copying
from miniseal.cli.outcome import Outcome, Verb
from miniseal.formats.reference import Reference

__all__ = ["command"]


@click.command("push", cls=Verb, extra="registry")
@copying.options
def command(**options: Any) -> Outcome:  # noqa: ANN401 - click's
    """Push SOURCE, a layout or an archive, to the registry at DESTINATION, with its evidence.

    Without a tag at DESTINATION that of SOURCE is taken. What is there is not sent again.
    """
    asked = copying.Copying(**options)
    if Reference.parse(asked.destination).transport != "registry":
        raise click.UsageError("push is for registries; `miniseal copy` goes anywhere")
    return copying.run(asked)
