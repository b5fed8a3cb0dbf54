"""`miniseal sign`: put a name to a published package, and say nothing else about it."""

import click

from miniseal.cli import access, attesting, host
from miniseal.cli.outcome import Outcome, Verb
from miniseal.cli.signing import Signing, signing_options

__all__ = ["command"]


@click.command("sign", cls=Verb)
@click.argument("reference")
@signing_options
@access.options
def command(reference: str, signing: Signing) -> Outcome:
    """Sign the package at REFERENCE as `cosign sign` does, and attach the signature.

    A policy can demand what a statement says; a bare signature says nothing, and no requirement
    asks for one. It is for those who verify with `cosign verify`.
    """
    from miniseal.pipeline.attest import SIGNATURE_TYPE, attest  # slow

    signer = signing.signer()
    store, name = host.open_source(reference)
    return attesting.outcome(attest(store, name, SIGNATURE_TYPE, {}, signer), signer, "signed")
