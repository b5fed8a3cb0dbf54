"""`miniseal release`: the whole pipeline, from source to signed and tagged content in a store."""

import asyncio
import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from miniseal.cli import progress as shown
from miniseal.cli import scanner
from miniseal.cli.files import read_file
from miniseal.cli.outcome import Outcome, Verb

if TYPE_CHECKING:
    from miniseal.pipeline.release import Released

__all__ = ["command"]


@click.command("release", cls=Verb, extra="pipeline")
@click.argument("project", default=".", type=click.Path(path_type=Path))
@click.option("--to", help="The repository to publish to; [publish] to by default.")
@click.option(
    "--key",
    envvar="MINISEAL_KEY",
    required=True,
    type=click.Path(path_type=Path),
    help="The private key that signs [env: MINISEAL_KEY].",
)
@click.option(
    "--policy",
    type=click.Path(path_type=Path),
    help="A platform's policy that the release must satisfy before it is tagged.",
)
@scanner.trivy_option
@scanner.database_option
@click.option(
    "--max-database-age",
    "max_age",
    default=7,
    show_default=True,
    type=click.IntRange(1, 3650),
    help="Days since the vulnerability database was made.",
)
@click.option("--resign", is_flag=True, help="Sign again what is published already.")
@click.option(
    "--unsafe-no-isolation",
    is_flag=True,
    help="Sign although the toolchain is not isolated; as another builder.",
)
@shown.option
def command(**options: Any) -> Outcome:  # noqa: ANN401 - click's options, by their names
    """Release PROJECT: build, test, scan, sign, publish, verify, tag."""
    return _release(_Options(**options))


@dataclass(frozen=True, slots=True, kw_only=True)
class _Options:
    """The command line, one member per option."""

    project: Path
    to: str | None
    key: Path
    policy: Path | None
    trivy: Path | None
    database: Path | None
    max_age: int
    resign: bool
    unsafe_no_isolation: bool
    progress: str


def _release(options: _Options) -> Outcome:
    from miniseal.attestations import FileSigner  # needs the extra `pipeline`
    from miniseal.cli import workshop
    from miniseal.pipeline.release import Release, release
    from miniseal.pipeline.steps.scan import ScanSettings
    from miniseal.verifier import Policy

    destination = options.to or _publish_to(options.project)
    store = workshop.open_target(destination)
    events = shown.events(options.progress)
    if options.unsafe_no_isolation:
        shown.warn("nothing keeps the toolchain from this machine", options.progress, events)
    with workshop.engine(isolate=not options.unsafe_no_isolation) as engine:
        given = Release(
            engine=engine,
            tools=workshop.tool_cache(),
            events=events,
            store=store,
            signer=FileSigner.load(options.key),
            scan=ScanSettings(
                trivy=options.trivy,
                search=os.environ.get("PATH", ""),
                database=options.database or scanner.trivy_database(),
                max_age=options.max_age * 86400,
            ),
            policy=Policy.load(options.policy) if options.policy else None,
            unsafe_no_isolation=options.unsafe_no_isolation,
            resign=options.resign,
        )
        released = asyncio.run(release(options.project, given))
    return _outcome(released, destination)


def _publish_to(project: Path) -> str | None:
    """`[publish] to`; the rest of the project is read when it is released."""
    from miniseal.packager import Settings  # pydantic

    return Settings.from_toml(read_file(project / "miniseal.toml")).publish.to


def _outcome(released: "Released", destination: str | None) -> Outcome:
    from miniseal.cli import workshop  # needs the extra `pipeline`

    return Outcome(
        result={
            **workshop.packed_result(released.packed),
            "reference": destination,
            "tags": list(released.tags),
            "evidence": released.verdict.to_json()["evidence"],
            "unchanged": released.unchanged,
        },
        lines=(
            *workshop.packed_lines(released.packed),
            *(("  nothing to do: published with good evidence",) if released.unchanged else ()),
        ),
    )
