"""`miniseal logout`: forget the credentials for a registry."""

import click

from miniseal.cli import access
from miniseal.cli.outcome import Outcome, Verb

__all__ = ["command"]


@click.command("logout", cls=Verb)
@click.argument("host", metavar="HOST[:PORT]")
def command(host: str) -> Outcome:
    """Forget what the configuration files of docker and podman keep for the registry HOST."""
    from miniseal.registry.remote import login

    given = access.access()
    found = [
        str(path) for path in given.auth_files if login.forget(path, host, given.helper_seconds)
    ]
    lines = tuple(f"logged out of {host}: {place}" for place in found)
    return Outcome(
        result={"host": host, "forgotten": found},
        lines=lines or (f"there was nothing to forget for {host}",),
    )
