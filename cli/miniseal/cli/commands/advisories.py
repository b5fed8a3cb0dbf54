"""`miniseal advisories`: a vulnerability database of one's own, for networks without trivy's."""

import time
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory

import click

from miniseal.cli import access
from miniseal.cli.outcome import Outcome, Verb
from miniseal.formats import times

__all__ = ["command"]


@click.group("advisories")
def command() -> None:
    """Advisories, and the databases made from them."""


@command.command("build", cls=Verb, extra="pipeline")
@click.argument("advisories", type=click.Path(path_type=Path))
@click.option("-o", "--output", type=click.Path(path_type=Path), help="The database's folder.")
@click.option("--to", help="A repository for the database as an artifact, as oci:DIR.")
@click.option(
    "--updated",
    type=click.DateTime(["%Y-%m-%dT%H:%M:%SZ"]),
    help="When they were collected, UTC; now by default.",
)
@access.options
def build(
    advisories: Path, output: Path | None, to: str | None, updated: datetime | None
) -> Outcome:
    """Make a database for trivy from the folder ADVISORIES of OSV advisories (`*.json`).

    The same advisories and time give the same bytes.
    """
    from miniseal.cli.workshop import open_target  # needs the extra `pipeline`
    from miniseal.pipeline.trivy import artifact, database

    if output is None and to is None:
        raise click.UsageError("give --output, --to, or both")
    store = open_target(to) if to is not None else None
    moment = time.time() if updated is None else updated.replace(tzinfo=UTC).timestamp()
    with TemporaryDirectory(prefix="miniseal-") as scratch:
        made = database.build(advisories, output or Path(scratch), updated=int(moment))
        pushed = artifact.push(store, made).digest if store is not None else None
    reference = f"{to}@{pushed}" if pushed is not None else None
    places = [str(place) for place in (output, reference) if place is not None]
    return Outcome(
        result={
            "database": str(output) if output is not None else None,
            "reference": reference,
            "digest": made.digest,
            "updated": times.to_text(made.updated),
        },
        lines=tuple(
            f"wrote {place}: {made.digest}, of {times.to_text(made.updated)}" for place in places
        ),
    )
