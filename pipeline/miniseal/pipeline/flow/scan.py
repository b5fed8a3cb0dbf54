"""What is found in source and package: the scans, and the bill of materials."""

import json
from collections.abc import Awaitable, Mapping
from dataclasses import dataclass
from typing import Any

from miniseal.formats import times
from miniseal.formats.digest import sha256
from miniseal.formats.predicates.vulns import Vulns
from miniseal.pipeline.flow.job import Job
from miniseal.pipeline.flow.make import PACK, RESOLVE, file_inputs
from miniseal.pipeline.graph import Results, Step, json_codec
from miniseal.pipeline.steps.scan import (
    open_scanner,
    predicate_of,
    scan_bill,
    scan_package,
    scan_source,
)
from miniseal.pipeline.trivy.run import Scanner, ScannerFacts
from miniseal.pipeline.trivy.scan import Package, Scan

__all__ = [
    "SBOM",
    "SCANNER",
    "SCAN_BILL",
    "SCAN_PACKAGE",
    "SCAN_SOURCE",
    "STEPS",
    "TimedScan",
    "claimed",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class TimedScan:
    """A scan, what made it, and when, seconds since 1970."""

    scan: Scan
    by: ScannerFacts
    started: int
    finished: int


async def _timed(job: Job, scanner: Scanner, scanning: Awaitable[Scan]) -> TimedScan:
    started = int(job.making.clock())
    scan = await scanning
    finished = int(job.making.clock())
    return TimedScan(scan=scan, by=scanner.facts, started=started, finished=finished)


def claimed(scans: Mapping[str, TimedScan]) -> Vulns:
    """The predicate of scans that one scanner made with one database, by what was scanned."""
    return predicate_of(
        next(iter(scans.values())).by,
        {place: timed.scan for place, timed in scans.items()},
        started=min(timed.started for timed in scans.values()),
        finished=max(timed.finished for timed in scans.values()),
    )


async def _scanner(job: Job, of: Results) -> Scanner:
    return open_scanner(
        job.scanning,
        of[RESOLVE].project.lock.scanner,
        job.making.local,
        now=int(job.making.clock()),
    )


SCANNER = Step[Job, Scanner](
    name="scanner",
    does="checks the scanner and the age of its database",
    run=_scanner,
    uses=(RESOLVE,),
    pure=True,
    shows=lambda scanner: {
        "scanner": scanner.trivy.version,
        "database": scanner.database.digest,
        "database_date": times.to_text(scanner.database.updated),
    },
)


def _scanner_inputs(job: Job, of: Results) -> dict[str, str]:
    scanner = of[SCANNER]
    return {
        "scanner": scanner.trivy.digest,
        "database": scanner.database.digest,
        "isolated": str(job.making.local.describe().isolated),
    }


def _show_scan(timed: TimedScan) -> dict[str, object]:
    scan = timed.scan
    return {
        "packages": len(scan.packages),
        "findings": len(scan.findings),
        "secrets": len(scan.secrets),
        "licenses": len(scan.licenses),
        "misconfigurations": len(scan.misconfigurations),
    }


def _source_inputs(job: Job, of: Results) -> dict[str, str]:
    return {**_scanner_inputs(job, of), **file_inputs(of[RESOLVE].project.tree.files)}


async def _scan_source(job: Job, of: Results) -> TimedScan:
    return await _timed(job, of[SCANNER], scan_source(of[SCANNER], of[RESOLVE].snapshot))


SCAN_SOURCE = Step[Job, TimedScan](
    name="scan-source",
    does="scans the source tree and its lock files",
    run=_scan_source,
    version=3,
    reads=(RESOLVE, SCANNER),
    inputs=_source_inputs,
    codec=json_codec(TimedScan),
    shows=_show_scan,
)


def _package_inputs(job: Job, of: Results) -> dict[str, str]:
    return {**_scanner_inputs(job, of), "package": of[PACK].package.descriptor.digest}


async def _scan_package(job: Job, of: Results) -> TimedScan:
    return await _timed(job, of[SCANNER], scan_package(of[SCANNER], of[PACK], job.work))


SCAN_PACKAGE = Step[Job, TimedScan](
    name="scan-package",
    does="scans what is shipped, the wasm's strings included",
    run=_scan_package,
    version=3,
    reads=(PACK, SCANNER),
    inputs=_package_inputs,
    codec=json_codec(TimedScan),
    shows=_show_scan,
)


def _packages(of: Results) -> tuple[Package, ...]:
    """What lock files list, and what compilers have noted in the wasm."""
    return (*of[SCAN_SOURCE].scan.packages, *of[SCAN_PACKAGE].scan.packages)


def _sbom_inputs(job: Job, of: Results) -> dict[str, str]:
    del job
    return {
        "package": of[PACK].package.descriptor.digest,
        "packages that were seen": sha256(json_codec(list[object]).encode([*_packages(of)])),
        "toolchain lock": of[RESOLVE].project.lock.toolchain_digest,
    }


async def _sbom(job: Job, of: Results) -> dict[str, object]:
    del job
    from miniseal.pipeline.steps.sbom import bill_of  # slow; an unchanged release does not use it

    return bill_of(
        of[PACK].config,
        _packages(of),
        of[RESOLVE].project.tools,
        package_digest=of[PACK].package.descriptor.digest,
    )


def _components(bill: Mapping[str, object]) -> dict[str, object]:
    components = bill.get("components")
    return {"components": len(components) if isinstance(components, list) else 0}  # pyright: ignore[reportUnknownArgumentType]


SBOM = Step[Job, dict[str, object]](
    name="sbom",
    does="lists every part that is shipped and every tool",
    run=_sbom,
    reads=(RESOLVE, PACK, SCAN_SOURCE, SCAN_PACKAGE),
    inputs=_sbom_inputs,
    codec=json_codec(dict[str, object]),
    shows=_components,
)


def _bill_inputs(job: Job, of: Results) -> dict[str, str]:
    return {
        **_scanner_inputs(job, of),
        "sbom": sha256(json.dumps(of[SBOM], sort_keys=True).encode()),
    }


async def _scan_bill(job: Job, of: Results) -> TimedScan:
    bill = of[SBOM]
    return await _timed(job, of[SCANNER], scan_bill(of[SCANNER], bill))


SCAN_BILL = Step[Job, TimedScan](
    name="scan-sbom",
    does="scans the components of the SBOM",
    run=_scan_bill,
    version=2,
    reads=(SBOM, SCANNER),
    inputs=_bill_inputs,
    codec=json_codec(TimedScan),
    shows=_show_scan,
)


STEPS: tuple[Step[Job, Any], ...] = (SCANNER, SCAN_SOURCE, SCAN_PACKAGE, SBOM, SCAN_BILL)
