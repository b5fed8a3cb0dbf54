"""`miniseal release`: the whole pipeline, from source to signed and tagged content in a store."""

import asyncio
import os
from pathlib import Path

import click

from miniseal.cli import progress as shown
from miniseal.cli.outcome import Outcome, Verb

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
@click.option("--trivy", type=click.Path(path_type=Path), help="The scanner; from PATH by default.")
@click.option(
    "--vulnerability-db",
    "database",
    envvar="MINISEAL_VULNERABILITY_DB",
    type=click.Path(path_type=Path),
    help="Folder with trivy.db and metadata.json; trivy's own by default.",
)
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
def command(
    *,
    project: Path,
    to: str | None,
    key: Path,
    policy: Path | None,
    trivy: Path | None,
    database: Path | None,
    max_age: int,
    resign: bool,
    unsafe_no_isolation: bool,
    progress: str,
) -> Outcome:
    """Release PROJECT: build, test, scan, sign, publish, verify, tag."""
    from miniseal.attestations import FileSigner  # noqa: PLC0415 - needs the extra `pipeline`
    from miniseal.cli import workshop  # noqa: PLC0415
    from miniseal.packager import Project  # noqa: PLC0415
    from miniseal.pipeline.release import Release, release  # noqa: PLC0415
    from miniseal.pipeline.steps.scan import ScanSettings  # noqa: PLC0415
    from miniseal.verifier import Policy  # noqa: PLC0415

    destination = to or Project.load(project).settings.publish.to
    store = workshop.open_target(destination)
    events = shown.events(progress)
    if unsafe_no_isolation:
        shown.warn("nothing keeps the toolchain from this machine", progress, events)
    with workshop.engine(isolate=not unsafe_no_isolation) as engine:
        released = asyncio.run(
            release(
                project,
                Release(
                    engine=engine,
                    tools=workshop.tool_cache(),
                    events=events,
                    store=store,
                    signer=FileSigner.load(key),
                    scan=ScanSettings(
                        trivy=trivy,
                        search=os.environ.get("PATH", ""),
                        database=database or workshop.trivy_database(),
                        max_age=max_age * 86400,
                    ),
                    policy=Policy.load(policy) if policy else None,
                    unsafe_no_isolation=unsafe_no_isolation,
                    resign=resign,
                ),
            )
        )
    evidence = released.verdict.to_json()["evidence"]
    return Outcome(
        result={
            **workshop.packed_result(released.packed),
            "reference": destination,
            "tags": list(released.tags),
            "evidence": evidence,
            "unchanged": released.unchanged,
        },
        lines=(
            *workshop.packed_lines(released.packed),
            *(("  nothing to do: published with good evidence",) if released.unchanged else ()),
        ),
    )
