"""`miniseal release`: the whole pipeline, from source to signed and tagged content in a store."""

import asyncio
import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from miniseal.cli import progress as shown
from miniseal.cli import releasing
from miniseal.cli.building import Building
from miniseal.cli.files import write_file
from miniseal.cli.outcome import Outcome, Verb
from miniseal.cli.releasing import Releasing
from miniseal.formats.errors import MinisealError

if TYPE_CHECKING:
    from miniseal.pipeline.flow import Job
    from miniseal.pipeline.graph import Step
    from miniseal.pipeline.release import Released
    from miniseal.pipeline.report.gather import Asked
    from miniseal.pipeline.report.recorder import Recorder

__all__ = ["command"]


@click.command("release", cls=Verb, extra="pipeline")
@click.argument("project", default=".", type=click.Path(path_type=Path))
@releasing.options
@click.option(
    "--report",
    "page",
    type=click.Path(path_type=Path),
    help="Write one HTML file about the release, also about one that fails.",
)
def command(project: Path, page: Path | None, **options: Any) -> Outcome:  # noqa: ANN401 - click's
    """Release PROJECT: build, test, scan, sign, publish, verify, tag."""
    from miniseal.pipeline.report.recorder import Recorder  # needs the extra `pipeline`

    asked, how = releasing.read(options)
    return _release(project, asked, how, _Page(path=page, recorder=Recorder()))


def _release(project: Path, asked: Releasing, how: Building, page: "_Page") -> Outcome:
    from miniseal.cli import workshop  # needs the extra `pipeline`
    from miniseal.pipeline.flow import STEPS
    from miniseal.pipeline.release import release
    from miniseal.pipeline.report.gather import Asked
    from miniseal.pipeline.telemetry import spans

    given, destination = asked.release(project), asked.destination(project)
    with (
        spans(os.environ, "miniseal release") as sinks,
        shown.view(
            how.progress, steps=[step.name for step in STEPS], also=(page.recorder, *sinks)
        ) as events,
        workshop.open_workshop(project, how, events) as shop,
    ):
        page.asked = Asked(
            destination=destination,
            signer=given.signer.hint,
            own_policy=given.policy is None,
            engine=shop.engine.describe(),
            until=given.until,
        )
        try:
            released = asyncio.run(release(project, shop, given, results=page.results))
        except MinisealError as error:
            page.write(error=error)
            raise
    page.write(released)
    return _outcome(released, destination)


@dataclass(slots=True, kw_only=True)
class _Page:
    """The page that is to be written, and what is known for it.

    Attributes:
        path: of the page, or None where nobody asked for one.
        recorder: of the events.
        results: what the steps gave.
        asked: what was wanted.
    """

    path: Path | None
    recorder: "Recorder"
    results: "dict[Step[Job, Any], Any]" = field(default_factory=dict[Any, Any])
    asked: "Asked | None" = None

    def write(
        self, released: "Released | None" = None, *, error: MinisealError | None = None
    ) -> None:
        """Write the page, if there is to be one.

        Raises:
            UsageError: `file-unusable`.
        """
        if self.path is None or self.asked is None:
            return
        from miniseal.pipeline.report.gather import gather  # slow, and few ask for it
        from miniseal.pipeline.report.page import render

        held = released.verdict if released and released.unchanged else None
        said = error.to_json() if error else None
        report = gather(self.recorder, self.results, self.asked, held=held, error=said)
        write_file(self.path, render(report).encode("utf-8"))


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
            "unchanged": released.unchanged,
        },
        lines=(
            *workshop.packed_lines(released.packed, tagged=published),
            *(("  nothing to do: published with good evidence",) if released.unchanged else ()),
            *(() if published else ("  nothing is published",)),
        ),
    )
