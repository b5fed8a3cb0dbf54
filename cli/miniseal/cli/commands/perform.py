"""`miniseal perform`: a part of a release, in a job that cannot sign."""

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from miniseal.cli import building, performing, reporting, scanner
from miniseal.cli import progress as shown
from miniseal.cli.outcome import Outcome, Verb

if TYPE_CHECKING:
    from miniseal.pipeline.handover import Part

__all__ = ["command"]

_PARTS = ("build", "rebuild", "scan")


@click.command("perform", cls=Verb, extra="pipeline")
@click.argument("project", type=click.Path(path_type=Path))
@click.argument("part", type=click.Choice(_PARTS))
@click.option(
    "-o",
    "--output",
    required=True,
    type=click.Path(path_type=Path),
    help="A new folder for the results.",
)
@performing.option
@scanner.options
@building.options
@reporting.options
def command(
    project: Path,
    part: str,
    output: Path,
    performed: tuple[str, ...],
    scanning: scanner.Scanning,
    **options: Any,  # noqa: ANN401 - click's
) -> Outcome:
    """Make PART of a release of PROJECT, and sign nothing.

    build compiles, packs and tests; rebuild compiles and packs, on another machine; scan scans what
    --performed has built. `miniseal release --performed` takes the results of all three.
    """
    from miniseal.cli import workshop  # needs the extra `pipeline`
    from miniseal.pipeline.flow import STEPS
    from miniseal.pipeline.handover import write_part
    from miniseal.pipeline.perform import perform
    from miniseal.pipeline.report.gather import Asked

    if (part == "scan") != bool(performed):
        raise click.UsageError("scan, and nothing else, needs --performed: the build")
    outputs = reporting.taken(options)
    names = [step.name for step in STEPS]
    asked = building.Building(**options)
    with reporting.reported(outputs, project=project, form=asked.progress) as run:
        parts = performing.read(performed)
        settings = scanning.settings(None) if part == "scan" else None
        with (
            shown.view(asked.progress, steps=names, also=(run.recorder,)) as events,
            workshop.open_workshop(project, asked, events) as shop,
        ):
            run.results = shop.results
            run.asked = Asked(
                engine=shop.engine.describe(), part=part, again=reporting.command_line()
            )
            made = asyncio.run(perform(project, shop, part, parts=parts, scan=settings))
        results = write_part(output, made)
    return _outcome(made, output, results)


def _outcome(made: "Part", output: Path, results: str) -> Outcome:
    return Outcome(
        result={
            "part": made.name,
            "app_id": made.app_id,
            "source": made.source,
            "package": made.package,
            "results": results,
        },
        lines=(
            f"{made.name} of {made.app_id}",
            f"  package  {made.package}",
            f"  results  {output}@{results}",
        ),
    )
