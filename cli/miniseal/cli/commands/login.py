"""`miniseal login`: keep credentials for a registry, where docker, podman and oras find them."""

import os
import sys

import click

from miniseal.cli import access
from miniseal.cli.outcome import Outcome, Verb
from miniseal.registry import Credential

__all__ = ["command"]

_LIMIT = 64 * 1024


@click.command("login", cls=Verb, extra="registry")
@click.argument("host", metavar="HOST[:PORT]")
@click.option("--username", "-u", required=True, help="The account.")
@click.option("--password-stdin", is_flag=True, help="Read the password, or a token, from stdin.")
@access.options
def command(host: str, username: str, *, password_stdin: bool) -> Outcome:
    """Try a user and a password with the registry HOST, then keep them.

    They go to the credential helper that docker's configuration file names for HOST, or into that
    file, where they can be read by whoever may read the file.
    """
    from miniseal.registry.remote import login

    credential = Credential(username=username, secret=_secret(host, from_stdin=password_stdin))
    given = access.access()
    login.check(host, credential, given)
    path = access.login_file(os.environ)
    place = login.keep(path, host, credential, given.helper_seconds)
    return Outcome(
        result={"host": host, "username": username, "kept": place},
        lines=(f"logged in to {host} as {username}", f"  kept in {place}"),
    )


def _secret(host: str, *, from_stdin: bool) -> str:
    """The password: never an option, because others see a command line."""
    if from_stdin:
        secret = sys.stdin.read(_LIMIT).rstrip("\r\n")
    elif sys.stdin.isatty():
        secret = click.prompt(f"password for {host}", hide_input=True, err=True)
    else:
        raise click.UsageError("give --password-stdin: there is no terminal to ask on")
    if not secret:
        raise click.UsageError("the password is empty")
    return secret
