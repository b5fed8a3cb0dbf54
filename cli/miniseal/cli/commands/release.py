"""`miniseal release`: the whole pipeline, from source to signed and tagged content in a store."""

import asyncio
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from miniseal.cli import host, releasing, reporting
from miniseal.cli import progress as shown
from miniseal.cli.outcome import Outcome, Verb

if TYPE_CHECKING:
    from miniseal.pipeline.release import Released

__all__ = ["command"]


@click.command("release", cls=Verb, extra="pipeline")
@click.argument("project", default=".", type=click.Path(path_type=Path))
@releasing.options
@reporting.options
def command(project: Path, **options: Any) -> Outcome:  # noqa: ANN401 - click's
    """Release PROJECT: build, test, scan, sign, publish, verify, tag."""
    from miniseal.cli import workshop  # needs the extra `pipeline`
    from miniseal.pipeline.flow import STEPS
    from miniseal.pipeline.release import release
    from miniseal.pipeline.report.gather import Asked
    from miniseal.pipeline.telemetry import spans

    outputs = reporting.taken(options)
    asked, how = releasing.read(options)
    names = [step.name for step in STEPS]
    with reporting.reported(outputs, project=project, form=how.progress) as run:
        given, destination = asked.release(project), asked.destination(project)
        with (
            spans(os.environ, "miniseal release") as sinks,
            shown.view(how.progress, steps=names, also=(run.recorder, *sinks)) as events,
            workshop.open_workshop(project, how, events) as shop,
        ):
            run.results = shop.results
            run.asked = Asked(
                destination=destination,
                signer=given.signer.name,
                own_policy=given.policy is None,
                engine=shop.engine.describe(),
                until=given.until,
                again=reporting.command_line(),
            )
            released = asyncio.run(release(project, shop, given))
            run.held = released.verdict if released and released.unchanged else None
    return _outcome(released, destination)


def _outcome(released: "Released | None", destination: str | None) -> Outcome:
    from miniseal.cli import workshop  # needs the extra `pipeline`

    if released is None:
        return Outcome(result={"published": False}, lines=("stopped before there is a package",))
    verdict = released.verdict
    published = bool(released.tags)
    return Outcome(
        result={
            **workshop.packed_result(released.packed),
            "reference": destination,
            "published": published,
            "tags": list(released.tags),
            "evidence": verdict.to_json()["evidence"] if verdict else [],
            "suppressed": verdict.to_json()["suppressed"] if verdict else [],
            "unchanged": released.unchanged,
        },
        lines=(
            *workshop.packed_lines(released.packed, tagged=published),
            *(("  nothing to do: published with good evidence",) if released.unchanged else ()),
            *(() if published else ("  nothing has a tag",)),
            *(host.suppressed_lines(verdict.suppressed) if verdict else ()),
        ),
    )
