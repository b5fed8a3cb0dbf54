"""`miniseal keys`: make a signing key, show what others need to know of one."""

from pathlib import Path

import click

from miniseal.cli.outcome import Outcome, Verb

__all__ = ["command"]


@click.group("keys")
def command() -> None:
    """Signing keys on disk."""


@command.command("generate", cls=Verb, extra="sign")
@click.argument("path", type=click.Path(path_type=Path))
def generate(path: Path) -> Outcome:
    """Make a P-256 key: PATH (0600) and PATH.pub. Nothing is overwritten."""
    from miniseal.attestations import generate_key  # needs the extra `sign`

    generate_key(path)
    return _shown(path)


@command.command("show", cls=Verb, extra="sign")
@click.argument("path", type=click.Path(path_type=Path))
def show(path: Path) -> Outcome:
    """Show the public key of the private key PATH, and the hint that bundles carry."""
    return _shown(path)


def _shown(path: Path) -> Outcome:
    from miniseal.attestations import FileSigner  # needs the extra `sign`

    signer = FileSigner.load(path)
    public = signer.public_pem.decode("ascii")
    return Outcome(
        result={"key": str(path), "hint": signer.hint, "public_key": public},
        lines=(f"key   {path}", f"hint  {signer.hint}", public.rstrip()),
    )
