"""`miniseal release`: the whole pipeline, from source to signed and tagged content in a store."""

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from miniseal.cli import progress as shown
from miniseal.cli import releasing
from miniseal.cli.outcome import Outcome, Verb

if TYPE_CHECKING:
    from miniseal.pipeline.release import Released

__all__ = ["command"]


@click.command("release", cls=Verb, extra="pipeline")
@click.argument("project", default=".", type=click.Path(path_type=Path))
@releasing.options
def command(project: Path, **options: Any) -> Outcome:  # noqa: ANN401 - click's options
    """Release PROJECT: build, test, scan, sign, publish, verify, tag."""
    from miniseal.cli import workshop  # needs the extra `pipeline`
    from miniseal.pipeline.release import release

    asked, how = releasing.read(options)
    given = asked.release(project)
    with shown.view(how.progress) as events, workshop.open_workshop(project, how, events) as shop:
        released = asyncio.run(release(project, shop, given))
    return _outcome(released, asked.destination(project))


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
