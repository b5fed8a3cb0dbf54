"""`miniseal keys`: make a signing key, show what others need to know of one."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from miniseal.cli.outcome import Outcome, Verb
from miniseal.cli.signing import new_password, open_key

if TYPE_CHECKING:
    from miniseal.attestations import KeySigner

__all__ = ["command"]


@click.group("keys")
def command() -> None:
    """Signing keys: in files, on tokens, in key services."""


@command.command("generate", cls=Verb)
@click.argument("path", type=click.Path(path_type=Path))
@click.option(
    "--password",
    "encrypted",
    is_flag=True,
    help="Encrypt it with a password, from MINISEAL_KEY_PASSWORD or asked for on the terminal.",
)
def generate(path: Path, *, encrypted: bool) -> Outcome:
    """Make a P-256 key: PATH (0600) and PATH.pub. Nothing is overwritten."""
    from miniseal.attestations import generate_key  # slow

    password = new_password(f"the password of {path}") if encrypted else None
    return _shown(str(path), generate_key(path, password=password))


@command.command("show", cls=Verb)
@click.argument("key")
def show(key: str) -> Outcome:
    """Show the public key of KEY, a path or a URI, and the hint that bundles carry."""
    return _shown(key, open_key(key, unlock=False))


def _shown(key: str, signer: "KeySigner") -> Outcome:
    public = signer.public_pem.decode("ascii")
    return Outcome(
        result={"key": key, "hint": signer.hint, "public_key": public},
        lines=(f"key   {key}", f"hint  {signer.hint}", public.rstrip()),
    )
