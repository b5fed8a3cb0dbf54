"""`miniseal verify`: every check a host makes at admission, without a host."""

import time
from pathlib import Path

import click

from miniseal.cli import host
from miniseal.cli.outcome import Outcome, Verb
from miniseal.verifier import Policy, verify

__all__ = ["command"]


@click.command("verify", cls=Verb)
@click.argument("reference")
@click.option("--app", "app_id", required=True, help="The app_id that the package must be.")
@host.policy_option
def command(reference: str, app_id: str, policy: Path) -> Outcome:
    """Check the package at REFERENCE as a host would before it installs it."""
    source, name = host.open_source(reference)
    verdict = verify(app_id, source, name, Policy.load(policy), now=time.time())
    return Outcome(result=verdict.to_json(), lines=host.verdict_lines(verdict))
