"""From what was found out to a published release: gate, attest, sign, push, verify, tag."""

import asyncio
from dataclasses import dataclass
from typing import Any

from miniseal.attestations import sign_statement
from miniseal.formats.digest import sha256
from miniseal.formats.layout import PACKAGE
from miniseal.formats.predicates.vulns import Vulns
from miniseal.formats.strictjson import canonical
from miniseal.pipeline.flow.job import Job
from miniseal.pipeline.flow.make import BUILD, PACK, RESOLVE
from miniseal.pipeline.flow.prove import REBUILD, TEST
from miniseal.pipeline.flow.scan import SBOM, SCAN_BILL, SCAN_PACKAGE, SCAN_SOURCE, claimed
from miniseal.pipeline.graph import Results, Step
from miniseal.pipeline.steps import attest, links, publish
from miniseal.pipeline.steps.gate import Checks, Gated, bars_of, gate
from miniseal.pipeline.steps.resolve import Origin, origin
from miniseal.pipeline.steps.workflow import Workflow
from miniseal.verifier import Verdict, verify
from miniseal.verifier.vex import Identity

__all__ = ["ATTEST", "GATE", "PUSH", "SIGN", "STEPS", "TAG", "VERIFY", "Judged", "verdict"]


async def _origin(job: Job, of: Results) -> Origin:
    return await origin(of[RESOLVE].project, job.making.local)


ORIGIN = Step[Job, Origin](
    name="origin",
    does="asks git which commit the source is",
    run=_origin,
    uses=(RESOLVE,),
    shows=lambda origin: {"uri": origin.uri or "none", "commit": origin.commit or "none"},
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Judged:
    """What is claimed of all scans, and what the gate made of it."""

    vulns: Vulns
    gated: Gated


async def _gate(job: Job, of: Results) -> Judged:
    project = of[RESOLVE].project
    scans = {"source": of[SCAN_SOURCE], "package": of[SCAN_PACKAGE], "sbom": of[SCAN_BILL]}
    vulns = claimed(scans)
    publishing = job.publishing
    gated = gate(
        identity=Identity.of(of[PACK].config, of[PACK].package.descriptor.digest),
        vulns=vulns,
        scans={place: timed.scan for place, timed in scans.items()},
        bars=bars_of(project, publishing.policy(project), publishing.signer),
        vex=project.vex(),
        rebuilt=of[REBUILD],
        now=int(job.making.clock()),
    )
    return Judged(vulns=vulns, gated=gated)


GATE = Step[Job, Judged](
    name="gate",
    does="holds what was found against the thresholds",
    run=_gate,
    uses=(RESOLVE, PACK, REBUILD, TEST, SCAN_SOURCE, SCAN_PACKAGE, SCAN_BILL),
    shows=lambda judged: {
        "findings": len(judged.vulns.findings),
        "suppressed": len(judged.gated.suppressed),
    },
)


async def _attest(job: Job, of: Results) -> tuple[attest.Claim, ...]:
    project, ran, bill = of[RESOLVE].project, of[TEST], of[SBOM]
    said = attest.statements(
        of[PACK],
        build=_build(job, of),
        bill=bill,
        scan=of[GATE].vulns,
        pipeline=of[GATE].gated.checks,
        program=Checks(passed=("program",)) if ran else Checks(warned=("program",)),
        vex=project.vex(),
    )
    return (*said, *_links(of)) if links.wanted(project, asked=job.publishing.links) else said


def _build(job: Job, of: Results) -> attest.Build:
    """What is said of the build: by the workflow that signs, where the caller says it is one."""
    project, built, found = of[RESOLVE].project, of[BUILD], of[ORIGIN]
    publishing = job.publishing
    source, run = found.of(project), None
    if publishing.inputs is not None:
        run = Workflow.of(publishing.signer.identity, publishing.inputs)
        source = run.source(project.tree.digest, found.commit)
    return built.described(project, source, run)


def _links(of: Results) -> tuple[attest.Claim, ...]:
    project, packed = of[RESOLVE].project, of[PACK]
    artifacts = {
        "source": project.tree.digest,
        "toolchain": project.toolchain.lock,
        "app.wasm": packed.config.wasm.digest,
        PACKAGE: packed.package.descriptor.digest,
        "wasm_artifact": packed.wasm.descriptor.digest,
        "image": packed.image.descriptor.digest,
        "sbom": sha256(canonical(of[SBOM])),
        "vulnerabilities": sha256(canonical(of[GATE].vulns.to_json())),
    }
    return links.claims(artifacts, links.skipped(project))


ATTEST = Step[Job, tuple[attest.Claim, ...]](
    name="attest",
    does="says what was found, as in-toto statements",
    run=_attest,
    uses=(RESOLVE, BUILD, PACK, TEST, SBOM, ORIGIN, GATE),
    shows=lambda claims: {"statements": len(claims)},
)


async def _sign(job: Job, of: Results) -> tuple[publish.Signed, ...]:
    """All at the same time: a transparency log takes a second for each."""

    async def one(claim: attest.Claim) -> publish.Signed:
        bundle = await asyncio.to_thread(sign_statement, claim.statement, job.publishing.signer)
        return publish.Signed(
            predicate_type=claim.predicate_type, bundle=bundle, everywhere=claim.everywhere
        )

    claims = of[ATTEST]
    return tuple(await asyncio.gather(*map(one, claims)))


SIGN = Step[Job, tuple[publish.Signed, ...]](
    name="sign",
    does="signs each statement",
    run=_sign,
    uses=(ATTEST,),
    shows=lambda signed: {"bundles": len(signed)},
)


async def _push(job: Job, of: Results) -> int:
    store, packed, signed = job.publishing.store, of[PACK], of[SIGN]
    publish.push(store, packed)
    publish.push_evidence(store, packed, signed)
    return len(packed.blobs)


PUSH = Step[Job, int](
    name="push",
    does="writes content and evidence by digest",
    run=_push,
    uses=(PACK, SIGN),
    shows=lambda blobs: {"blobs": blobs},
)


def verdict(job: Job, of: Results) -> Verdict:
    """What the host's own verifier says of the package in the store.

    Raises:
        MinisealError: the code of the check that says no.
    """
    project = of[RESOLVE].project
    return verify(
        project.manifest.app_id,
        job.publishing.store,
        of[PACK].package.descriptor.digest,
        job.publishing.policy(project),
        now=job.making.clock(),
        material=job.publishing.material,
    )


async def _verify(job: Job, of: Results) -> Verdict:
    return verdict(job, of)


VERIFY = Step[Job, Verdict](
    name="verify",
    does="runs the host's own verifier over what the store serves",
    run=_verify,
    uses=(RESOLVE, PACK, PUSH),
    shows=lambda verdict: {"evidence": len(verdict.evidence)},
)


async def _tag(job: Job, of: Results) -> tuple[str, ...]:
    return publish.tag(job.publishing.store, of[PACK])


TAG = Step[Job, tuple[str, ...]](
    name="tag",
    does="lets the version's tags name the release, the package's last",
    run=_tag,
    uses=(PACK, VERIFY),
    shows=lambda tags: {"tags": ", ".join(tags)},
)

STEPS: tuple[Step[Job, Any], ...] = (ORIGIN, GATE, ATTEST, SIGN, PUSH, VERIFY, TAG)
