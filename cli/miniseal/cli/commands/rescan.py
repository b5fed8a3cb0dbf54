"""`miniseal rescan`: published packages against a newer vulnerability database."""

import asyncio
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from miniseal.cli import access, host, progress, scanner
from miniseal.cli.outcome import Outcome, Verb
from miniseal.cli.signing import Signing, signing_options
from miniseal.formats.errors import Code, MinisealError, VerificationError

if TYPE_CHECKING:
    from miniseal.pipeline.rescan.rescan import Rescanned

__all__ = ["RESCAN_INCOMPLETE", "command"]

RESCAN_INCOMPLETE = Code(
    "rescan-incomplete",
    VerificationError,
    meaning="some packages could not be scanned again, or to no use",
    cause="broken packages, evidence that nobody trusts, or a scanner that failed",
    remedy="see each package's own error in the result",
)


@click.command("rescan", cls=Verb, extra="pipeline")
@click.argument("references", nargs=-1, required=True, metavar="REFERENCE...")
@host.policy_option
@host.trust_option
@signing_options
@scanner.options
@click.option("--app", "app_id", help="The app_id that each package must be.")
@click.option(
    "--jobs",
    default=2,
    show_default=True,
    type=click.IntRange(1, 64),
    help="Packages scanned at the same time.",
)
@click.option("--again", is_flag=True, help="Scan also what was scanned with this database.")
@click.option("--dry-run", is_flag=True, help="Scan and judge, sign and attach nothing.")
@progress.option
@access.options
def command(**options: Any) -> Outcome:  # noqa: ANN401 - click's options, by their names
    """Scan published packages again, and attach what is found.

    A REFERENCE without tag and digest stands for every package of the repository. The command ends
    with 1 if any package has vulnerabilities that the policy refuses, or could not be scanned.
    """
    return _rescan(_Options(**options))


@dataclass(frozen=True, slots=True, kw_only=True)
class _Options:
    """The command line, one member per option."""

    references: tuple[str, ...]
    policy: Path
    trust: Path | None
    signing: Signing
    scanning: scanner.Scanning
    app_id: str | None
    jobs: int
    again: bool
    dry_run: bool
    progress: str


def _rescan(options: _Options) -> Outcome:
    from miniseal.packager.lock import pinned  # needs the extra `pipeline`
    from miniseal.pipeline.engines.local import ISOLATION_MISSING, LocalEngine, detect
    from miniseal.pipeline.published import targets
    from miniseal.pipeline.rescan.rescan import Rescan, rescan
    from miniseal.pipeline.rescan.scanning import TrivyScanning
    from miniseal.pipeline.steps.scan import open_scanner

    if not (options.signing.given or options.dry_run):
        raise click.UsageError("give --key or --keyless, or --dry-run")
    trusting = host.trusting(options.policy, options.trust)
    policy = trusting.policy
    signer = None if options.dry_run else options.signing.signer()
    found = [target for text in options.references for target in targets(text, access.open_store)]
    isolation = detect()
    if isolation is None:
        raise ISOLATION_MISSING("the scanner runs in isolation alone")
    settings = options.scanning.settings(policy)
    with LocalEngine(isolation) as engine, progress.view(options.progress) as events:
        trivy = open_scanner(settings, pinned(()).scanner, engine, now=int(time.time()))
        given = Rescan(
            policy=policy,
            scanning=TrivyScanning.of(trivy, time.time),
            signer=signer,
            events=events,
            app_id=options.app_id,
            jobs=options.jobs,
            material=trusting.material,
            again=options.again,
            clock=time.time,
        )
        rows = asyncio.run(rescan(found, given))
    return _outcome(rows)


def _outcome(rows: "tuple[Rescanned, ...]") -> Outcome:
    counts = {
        status: sum(row.status == status for row in rows)
        for status in ("good", "alarm", "retired", "failed")
    }
    error = _error(rows)
    return Outcome(
        result={"packages": [row.to_json() for row in rows], "counts": counts},
        lines=(
            *(line for row in rows for line in _lines(row)),
            ", ".join(f"{number} {status}" for status, number in counts.items()),
        ),
        exit_code=error.exit_code if error else 0,
        error=error,
    )


def _error(rows: "tuple[Rescanned, ...]") -> MinisealError | None:
    """The one package's own error, or one that stands for all of them, alarms first."""
    from miniseal.verifier.thresholds import VULNERABILITY_THRESHOLD  # slow

    for status, code, what in (
        ("alarm", VULNERABILITY_THRESHOLD, "have vulnerabilities that reach the threshold"),
        ("failed", RESCAN_INCOMPLETE, "could not be scanned again"),
    ):
        bad = [row for row in rows if row.status == status]
        if bad and len(rows) == 1:
            return bad[0].error
        if bad:
            names = ", ".join(row.reference for row in bad[:5])
            return code(
                f"{len(bad)} of {len(rows)} packages {what}",
                found=names + (", ..." if len(bad) > 5 else ""),
            )
    return None


def _lines(row: "Rescanned") -> Iterator[str]:
    program = f"{row.app_id} {row.version[1]}" if row.version else "unknown"
    scanned = "scanned before" if row.unchanged else f"{len(row.new)} new"
    yield f"{row.status:<8} {program}  {row.reference}  {row.findings} findings, {scanned}"
    if row.error is not None:
        yield f"         {row.error}"
    for mark, findings in (("new", row.new), ("gone", row.gone)):
        for each in findings:
            yield f"  {mark:<6} {each.id} ({each.severity}) {each.package or each.source or ''}"
    yield from host.suppressed_lines(row.suppressed)
