"""`miniseal build`: from source to a package in a store, unsigned."""

import asyncio
import tempfile
from pathlib import Path

import click

from miniseal.cli import progress as shown
from miniseal.cli.outcome import Outcome, Verb
from miniseal.formats.oci import Descriptor
from miniseal.formats.reference import Reference

__all__ = ["command"]


@click.command("build", cls=Verb, extra="pipeline")
@click.argument("project", default=".", type=click.Path(path_type=Path))
@click.option("-o", "--output", "reference", required=True, help="Where the package goes: oci:DIR.")
@click.option(
    "--unsafe-no-isolation",
    is_flag=True,
    help="Let the toolchain reach everything that you can reach on this machine.",
)
@shown.option
def command(project: Path, reference: str, unsafe_no_isolation: bool, progress: str) -> Outcome:
    """Build PROJECT and write its package, wasm artifact and image to a store, without a tag."""
    from miniseal.cli import workshop  # needs the extra `pipeline`
    from miniseal.pipeline.release import make
    from miniseal.pipeline.steps import publish

    store = workshop.open_target(reference)
    events = shown.events(progress)
    if unsafe_no_isolation:
        shown.warn("nothing keeps the toolchain from this machine", progress, events)
    with (
        workshop.engine(isolate=not unsafe_no_isolation) as engine,
        tempfile.TemporaryDirectory() as work,
    ):
        made = asyncio.run(
            make(
                project,
                engine=engine,
                tools=workshop.tool_cache(),
                events=events,
                work=Path(work),
                unsafe_no_isolation=unsafe_no_isolation,
            )
        )
    publish.push(store, made.packed)
    return Outcome(
        result={**workshop.packed_result(made.packed), "reference": reference},
        lines=(
            *workshop.packed_lines(made.packed, tagged=False),
            f"next: miniseal inspect {_by_digest(reference, made.packed.package.descriptor)}",
        ),
    )


def _by_digest(reference: str, package: Descriptor) -> Reference:
    return Reference.parse(reference).at(digest=package.digest)
