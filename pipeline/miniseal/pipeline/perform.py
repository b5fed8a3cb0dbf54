"""A release in several jobs: one builds, one builds again, one scans, and one signs.

The job that signs runs nothing of the project: no toolchain, no program, no scanner. It resolves
the source and packs by itself, and takes from the others what only running shows (docs/adr/0031).
"""

from collections.abc import Iterable, Sequence
from typing import Any

from miniseal.formats.errors import Code, UsageError
from miniseal.packager import Packed, compare_wasm
from miniseal.pipeline.flow import Job
from miniseal.pipeline.flow.make import BUILD, PACK, RESOLVE
from miniseal.pipeline.flow.prove import REBUILD
from miniseal.pipeline.flow.scan import SCAN_SOURCE
from miniseal.pipeline.graph import Runner, Step
from miniseal.pipeline.handover import PARTS, RESULTS_MISMATCH, Part
from miniseal.pipeline.steps.build import REBUILD_DIFFERS
from miniseal.pipeline.steps.resolve import Resolved
from miniseal.pipeline.steps.scan import ScanSettings, check_facts

__all__ = ["RESULTS_MISSING", "take", "take_build"]

RESULTS_MISSING = Code(
    "results-missing",
    UsageError,
    meaning="a part of a release has no results, or more than one job's",
    cause="a job whose results were not named, or were named twice",
    remedy="name the results of each part once: build, rebuild and scan",
)


async def take_build(runner: Runner[Job], parts: Sequence[Part]) -> Packed:
    """Pack what another job has built; `parts` is that job's.

    Raises:
        UsageError: `results-missing`.
        VerificationError: `results-mismatch`.
        MinisealError: what packing it is refused for.
    """
    _check_names(parts, ("build",))
    resolved = await runner.reach(RESOLVE)
    return await _packed(runner, parts, resolved, parts[0].values())


async def take(
    runner: Runner[Job], parts: Sequence[Part], scan: ScanSettings, *, now: float
) -> Packed:
    """Give a release all that its job does not run, and pack.

    Args:
        runner: of the release.
        parts: one of each.
        scan: what the scanner and the database have to be like.
        now: seconds since 1970.

    Raises:
        UsageError: `results-missing`.
        VerificationError: `results-mismatch`, `rebuild-differs`, `scanner-not-pinned`,
            `scanner-denied`, `scanner-too-new`, `database-stale`.
        FormatError: `results-malformed`.
        MinisealError: what packing it is refused for.
    """
    _check_names(parts, PARTS)
    resolved = await runner.reach(RESOLVE)
    by = {part.name: part for part in parts}
    given = {**by["scan"].values(), **by["build"].values()}
    _check_same(given[BUILD].wasm, by["rebuild"].values()[BUILD].wasm)
    given[REBUILD] = resolved.project.recipe() is not None
    facts = {given[step].by for step in PARTS["scan"]}
    if len(facts) != 1:
        raise RESULTS_MISMATCH("the scans are of more than one scanner or database")
    check_facts(given[SCAN_SOURCE].by, scan, resolved.project.lock.scanner, now=now)
    return await _packed(runner, parts, resolved, given)


async def _packed(
    runner: Runner[Job], parts: Sequence[Part], resolved: Resolved, given: dict[Step[Job, Any], Any]
) -> Packed:
    for part in parts:
        part.check(resolved)
    runner.give(given)
    packed = await runner.reach(PACK)
    for part in parts:
        part.check_package(packed.package.descriptor.digest)
    return packed


def _check_names(parts: Sequence[Part], wanted: Iterable[str]) -> None:
    names, wanted = sorted(part.name for part in parts), sorted(wanted)
    if names != wanted:
        raise RESULTS_MISSING(
            "not the results of each part",
            found=", ".join(names) or "none",
            expected=", ".join(wanted),
        )


def _check_same(wasm: bytes, again: bytes) -> None:
    if wasm != again:
        raise REBUILD_DIFFERS(
            "the job that built again has other bytes",
            found="; ".join(compare_wasm(wasm, again))[:1000],
            expected=f"the same {len(wasm)} bytes",
        )
