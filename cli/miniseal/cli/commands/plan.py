"""`miniseal plan`: what a release would run, sign and publish; nothing of it is done."""

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from miniseal.cli import progress as shown
from miniseal.cli import releasing
from miniseal.cli.outcome import Outcome, Verb

if TYPE_CHECKING:
    from miniseal.pipeline.graph import Planned
    from miniseal.pipeline.release import Release, ReleasePlan

__all__ = ["command"]

_MARKS = {"cached": "cached", "runs": "RUNS", "depends": "may run", "skipped": "-"}


@click.command("plan", cls=Verb, extra="pipeline")
@click.argument("project", default=".", type=click.Path(path_type=Path))
@releasing.options
def command(project: Path, **options: Any) -> Outcome:  # noqa: ANN401 - click's options
    """Show what `miniseal release` with the same options would do to PROJECT, and why."""
    from miniseal.cli import workshop  # needs the extra `pipeline`
    from miniseal.pipeline.release import plan_release

    asked, how = releasing.read(options)
    given = asked.release(project)
    with shown.view(how.progress) as events, workshop.open_workshop(project, how, events) as shop:
        planned = asyncio.run(plan_release(project, shop, given))
    return _outcome(planned, given, asked.destination(project))


def _outcome(planned: "ReleasePlan", given: "Release", destination: str | None) -> Outcome:
    from miniseal.cli import workshop  # needs the extra `pipeline`

    packed = planned.packed
    return Outcome(
        result={
            "steps": [step.to_json() for step in planned.steps],
            "package": workshop.packed_result(packed) if packed else None,
            "unchanged": planned.unchanged,
            "reference": destination,
            "signs": [] if planned.unchanged else list(planned.signs),
            "signer": given.signer.name,
        },
        lines=(
            *(line for step in planned.steps for line in _lines(step)),
            *(workshop.packed_lines(packed) if packed else ("the package is not known yet",)),
            *_signing(planned, given, destination),
        ),
    )


def _lines(step: "Planned") -> tuple[str, ...]:
    needs = f"  after {', '.join(step.needs)}" if step.needs else ""
    head = f"{_MARKS[step.state]:<8} {step.name:<13} {step.does}"
    return (f"{head:<80}{needs}".rstrip(), *(f"{'':<9}  {reason}" for reason in step.why))


def _signing(planned: "ReleasePlan", given: "Release", destination: str | None) -> tuple[str, ...]:
    if planned.unchanged:
        return ("nothing to do: published with good evidence",)
    return (
        f"would sign with {given.signer.name}, and publish to {destination}:",
        *(f"  {kind}" for kind in planned.signs),
    )
