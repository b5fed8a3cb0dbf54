"""`miniseal build`: from source to a package in a store, unsigned."""

import asyncio
from pathlib import Path
from typing import Any

import click

from miniseal.cli import access, building
from miniseal.cli import progress as shown
from miniseal.cli.outcome import Outcome, Verb
from miniseal.formats.oci import Descriptor
from miniseal.formats.reference import Reference

__all__ = ["command"]


@click.command("build", cls=Verb, extra="pipeline")
@click.argument("project", default=".", type=click.Path(path_type=Path))
@click.option("-o", "--output", "reference", required=True, help="Where the package goes: oci:DIR.")
@access.options
@building.options
def command(project: Path, reference: str, **options: Any) -> Outcome:  # noqa: ANN401 - click's
    """Build PROJECT and write its package, wasm artifact and image to a store, without a tag."""
    from miniseal.cli import workshop  # needs the extra `pipeline`
    from miniseal.pipeline.flow.make import STEPS
    from miniseal.pipeline.release import make
    from miniseal.pipeline.steps import publish

    asked = building.Building(**options)
    store = workshop.open_target(reference)
    with (
        shown.view(asked.progress, steps=[step.name for step in STEPS]) as events,
        workshop.open_workshop(project, asked, events) as shop,
    ):
        packed = asyncio.run(make(project, shop))
    publish.push(store, packed)
    return Outcome(
        result={**workshop.packed_result(packed), "reference": reference},
        lines=(
            *workshop.packed_lines(packed, tagged=False),
            f"next: miniseal inspect {_by_digest(reference, packed.package.descriptor)}",
        ),
    )


def _by_digest(reference: str, package: Descriptor) -> Reference:
    return Reference.parse(reference).at(digest=package.digest)
