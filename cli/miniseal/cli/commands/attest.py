"""`miniseal attest`: sign a predicate about a published package, and attach it there."""

from pathlib import Path

import click

from miniseal.cli import access, attesting, host
from miniseal.cli.files import read_file
from miniseal.cli.outcome import Outcome, Verb
from miniseal.cli.signing import Signing, signing_options

__all__ = ["command"]


@click.command("attest", cls=Verb)
@click.argument("reference")
@click.option(
    "--predicate",
    required=True,
    type=click.Path(path_type=Path),
    help="The JSON file with what is to be said.",
)
@click.option(
    "--type",
    "kind",
    required=True,
    help="openvex, vulns, cyclonedx, slsaprovenance1, test-result, scai, link, vsa, or a URI.",
)
@signing_options
@access.options
def command(reference: str, predicate: Path, kind: str, signing: Signing) -> Outcome:
    """Sign a statement about the package at REFERENCE, and about nothing else, and attach it."""
    from miniseal.pipeline.attest import attest, predicate_of, type_of  # slow

    predicate_type = type_of(kind)
    said = predicate_of(read_file(predicate), predicate_type)
    signer = signing.signer()
    store, name = host.open_source(reference)
    done = attest(store, name, predicate_type, said, signer)
    return attesting.outcome(done, signer, f"attached {done.predicate_type}")
