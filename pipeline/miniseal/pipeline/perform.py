"""A release in several jobs: one builds, one builds again, one scans, and one signs.

The job that signs runs nothing of the project: no toolchain, no program, no scanner. It resolves
the source and packs by itself, and takes from the others what only running shows (docs/adr/0031).
"""

import tempfile
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from miniseal.formats.errors import Code, FormatError, UsageError
from miniseal.formats.times import from_text
from miniseal.packager import Packed, Project, Settings, compare_wasm
from miniseal.pipeline.engines.engine import Description
from miniseal.pipeline.flow import Job
from miniseal.pipeline.flow.make import BUILD, PACK, RESOLVE, Built
from miniseal.pipeline.flow.prove import REBUILD, TEST
from miniseal.pipeline.flow.scan import SCAN_SOURCE, TimedScan
from miniseal.pipeline.graph import Runner, Step
from miniseal.pipeline.handover import PARTS, RESULTS_MALFORMED, RESULTS_MISMATCH, Part
from miniseal.pipeline.steps.build import ELSEWHERE, REBUILD_DIFFERS
from miniseal.pipeline.steps.resolve import Resolved
from miniseal.pipeline.steps.scan import ScanSettings, check_facts

if TYPE_CHECKING:
    from miniseal.pipeline.release import Workshop

__all__ = ["RESULTS_MISSING", "engines", "perform", "take"]

_SKEW_SECONDS = 300

RESULTS_MISSING = Code(
    "results-missing",
    UsageError,
    meaning="a part of a release has no results, or more than one job's",
    cause="a job whose results were not named, or were named twice",
    remedy="name the results of each part once: build, rebuild and scan",
)


async def perform(
    root: Path,
    shop: "Workshop",
    name: str,
    *,
    parts: Sequence[Part] = (),
    scan: ScanSettings | None = None,
) -> Part:
    """Make one of `PARTS` of a release of the project at `root`, for the job that signs.

    Nothing is taken from the step cache, and a rebuild is made where as much as can be is another.

    Args:
        root: the project.
        shop: where it is built.
        name: of the part.
        parts: the build that is scanned; of no use to other parts.
        scan: how; of no use to other parts.

    Raises:
        UsageError: `isolation-required`, `step-unknown`, `results-missing`.
        MinisealError: the code of the step that said no.
    """
    fresh = replace(shop, cache=None, room=ELSEWHERE if name == "rebuild" else None)
    with tempfile.TemporaryDirectory(prefix="miniseal-perform-") as scratch:
        runner = fresh.runner(fresh.job(root, scratch, scan=scan))
        if name == "scan":
            await _take_build(runner, parts)
        for step in (PACK, *PARTS[name]):
            await runner.reach(step)
        return Part.of(name, runner.results[RESOLVE], runner.results)


def engines(parts: Iterable[Part]) -> tuple[Description, ...]:
    """What ran the toolchain in other jobs.

    Raises:
        FormatError: `results-malformed`.
    """
    return tuple(part.values()[BUILD].engine for part in parts if BUILD in PARTS[part.name])


async def _take_build(runner: Runner[Job], parts: Sequence[Part]) -> Packed:
    """Pack what another job has built; `parts` is that job's.

    Raises:
        UsageError: `results-missing`.
        VerificationError: `results-mismatch`.
        MinisealError: what packing it is refused for.
    """
    await _resolved(runner, parts, ("build",))
    return await _packed(runner, parts, parts[0].values())


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
        FormatError: `results-malformed`, also for times that cannot be.
        MinisealError: what packing it is refused for.
    """
    resolved = await _resolved(runner, parts, PARTS)
    by = {part.name: part for part in parts}
    given = {**by["scan"].values(), **by["build"].values()}
    _check_same(given[BUILD].wasm, by["rebuild"].values()[BUILD].wasm)
    _check_source(resolved.project, given[BUILD].wasm)
    _check_images(resolved.project, given[BUILD].engine)
    _check_built(given[BUILD], now)
    _check_tests(resolved.project.settings, given[TEST])
    given[REBUILD] = resolved.project.recipe() is not None
    facts = {given[step].by for step in PARTS["scan"]}
    if len(facts) != 1:
        raise RESULTS_MISMATCH("the scans are of more than one scanner or database")
    check_facts(given[SCAN_SOURCE].by, scan, resolved.project.lock.scanner, now=now)
    for step in PARTS["scan"]:
        _check_scan(given[step], now)
    return await _packed(runner, parts, given)


async def _resolved(runner: Runner[Job], parts: Sequence[Part], wanted: Iterable[str]) -> Resolved:
    """The project, which the parts have to be of before anything else is asked of them."""
    _check_names(parts, wanted)
    resolved = await runner.reach(RESOLVE)
    for part in parts:
        part.check(resolved)
    return resolved


async def _packed(
    runner: Runner[Job], parts: Sequence[Part], given: dict[Step[Job, Any], Any]
) -> Packed:
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


def _check_source(project: Project, wasm: bytes) -> None:
    """Refuse another wasm than the project's own, where nothing compiles one."""
    if project.recipe() is None and wasm != project.tree.read(project.settings.build.entry or ""):
        raise RESULTS_MISMATCH("the results of build have another wasm than the source")


def _check_images(project: Project, engine: Description) -> None:
    """Refuse a base image that the lock does not pin: provenance says what a build depended on."""
    pinned = {(image.name, image.digest) for image in project.lock.images}
    for image in engine.images:
        if (image.name, image.digest) not in pinned:
            raise RESULTS_MISMATCH(
                "the results of build are of another base image than the lock pins",
                found=f"{image.name} {image.digest}"[:200],
            )


def _check_tests(settings: Settings, passed: int) -> None:
    wanted = 1 if settings.test_command else len(settings.test)
    if passed != wanted:
        raise RESULTS_MISMATCH(
            "not all tests of the program ran", found=str(passed)[:20], expected=str(wanted)
        )


def _check_built(built: Built, now: float) -> None:
    try:
        started, finished = from_text(built.started), from_text(built.finished)
    except FormatError as error:
        raise RESULTS_MALFORMED("a build has no times", found=error.found) from error
    _check_times("build", 0, started, finished, now)


def _check_scan(scan: TimedScan, now: float) -> None:
    _check_times("scan", scan.by.updated - _SKEW_SECONDS, scan.started, scan.finished, now)


def _check_times(what: str, least: int, started: int, finished: int, now: float) -> None:
    """Refuse times that cannot be: hosts go by the age of a scan and of a build."""
    most = int(now) + _SKEW_SECONDS
    if not least <= started <= finished <= most:
        raise RESULTS_MALFORMED(
            f"a {what} has times that cannot be",
            found=f"{started} to {finished}"[:100],
            expected=f"between {least} and {most}",
        )
