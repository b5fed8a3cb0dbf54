"""`miniseal copy`: content and its evidence from any store to any other."""

from typing import Any

import click

from miniseal.cli import copying
from miniseal.cli.outcome import Outcome, Verb

__all__ = ["command"]


@click.command("copy", cls=Verb)
@copying.options
def command(**options: Any) -> Outcome:  # noqa: ANN401 - click's
    """Copy SOURCE to DESTINATION, with its evidence: registries, layouts and archives alike.

    Without a tag at DESTINATION that of SOURCE is taken. What is there is not sent again.
    """
    return copying.run(copying.Copying(**options))
