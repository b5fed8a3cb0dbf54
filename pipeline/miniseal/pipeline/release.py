"""The release pipeline: from a source folder to signed, verified and tagged content in a store.

    resolve -> fetch -> build -> inspect -> pack -> rebuild -> test -> sbom -> scan -> gate
            -> attest -> sign -> push -> verify -> tag

`make` does the first five; `release` does them all. Each step is a function of what it is given;
here they are only called in order and told about. What is published already, with evidence that
satisfies the policy, is not signed again.
"""

import tempfile
import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from miniseal.attestations import Signer, sign_statement
from miniseal.formats import times
from miniseal.formats.errors import Code, MinisealError, UsageError
from miniseal.formats.wasm.inspect import inspect
from miniseal.packager import Packed, check_permissions, pack
from miniseal.pipeline import selfpolicy
from miniseal.pipeline.engines.engine import Engine
from miniseal.pipeline.events import Events
from miniseal.pipeline.steps import attest, publish
from miniseal.pipeline.steps.build import build, rebuild
from miniseal.pipeline.steps.fetch import ToolCache
from miniseal.pipeline.steps.gate import Checks, gate
from miniseal.pipeline.steps.resolve import Resolved, resolve
from miniseal.pipeline.steps.scan import ScanSettings, scan
from miniseal.pipeline.steps.test import test
from miniseal.registry import Store
from miniseal.verifier import Policy, Verdict, verify

__all__ = ["ISOLATION_REQUIRED", "Made", "Release", "Released", "make", "release"]

ISOLATION_REQUIRED = Code(
    "isolation-required",
    UsageError,
    meaning="no toolchain runs, and nothing is signed that one built, without isolation",
    cause="neither bubblewrap nor unprivileged namespaces work on this machine",
    remedy="install bubblewrap; --unsafe-no-isolation lets the toolchain reach all that you can, "
    "and signs as another builder, which policies have to name before they accept it",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Made:
    """What building gave.

    Attributes:
        resolved: the source.
        tools: fetched tools by folder.
        wasm: the module.
        packed: the three manifests and their blobs.
    """

    resolved: Resolved
    tools: dict[str, Path]
    wasm: bytes
    packed: Packed


@dataclass(frozen=True, slots=True, kw_only=True)
class Release:
    """What a release needs beside the source.

    Attributes:
        engine: runs toolchain, tests and scanner.
        tools: the cache that tools are fetched into.
        events: is told what happens.
        store: where the release goes.
        signer: signs every statement.
        scan: which scanner and which database.
        policy: the platform's, or None: then the release is verified by what the project says.
        unsafe_no_isolation: sign although the engine keeps nothing from the host.
        resign: sign again although the store holds evidence that is good enough.
        clock: seconds since 1970.
        identify: a new URI for each run.
    """

    engine: Engine
    tools: ToolCache
    events: Events
    store: Store
    signer: Signer
    scan: ScanSettings
    policy: Policy | None = None
    unsafe_no_isolation: bool = False
    resign: bool = False
    clock: Callable[[], float] = time.time
    identify: Callable[[], str] = field(default=lambda: uuid.uuid4().urn)

    def now(self) -> str:
        """The time as statements write it."""
        return times.to_text(int(self.clock()))


@dataclass(frozen=True, slots=True, kw_only=True)
class Released:
    """What a release published.

    Attributes:
        packed: the content.
        tags: that name it.
        verdict: of the host's own verifier over what the store serves.
        unchanged: whether all of it was there already.
    """

    packed: Packed
    tags: tuple[str, ...]
    verdict: Verdict
    unchanged: bool


async def make(
    root: Path,
    *,
    engine: Engine,
    tools: ToolCache,
    events: Events,
    work: Path,
    unsafe_no_isolation: bool = False,
) -> Made:
    """Resolve, fetch, build, inspect and pack the project at `root`, with scratch space `work`.

    Raises:
        UsageError: `isolation-required`, where the engine keeps nothing from the host and
            `unsafe_no_isolation` does not say that this is known.
        MinisealError: the code of the step that said no.
    """
    if not engine.describe().isolated and not unsafe_no_isolation:
        raise ISOLATION_REQUIRED("the engine does not isolate the toolchain")
    with events.step("resolve") as facts:
        resolved = await resolve(root, engine, work)
        project = resolved.project
        facts.update(app=project.manifest.app_id, version=project.manifest.version_name)
        facts.update(source=project.tree.digest, files=len(project.tree.files))
    with events.step("fetch") as facts:
        fetched = await tools.fetch(project.tools)
        facts.update(tools=", ".join(fetched) or "none")
    with events.step("build") as facts:
        wasm = await build(resolved, fetched, engine)
        facts.update(toolchain=project.toolchain.name, bytes=len(wasm))
    manifest, settings = project.manifest, project.settings
    with events.step("inspect") as facts:
        module = inspect(wasm)
        check_permissions(manifest, settings.permissions, module.import_modules())
        facts.update(imports=len(module.imports), exports=len(module.exports))
    with events.step("pack") as facts:
        packed = pack(manifest, settings, wasm, project.assets, project.toolchain)
        for warning in packed.warnings:
            events.emit("pack", "output", text=f"warning: {warning}")
        facts.update(package=packed.package.descriptor.digest)
        facts.update(wasm=packed.wasm.descriptor.digest, image=packed.image.descriptor.digest)
    return Made(resolved=resolved, tools=fetched, wasm=wasm, packed=packed)


async def release(root: Path, given: Release) -> Released:
    """Release the project at `root`.

    Raises:
        MinisealError: the code of the step that said no; nothing has a tag then that had none.
    """
    with tempfile.TemporaryDirectory(prefix="miniseal-release-") as scratch:
        work = Path(scratch)
        started = given.now()
        made = await make(
            root,
            engine=given.engine,
            tools=given.tools,
            events=given.events,
            work=work,
            unsafe_no_isolation=given.unsafe_no_isolation,
        )
        policy = given.policy or selfpolicy.policy_of(made.resolved.project, given.signer)
        before = _already(made, given, policy)
        if before is not None:
            return before
        claims = await _prove(made, given, work, started)
        return _publish(made, given, claims, policy)


def _already(made: Made, given: Release, policy: Policy) -> Released | None:
    """The release that the store holds, if it is this one and its evidence is to be kept.

    Raises:
        UsageError: `tag-exists`, where the version names another package.
    """
    if not publish.is_tagged(given.store, made.packed) or given.resign:
        return None
    try:
        verdict = _verdict(made, given, policy)
    except MinisealError:
        return None
    given.events.emit("publish", "cached", package=verdict.package.digest)
    tags = tuple(publish.tags_of(made.packed))
    return Released(packed=made.packed, tags=tags, verdict=verdict, unchanged=True)


async def _prove(made: Made, given: Release, work: Path, started: str) -> tuple[attest.Claim, ...]:
    """Rebuild, test, scan and gate; what was found, as statements that nobody has signed."""
    events, project = given.events, made.resolved.project
    finished = given.now()
    with events.step("rebuild") as facts:
        same = await rebuild(made.resolved, made.tools, given.engine, made.wasm, work)
        facts.update(result="same bytes" if same else "nothing is built here")
    with events.step("test") as facts:
        runner = await given.tools.fetch(project.lock.test if project.settings.test else ())
        ran = await test(made.resolved, made.wasm, runner, given.engine, work)
        facts.update(passed=ran)
    scanned = await scan(
        made.resolved,
        made.packed,
        settings=given.scan,
        engine=given.engine,
        events=events,
        clock=given.clock,
        work=work,
    )
    with events.step("gate") as facts:
        fail_on = project.settings.scan.fail_on
        checks = gate(scanned.vulns, scanned.secrets, fail_on=fail_on, rebuilt=same)
        facts.update(findings=len(scanned.vulns.findings), fail_on=fail_on)
    with events.step("attest") as facts:
        claims = attest.statements(
            made.packed,
            build=_build(made, given, started, finished),
            bill=scanned.bill,
            scan=scanned.vulns,
            pipeline=checks,
            program=Checks(passed=("program",)) if ran else Checks(warned=("program",)),
        )
        facts.update(statements=len(claims))
    return claims


def _build(made: Made, given: Release, started: str, finished: str) -> attest.Build:
    project = made.resolved.project
    return attest.Build(
        source=made.resolved.source,
        settings=project.settings,
        tools=project.tools,
        toolchain=project.toolchain,
        engine=given.engine.describe().name,
        isolated=given.engine.describe().isolated,
        invocation=given.identify(),
        started=started,
        finished=finished,
    )


def _publish(
    made: Made, given: Release, claims: tuple[attest.Claim, ...], policy: Policy
) -> Released:
    events, packed = given.events, made.packed
    with events.step("sign") as facts:
        signed = tuple(
            publish.Signed(
                predicate_type=claim.predicate_type,
                bundle=sign_statement(claim.statement, given.signer),
                everywhere=claim.everywhere,
            )
            for claim in claims
        )
        facts.update(bundles=len(signed), key=given.signer.hint)
    with events.step("push") as facts:
        publish.push(given.store, packed)
        publish.push_evidence(given.store, packed, signed)
        facts.update(blobs=len(packed.blobs), package=packed.package.descriptor.digest)
    with events.step("verify") as facts:
        verdict = _verdict(made, given, policy)
        facts.update(evidence=len(verdict.evidence), policy="given" if given.policy else "own")
    with events.step("tag") as facts:
        tags = publish.tag(given.store, packed)
        facts.update(tags=", ".join(tags))
    return Released(packed=packed, tags=tags, verdict=verdict, unchanged=False)


def _verdict(made: Made, given: Release, policy: Policy) -> Verdict:
    return verify(
        made.resolved.project.manifest.app_id,
        given.store,
        made.packed.package.descriptor.digest,
        policy,
        now=given.clock(),
    )
