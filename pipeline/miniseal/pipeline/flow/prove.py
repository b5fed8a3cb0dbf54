"""What is found out about a package: a second build, its tests, scans, the bill of materials."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from miniseal.formats import times
from miniseal.formats.digest import sha256
from miniseal.formats.strictjson import canonical
from miniseal.pipeline.flow.job import Job
from miniseal.pipeline.flow.make import BUILD, FETCH, PACK, RESOLVE, build_inputs, engine_inputs
from miniseal.pipeline.graph import Results, Step, json_codec
from miniseal.pipeline.steps.build import rebuild
from miniseal.pipeline.steps.scan import open_scanner, scan_bill, scan_package, scan_source
from miniseal.pipeline.steps.test import test
from miniseal.pipeline.trivy.run import Scan, Scanner

__all__ = [
    "REBUILD",
    "SBOM",
    "SCANNER",
    "SCAN_BILL",
    "SCAN_PACKAGE",
    "SCAN_SOURCE",
    "STEPS",
    "TEST",
    "TimedScan",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class TimedScan:
    """A scan, and when it was made, seconds since 1970."""

    scan: Scan
    started: int
    finished: int


async def _fetch_runner(job: Job, of: Results) -> dict[str, Path]:
    project = of[RESOLVE].project
    tools = project.lock.test if project.settings.test else ()
    return await job.making.tools.fetch(tools, verify=True, log=job.log(FETCH_RUNNER.name))


FETCH_RUNNER = Step[Job, dict[str, Path]](
    name="fetch-runner",
    does="downloads what runs the tests, by hash",
    run=_fetch_runner,
    uses=(RESOLVE,),
    shows=lambda tools: {"tools": ", ".join(tools) or "none"},
)


def _rebuild_inputs(job: Job, of: Results) -> dict[str, str] | None:
    inputs = build_inputs(job, of)
    return None if inputs is None else {**inputs, "wasm": sha256(of[BUILD].wasm)}


async def _rebuild(job: Job, of: Results) -> bool:
    tools = of[FETCH]
    return await rebuild(
        of[RESOLVE],
        tools,
        job.making.engine,
        of[BUILD].wasm,
        job.work,
        log=job.log(REBUILD.name),
    )


REBUILD = Step[Job, bool](
    name="rebuild",
    does="builds again elsewhere and compares",
    run=_rebuild,
    reads=(RESOLVE, BUILD),
    uses=(FETCH,),
    inputs=_rebuild_inputs,
    codec=json_codec(bool),
    shows=lambda same: {"result": "same bytes" if same else "nothing is built here"},
)


def _test_inputs(job: Job, of: Results) -> dict[str, str] | None:
    project = of[RESOLVE].project
    settings = project.settings
    inputs = {**engine_inputs(job), "wasm": sha256(of[BUILD].wasm)}
    if settings.test_command:
        if not job.making.engine.describe().images:
            return None  # a command of this machine, of which nothing is pinned
        command = sha256(canonical(list(settings.test_command)))
        return {**inputs, "command": command, "source": project.tree.digest}
    calls = [[call.call, list(call.args), list(call.expect)] for call in settings.test]
    tests = json.dumps([settings.asked_limits.to_json(), calls])
    runner = [tool.to_json() for tool in project.lock.test]
    return {
        **inputs,
        "tests": sha256(tests.encode()),
        "runner": sha256(canonical(runner)),
    }


async def _test(job: Job, of: Results) -> int:
    runner = of[FETCH_RUNNER]
    return await test(
        of[RESOLVE],
        of[BUILD].wasm,
        runner,
        job.making.engine,
        job.work,
        log=job.log(TEST.name),
    )


TEST = Step[Job, int](
    name="test",
    does="calls the program with expected results",
    run=_test,
    reads=(RESOLVE, BUILD),
    uses=(FETCH_RUNNER,),
    inputs=_test_inputs,
    codec=json_codec(int),
    shows=lambda passed: {"passed": passed},
)


async def _scanner(job: Job, of: Results) -> Scanner:
    return open_scanner(
        job.publishing.scan,
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


def _scanner_inputs(of: Results) -> dict[str, str]:
    scanner = of[SCANNER]
    return {"scanner": scanner.trivy.digest, "database": scanner.database.digest}


def _show_scan(timed: TimedScan) -> dict[str, object]:
    scan = timed.scan
    return {
        "packages": len(scan.packages),
        "findings": len(scan.findings),
        "secrets": len(scan.secrets),
    }


def _source_inputs(job: Job, of: Results) -> dict[str, str]:
    del job
    files = of[RESOLVE].project.tree.files
    return {**_scanner_inputs(of), **{file.path: file.digest for file in files}}


async def _scan_source(job: Job, of: Results) -> TimedScan:
    started = int(job.making.clock())
    scan = await scan_source(of[SCANNER], of[RESOLVE].snapshot)
    return TimedScan(scan=scan, started=started, finished=int(job.making.clock()))


SCAN_SOURCE = Step[Job, TimedScan](
    name="scan-source",
    does="scans the source tree and its lock files",
    run=_scan_source,
    reads=(RESOLVE, SCANNER),
    inputs=_source_inputs,
    codec=json_codec(TimedScan),
    shows=_show_scan,
)


def _package_inputs(job: Job, of: Results) -> dict[str, str]:
    del job
    return {**_scanner_inputs(of), "package": of[PACK].package.descriptor.digest}


async def _scan_package(job: Job, of: Results) -> TimedScan:
    started = int(job.making.clock())
    scan = await scan_package(of[SCANNER], of[PACK], job.work)
    return TimedScan(scan=scan, started=started, finished=int(job.making.clock()))


SCAN_PACKAGE = Step[Job, TimedScan](
    name="scan-package",
    does="scans what is shipped, the wasm's strings included",
    run=_scan_package,
    reads=(PACK, SCANNER),
    inputs=_package_inputs,
    codec=json_codec(TimedScan),
    shows=_show_scan,
)


def _sbom_inputs(job: Job, of: Results) -> dict[str, str]:
    del job
    packages = json_codec(list[object]).encode([*of[SCAN_SOURCE].scan.packages])
    return {
        "package": of[PACK].package.descriptor.digest,
        "packages of the source": sha256(packages),
        "toolchain lock": of[RESOLVE].project.lock.toolchain_digest,
    }


async def _sbom(job: Job, of: Results) -> dict[str, object]:
    del job
    from miniseal.pipeline.steps.sbom import bill_of  # slow; an unchanged release does not use it

    return bill_of(
        of[PACK].config,
        of[SCAN_SOURCE].scan.packages,
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
    reads=(RESOLVE, PACK, SCAN_SOURCE),
    inputs=_sbom_inputs,
    codec=json_codec(dict[str, object]),
    shows=_components,
)


def _bill_inputs(job: Job, of: Results) -> dict[str, str]:
    del job
    return {**_scanner_inputs(of), "sbom": sha256(json.dumps(of[SBOM], sort_keys=True).encode())}


async def _scan_bill(job: Job, of: Results) -> TimedScan:
    started, bill = int(job.making.clock()), of[SBOM]
    scan = await scan_bill(of[SCANNER], bill)
    return TimedScan(scan=scan, started=started, finished=int(job.making.clock()))


SCAN_BILL = Step[Job, TimedScan](
    name="scan-sbom",
    does="scans the components of the SBOM",
    run=_scan_bill,
    reads=(SBOM, SCANNER),
    inputs=_bill_inputs,
    codec=json_codec(TimedScan),
    shows=_show_scan,
)


STEPS: tuple[Step[Job, Any], ...] = (
    REBUILD,
    FETCH_RUNNER,
    TEST,
    SCANNER,
    SCAN_SOURCE,
    SBOM,
    SCAN_PACKAGE,
    SCAN_BILL,
)
