"""`miniseal attest`: sign a predicate about a published package, and attach it there."""

from pathlib import Path

import click

from miniseal.cli import host
from miniseal.cli.files import read_file
from miniseal.cli.outcome import Outcome, Verb

__all__ = ["command"]


@click.command("attest", cls=Verb, extra="sign")
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
    help="openvex, vulns, cyclonedx, slsaprovenance1, test-result, scai, or a URI.",
)
@click.option(
    "--key",
    envvar="MINISEAL_KEY",
    required=True,
    type=click.Path(path_type=Path),
    help="The private key that signs [env: MINISEAL_KEY].",
)
def command(reference: str, predicate: Path, kind: str, key: Path) -> Outcome:
    """Sign a statement about the package at REFERENCE, and about nothing else, and attach it."""
    from miniseal.attestations import FileSigner  # needs the extra `sign`
    from miniseal.pipeline.attest import attest, predicate_of, type_of

    predicate_type = type_of(kind)
    said = predicate_of(read_file(predicate), predicate_type)
    signer = FileSigner.load(key)
    store, name = host.open_source(reference)
    done = attest(store, name, predicate_type, said, signer)
    return Outcome(
        result={
            "app_id": done.app_id,
            "package": done.package.digest,
            "predicate_type": done.predicate_type,
            "bundle": done.bundle,
            "referrer": done.referrer.digest,
            **signer.identity.to_json(),
        },
        lines=(
            f"{done.app_id}: attached {done.predicate_type}",
            f"  package  {done.package.digest}",
            f"  bundle   {done.bundle}",
        ),
    )
