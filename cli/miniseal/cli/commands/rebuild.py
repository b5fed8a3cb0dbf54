"""`miniseal rebuild`: build somebody's source again, and compare with what they published."""

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from miniseal.cli import access, building, host
from miniseal.cli import progress as shown
from miniseal.cli.outcome import Outcome, Verb
from miniseal.cli.signing import Signing, signing_options

if TYPE_CHECKING:
    from miniseal.pipeline.attest import Attested
    from miniseal.pipeline.rebuild import Rebuilt

__all__ = ["command"]


@click.command("rebuild", cls=Verb, extra="pipeline")
@click.argument("project", default=".", type=click.Path(path_type=Path))
@click.option("--against", required=True, metavar="REF", help="The published package.")
@click.option("--attest", is_flag=True, help="Sign what came of it, and attach it to the package.")
@click.option(
    "--builder-id",
    metavar="URI",
    help="With --attest: your own builder, as policies name it.",
)
@signing_options
@building.options
@access.options
def command(
    project: Path,
    against: str,
    builder_id: str | None,
    signing: Signing,
    *,
    attest: bool,
    **options: Any,  # noqa: ANN401 - click's
) -> Outcome:
    """Build PROJECT again, from nothing, and compare with the package at REF.

    Ends with 0 where it is the same package to the last bit, and with 1 where it is not.
    """
    from miniseal.cli import workshop  # needs the extra `pipeline`
    from miniseal.pipeline.flow.make import STEPS
    from miniseal.pipeline.rebuild import attest_rebuild, rebuild

    asked = building.Building(**options)
    signer = None
    if attest:
        _check(builder_id, asked)
        signer = signing.signer()
    store, name = host.open_source(against)
    with (
        shown.view(asked.progress, steps=[step.name for step in STEPS]) as events,
        workshop.open_workshop(project, asked, events) as shop,
    ):
        rebuilt = asyncio.run(rebuild(project, shop, store, name))
    attested = None
    if signer is not None and builder_id is not None:
        attested = attest_rebuild(store, rebuilt, signer, builder_id=builder_id)
    return _outcome(rebuilt, attested)


def _check(builder_id: str | None, asked: building.Building) -> None:
    if builder_id is None or ":" not in builder_id:
        raise click.UsageError("--attest needs --builder-id, a URI")
    if asked.unsafe_no_isolation:
        raise click.UsageError("--attest and --unsafe-no-isolation exclude each other")


def _outcome(rebuilt: "Rebuilt", attested: "Attested | None") -> Outcome:
    from miniseal.pipeline.steps.build import REBUILD_DIFFERS

    found, expected = rebuilt.packed.package.descriptor.digest, rebuilt.published.digest
    manifest = rebuilt.packed.config.manifest
    result = {
        "app_id": manifest.app_id,
        "version": {"code": manifest.version_code, "name": manifest.version_name},
        "package": expected,
        "rebuilt": found,
        "same": rebuilt.agrees,
        "differences": list(rebuilt.differences),
        "attested": None
        if attested is None
        else {"predicate_type": attested.predicate_type, "bundle": attested.bundle},
    }
    error = None
    if not rebuilt.agrees:
        error = REBUILD_DIFFERS(
            "the rebuilt package is another one", found=found, expected=expected
        )
    return Outcome(
        result=result,
        lines=(
            f"{manifest.app_id} {manifest.version_name} (code {manifest.version_code}): "
            + ("the same package" if rebuilt.agrees else "another package"),
            f"  package  {expected}",
            *(f"  differs  {line}" for line in rebuilt.differences),
            *(() if attested is None else (f"  attached {attested.predicate_type}",)),
        ),
        exit_code=0 if rebuilt.agrees else 1,
        error=error,
    )
