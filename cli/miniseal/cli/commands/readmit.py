"""`miniseal readmit`: check an installed program's stored evidence under today's policy."""

from pathlib import Path

import click

from miniseal.cli import host
from miniseal.cli.outcome import Outcome, Verb
from miniseal.verifier import Verifier

__all__ = ["command"]


@click.command("readmit", cls=Verb)
@click.argument("app_id")
@host.policy_option
@host.state_option
def command(app_id: str, policy: Path, state: Path) -> Outcome:
    """Check the stored evidence of APP_ID again, offline, and write a new admission record."""
    admission = Verifier.open(policy, state=state).readmit(app_id)
    return Outcome(result=admission.to_json(), lines=host.admission_lines(admission))
