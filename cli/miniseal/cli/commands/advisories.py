"""`miniseal advisories`: a vulnerability database of one's own, for networks without trivy's."""

import time
from datetime import UTC, datetime
from pathlib import Path

import click

from miniseal.cli.outcome import Outcome, Verb
from miniseal.formats import times

__all__ = ["command"]


@click.group("advisories")
def command() -> None:
    """Advisories, and the databases made from them."""


@command.command("build", cls=Verb, extra="pipeline")
@click.argument("advisories", type=click.Path(path_type=Path))
@click.option(
    "-o", "--output", required=True, type=click.Path(path_type=Path), help="The database's folder."
)
@click.option(
    "--updated",
    type=click.DateTime(["%Y-%m-%dT%H:%M:%SZ"]),
    help="When they were collected, UTC; now by default.",
)
def build(advisories: Path, output: Path, updated: datetime | None) -> Outcome:
    """Make a database for trivy from the folder ADVISORIES of OSV advisories (`*.json`).

    The same advisories and time give the same bytes.
    """
    from miniseal.pipeline.trivy import database  # needs the extra `pipeline`

    moment = time.time() if updated is None else updated.replace(tzinfo=UTC).timestamp()
    made = database.build(advisories, output, updated=int(moment))
    result = {
        "database": str(output),
        "digest": made.digest,
        "updated": times.to_text(made.updated),
    }
    return Outcome(
        result=result, lines=(f"wrote {output}: {made.digest}, of {times.to_text(made.updated)}",)
    )
