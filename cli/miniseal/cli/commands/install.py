"""`miniseal install`: admit a package to a host's state."""

from pathlib import Path

import click

from miniseal.cli import access, host
from miniseal.cli.outcome import Outcome, Verb
from miniseal.verifier import Verifier

__all__ = ["command"]


@click.command("install", cls=Verb)
@click.argument("app_id")
@click.argument("reference")
@host.policy_option
@host.state_option
@access.options
def command(app_id: str, reference: str, policy: Path, state: Path) -> Outcome:
    """Make every check on the package at REFERENCE and admit it as APP_ID."""
    source, name = host.open_source(reference)
    admission = Verifier.open(policy, state=state).install(app_id, source, name)
    return Outcome(result=admission.to_json(), lines=host.admission_lines(admission))
