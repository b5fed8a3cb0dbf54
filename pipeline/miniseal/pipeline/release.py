"""Building, planning and releasing a project: what a caller asks of the graph in `flow/`.

Content that is published already, with evidence that satisfies the policy, is not proven and
signed again.
"""

import tempfile
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from miniseal.attestations import Signer
from miniseal.formats.errors import Code, MinisealError, UsageError
from miniseal.packager import Packed, Project
from miniseal.pipeline import selfpolicy
from miniseal.pipeline.engines.engine import Description
from miniseal.pipeline.flow import STEPS, Job, Making, Publishing
from miniseal.pipeline.flow.make import PACK, RESOLVE
from miniseal.pipeline.flow.publish import SIGN, TAG, VERIFY, verdict
from miniseal.pipeline.graph import Planned, Results, Runner, Step, after, plan, until
from miniseal.pipeline.handover import Part
from miniseal.pipeline.perform import engines, take
from miniseal.pipeline.steps import attest, links, publish
from miniseal.pipeline.steps.scan import ScanSettings
from miniseal.registry import Store
from miniseal.verifier import Policy, Verdict

__all__ = [
    "ISOLATION_REQUIRED",
    "STEP_UNKNOWN",
    "Release",
    "ReleasePlan",
    "Released",
    "Workshop",
    "make",
    "plan_release",
    "release",
]

ISOLATION_REQUIRED = Code(
    "isolation-required",
    UsageError,
    meaning="no toolchain runs, and nothing is signed that one built, without isolation",
    cause="neither bubblewrap nor unprivileged namespaces work on this machine",
    remedy="install bubblewrap; --unsafe-no-isolation lets the toolchain reach all that you can, "
    "and signs as another builder, which policies have to name before they accept it",
)
STEP_UNKNOWN = Code(
    "step-unknown",
    UsageError,
    meaning="--from or --until names no step of a release",
    cause="a misspelt name",
    remedy="`miniseal plan` lists the steps",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Workshop(Making):
    """Where and how a project is built: what the steps need, and which of them run.

    Attributes:
        again: a step that runs again, with all that depend on it, although the cache has them.
        explain: tell why a step runs.
        unsafe_no_isolation: go on although an engine keeps nothing from the host.
        results: takes what the steps give, also where one of them says no.
    """

    again: str | None = None
    explain: bool = False
    unsafe_no_isolation: bool = False
    results: dict[Step[Job, Any], Any] = field(default_factory=dict[Step[Job, Any], Any])

    def job(
        self,
        root: Path,
        scratch: str,
        given: "Release | None" = None,
        scan: ScanSettings | None = None,
    ) -> Job:
        """What every step of a run is given; a release says itself how to scan.

        Raises:
            UsageError: `isolation-required`.
        """
        self.check(each.describe() for each in (self.engine, self.local))
        publishing = given.publishing() if given is not None else None
        scan = given.scan if given is not None else scan
        return Job(root=root, work=Path(scratch), making=self, scan=scan, release=publishing)

    def check(self, engines: Iterable[Description]) -> None:
        """Refuse an engine that keeps nothing from the toolchain, here or in another job.

        Raises:
            UsageError: `isolation-required`.
        """
        if not self.unsafe_no_isolation and not all(engine.isolated for engine in engines):
            raise ISOLATION_REQUIRED("the engine does not isolate the toolchain")

    def repeated(self) -> frozenset[str]:
        """The steps that run whatever the cache has.

        Raises:
            UsageError: `step-unknown`.
        """
        return after(STEPS, [_step(self.again).name]) if self.again else frozenset()

    @staticmethod
    def place(root: Path) -> str:
        """What a project's last inputs are noted under."""
        return str(root.absolute())

    def runner(self, job: Job) -> Runner[Job]:
        """A runner for one job."""
        return Runner(
            job,
            events=self.events,
            cache=self.cache,
            project=self.place(job.root),
            again=self.repeated(),
            explain=self.explain,
            results=self.results,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Release:
    """What a release needs beside the source and a workshop.

    Attributes:
        store: where the release goes.
        signer: signs every statement.
        scan: which scanner and which database.
        policy: the platform's, or None: then the release is verified by what the project says.
        material: what `miniseal refresh` brought, for a policy that needs it.
        resign: sign again although the store holds evidence that is good enough.
        until: the last step that runs; None publishes.
        links: whether each step leaves an in-toto link; `[publish] links` may ask for it too.
        parts: what other jobs have built and scanned; then nothing of the project runs here.
        inputs: of the workflow that the signer's certificate names, which then is the builder.
    """

    store: Store
    signer: Signer
    scan: ScanSettings
    policy: Policy | None = None
    material: bytes | None = None
    resign: bool = False
    until: str | None = None
    links: bool = False
    parts: Sequence[Part] = ()
    inputs: Mapping[str, object] | None = None

    def publishing(self) -> Publishing:
        """What the steps need of it."""

        def policy_of(project: Project) -> Policy:
            return self.policy or selfpolicy.policy_of(project, self.signer)

        return Publishing(
            store=self.store,
            signer=self.signer,
            policy=policy_of,
            material=self.material,
            links=self.links,
            inputs=self.inputs,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Released:
    """What a release published.

    Attributes:
        packed: the content.
        tags: that name it; none where the release stopped before.
        verdict: of the host's own verifier over what the store serves, or None as above.
        unchanged: whether all of it was there already.
    """

    packed: Packed
    tags: tuple[str, ...] = ()
    verdict: Verdict | None = None
    unchanged: bool = False


async def make(root: Path, shop: Workshop) -> Packed:
    """Build and pack the project at `root`.

    Raises:
        UsageError: `isolation-required`, `step-unknown`.
        MinisealError: the code of the step that said no.
    """
    with tempfile.TemporaryDirectory(prefix="miniseal-build-") as scratch:
        return await shop.runner(shop.job(root, scratch)).reach(PACK)


async def release(root: Path, shop: Workshop, given: Release) -> Released | None:
    """Release the project at `root`; None where `until` ends before there is a package.

    Raises:
        UsageError: `isolation-required`, `step-unknown`, `tag-exists`.
        MinisealError: the code of the step that said no; nothing has a tag then that had none.
    """
    goal = _step(given.until) if given.until else TAG
    if given.inputs is not None:
        shop = replace(shop, unsafe_no_isolation=False)  # such provenance has no word for it
    if given.parts:
        shop = replace(shop, cache=None)  # what is signed was just made, all of it
        shop.check(engines(given.parts))
    with tempfile.TemporaryDirectory(prefix="miniseal-release-") as scratch:
        job = shop.job(root, scratch, given)
        runner = shop.runner(job)
        if given.parts:
            await take(runner, given.parts, given.scan, now=shop.clock())
        if goal is not TAG:
            await runner.reach(goal)
            return Released(packed=runner.results[PACK]) if PACK in runner.results else None
        packed = await runner.reach(PACK)
        held = _held(job, runner.results, shop.repeated(), resign=given.resign)
        if held is not None:
            shop.events.emit("publish", "cached", package=held.package.digest)
            tags = tuple(publish.tags_of(packed))
            return Released(packed=packed, tags=tags, verdict=held, unchanged=True)
        tags = await runner.reach(TAG)
        return Released(packed=packed, tags=tags, verdict=runner.results[VERIFY])


@dataclass(frozen=True, slots=True, kw_only=True)
class ReleasePlan:
    """What a release would do.

    Attributes:
        steps: all of them, in order.
        signs: predicate types of the statements that would be signed.
        packed: the content, where that is known without running anything.
        unchanged: whether it is published already, with evidence that satisfies the policy.
    """

    steps: tuple[Planned, ...]
    signs: tuple[str, ...]
    packed: Packed | None
    unchanged: bool


async def plan_release(root: Path, shop: Workshop, given: Release) -> ReleasePlan:
    """What releasing the project at `root` would do; nothing runs, and nothing is written.

    Raises:
        UsageError: `isolation-required`, `step-unknown`, `tag-exists`.
        MinisealError: the code of a step that only reads.
    """
    with tempfile.TemporaryDirectory(prefix="miniseal-plan-") as scratch:
        job = shop.job(root, scratch, given)
        again = shop.repeated()
        planned, known = await plan(
            STEPS, job, cache=shop.cache, project=shop.place(root), again=again
        )
        held = None
        if PACK in known:
            held = _held(job, known, again, resign=given.resign)
        goal = _step(given.until) if given.until else PACK if held else TAG
        steps = until(goal, planned)
        signs = any(step.name == SIGN.name and step.state != "skipped" for step in steps)
        return ReleasePlan(
            steps=steps,
            signs=_kinds(job, known) if signs else (),
            packed=known.get(PACK),
            unchanged=held is not None,
        )


def _kinds(job: Job, known: Mapping[Step[Job, Any], Any]) -> tuple[str, ...]:
    """The predicate types of what would be signed."""
    project = known[RESOLVE].project
    linked = links.wanted(project, asked=job.publishing.links)
    return (*attest.KINDS, *links.kinds(project)) if linked else attest.KINDS


def _held(job: Job, results: Results, again: frozenset[str], *, resign: bool) -> Verdict | None:
    """What a host says of the release that the store holds, if its evidence is to be kept.

    Raises:
        UsageError: `tag-exists`, where the version names another package.
    """
    if not publish.is_tagged(job.publishing.store, results[PACK]):
        return None
    if resign or (again and PACK.name not in again):
        return None  # somebody wants new evidence for the same content
    try:
        return verdict(job, results)
    except MinisealError:
        return None


def _step(name: str) -> Step[Job, Any]:
    for step in STEPS:
        if step.name == name:
            return step
    raise STEP_UNKNOWN(
        "no such step", found=repr(name)[:60], expected=", ".join(step.name for step in STEPS)
    )
