"""`miniseal summary`: what a host says of its own admissions, and the key that it says it with."""

from pathlib import Path

import click

from miniseal.cli import host
from miniseal.cli.files import write_file
from miniseal.cli.outcome import Outcome, Verb
from miniseal.formats.bundle import Bundle
from miniseal.formats.digest import sha256
from miniseal.formats.predicates.vsa import Vsa
from miniseal.formats.statement import Statement
from miniseal.verifier.host.reader import StateReader
from miniseal.verifier.host.summary import HostKey, read_summary, verifier_id

__all__ = ["command"]


@click.group("summary")
def command() -> None:
    """A host's own verification summaries."""


@command.command("show", cls=Verb)
@click.argument("app_id")
@host.state_option
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path),
    help="Write the signed summary, a Sigstore bundle, to this file.",
)
def show(app_id: str, state: Path, output: Path | None) -> Outcome:
    """Show what the host signed when it admitted APP_ID."""
    data = read_summary(StateReader(str(state)), app_id)
    bundle = Bundle.from_bytes(data)
    statement = Statement.from_bytes(bundle.envelope.payload)
    said = Vsa.from_json(statement.predicate)
    if output is not None:
        write_file(output, data)
    audit = said.audit
    return Outcome(
        result={
            "bundle": sha256(data),
            "key": bundle.key_hint,
            "subject": [subject.to_json() for subject in statement.subjects],
            "predicate": statement.predicate,
        },
        lines=(
            f"{said.resource_uri}: {said.result}, {', '.join(said.levels)}",
            f"  verified {said.verified_on} by {said.verifier_id}",
            f"  bundle   {sha256(data)}",
            *(() if audit is None else (f"  audit    {audit.count}:{audit.head}",)),
        ),
    )


@command.command("key", cls=Verb)
@host.state_option
def key(state: Path) -> Outcome:
    """Show the public key of the host's summaries, and the id that they name the host by."""
    own = HostKey.read(state)
    name = verifier_id(StateReader(str(state)).head().host)
    public = own.public_pem.decode("ascii")
    return Outcome(
        result={"verifier_id": name, "hint": own.hint, "public_key": public},
        lines=(f"verifier {name}", f"hint     {own.hint}", public.rstrip()),
    )
