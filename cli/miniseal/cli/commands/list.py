"""`miniseal list`: what a host has installed."""

from pathlib import Path

import click

from miniseal.cli import host
from miniseal.cli.outcome import Outcome, Verb
from miniseal.verifier import Verifier

__all__ = ["command"]


@click.command("list", cls=Verb)
@host.policy_option
@host.state_option
def command(policy: Path, state: Path) -> Outcome:
    """List the installed programs, their versions and until when they are admitted."""
    admissions = Verifier.open(policy, state=state).installed()
    lines = tuple(line for admission in admissions for line in host.admission_lines(admission))
    return Outcome(
        result={"programs": [admission.to_json() for admission in admissions]},
        lines=lines or ("nothing is installed",),
    )
