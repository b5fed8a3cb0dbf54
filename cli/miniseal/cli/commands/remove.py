"""`miniseal remove`: take a program out of a host; its highest version code is kept."""

from pathlib import Path

import click

from miniseal.cli import host
from miniseal.cli.outcome import Outcome, Verb
from miniseal.verifier import Verifier

__all__ = ["command"]


@click.command("remove", cls=Verb)
@click.argument("app_id")
@host.policy_option
@host.state_option
def command(app_id: str, policy: Path, state: Path) -> Outcome:
    """Remove APP_ID; an older version still cannot be installed afterwards."""
    Verifier.open(policy, state=state).remove(app_id)
    return Outcome(result={"app_id": app_id}, lines=(f"{app_id}: removed",))
