"""Everything that a namespace requires, in one place: which rule is checked by what.

Each requirement is checked by itself, so that an explanation can go on where a verdict stops.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import TypeVar

from miniseal.formats.predicates.link import Link
from miniseal.formats.predicates.openvex import Document
from miniseal.formats.predicates.provenance import Provenance
from miniseal.formats.predicates.sbom import Sbom
from miniseal.formats.predicates.scai import Scai
from miniseal.formats.predicates.test_result import TestResult
from miniseal.formats.predicates.vsa import Vsa
from miniseal.formats.predicates.vulns import Vulns
from miniseal.verifier.checks.freshness import check_age, ends, signed_at
from miniseal.verifier.checks.provenance import built_at, check_provenance
from miniseal.verifier.checks.rebuilders import check_rebuilders
from miniseal.verifier.checks.sbom import check_sbom
from miniseal.verifier.checks.signer import check_publisher, rely
from miniseal.verifier.checks.test_result import check_results
from miniseal.verifier.checks.verification import check_verification
from miniseal.verifier.checks.vulnerabilities import check_vulnerabilities
from miniseal.verifier.contents import Fetched
from miniseal.verifier.evidence import Collected, CosignSignature, Evidence
from miniseal.verifier.policy import model
from miniseal.verifier.policy.policy import Policy
from miniseal.verifier.summary import resource_uri
from miniseal.verifier.vex import Identity, Suppressed

_R = TypeVar("_R")

__all__ = ["Case", "Relied", "Requirement", "check_required", "requirements", "together"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Relied:
    """What an admission rests on.

    Attributes:
        evidence: the statements.
        ends: when some of them get too old, seconds since 1970.
        suppressed: findings of scans that did not count.
    """

    evidence: tuple[Evidence[object], ...]
    ends: tuple[int, ...] = ()
    suppressed: tuple[Suppressed, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """What requirements are checked against.

    Attributes:
        fetched: manifest and config of the package.
        collected: the evidence.
        policy: signers, builders and layouts.
        namespace: whose rules.
        now: seconds since 1970.
    """

    fetched: Fetched
    collected: Collected
    policy: Policy
    namespace: model.Namespace
    now: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Requirement:
    """One thing that has to be shown.

    Attributes:
        name: of the table in the policy, or `publishers`.
        kinds: of predicates that it is about.
        check: what it rests on; raises a VerificationError where it is not met.
    """

    name: str
    kinds: tuple[type, ...]
    check: Callable[[], Relied]


def check_required(case: Case) -> Relied:
    """Check every rule of the namespace's `require`, and that a publisher has signed.

    Raises:
        VerificationError: the codes of the single checks.
    """
    return together(each.check() for each in requirements(case))


def requirements(case: Case) -> tuple[Requirement, ...]:
    """What the namespace demands, in the order in which it is checked."""
    return tuple(_requirements(case))


def _requirements(case: Case) -> Iterator[Requirement]:
    require = case.namespace.require
    if (build := require.provenance) is not None:
        check = _bound(_provenance, build, case)
        yield Requirement(name="provenance", kinds=(Provenance,), check=check)
    if (bill := require.sbom) is not None:
        yield Requirement(name="sbom", kinds=(Sbom,), check=_bound(_sbom, bill, case))
    if (scan := require.vulnerabilities) is not None:
        check = _bound(_vulnerabilities, scan, case)
        yield Requirement(name="vulnerabilities", kinds=(Vulns, Document), check=check)
    if (results := require.checks) is not None:
        yield Requirement(name="checks", kinds=(TestResult,), check=_bound(_results, results, case))
    if (report := require.capabilities) is not None:
        check = _bound(_capabilities, report, case)
        yield Requirement(name="capabilities", kinds=(Scai,), check=check)
    if (others := require.rebuilders) is not None:
        check = _bound(_rebuilders, others, case)
        yield Requirement(name="rebuilders", kinds=(Provenance, TestResult), check=check)
    if (summary := require.verification) is not None:
        check = _bound(_verification, summary, case)
        yield Requirement(name="verification", kinds=(Vsa,), check=check)
    if (layout := require.layout) is not None:
        yield Requirement(name="layout", kinds=(Link,), check=_bound(_layout, layout, case))
    check = _bound(_publishers, case.namespace, case)
    yield Requirement(name="publishers", kinds=(Provenance, CosignSignature), check=check)


def _bound(check: Callable[[_R, Case], Relied], rule: _R, case: Case) -> Callable[[], Relied]:
    return lambda: check(rule, case)


def _provenance(rule: model.Provenance, case: Case) -> Relied:
    evidence = check_provenance(rule, case.collected, case.policy, case.now)
    return Relied(evidence=evidence, ends=ends(evidence, rule.max_age, built_at))


def _sbom(rule: model.Sbom, case: Case) -> Relied:
    wasm = case.fetched.config.wasm.digest
    evidence = check_sbom(rule, case.collected, case.policy, wasm, case.now)
    return Relied(evidence=evidence, ends=ends(evidence, rule.max_age))


def _vulnerabilities(rule: model.Vulnerabilities, case: Case) -> Relied:
    identity = Identity.of(case.fetched.config, case.fetched.descriptor.digest)
    judged = check_vulnerabilities(rule, case.collected, case.policy, identity, case.now)
    return Relied(evidence=judged.evidence, ends=(judged.end,), suppressed=judged.suppressed)


def _results(rule: model.Checks, case: Case) -> Relied:
    evidence = check_results(rule, case.collected, case.policy, case.now)
    return Relied(evidence=evidence, ends=ends(evidence, rule.max_age))


def _capabilities(rule: model.Capabilities, case: Case) -> Relied:
    def accept(evidence: Evidence[Scai], signer: str) -> None:
        del signer
        check_age(signed_at(evidence), rule.max_age, case.now)

    evidence = rely(case.collected, Scai, rule.signers, case.policy, accept)
    return Relied(evidence=evidence, ends=ends(evidence, rule.max_age))


def _rebuilders(rule: model.Rebuilders, case: Case) -> Relied:
    return Relied(evidence=check_rebuilders(rule, case.collected, case.policy, case.namespace))


def _verification(rule: model.Verification, case: Case) -> Relied:
    summarised = check_verification(
        rule,
        case.collected,
        case.policy,
        case.namespace,
        resource=resource_uri(case.fetched.config),
        now=case.now,
    )
    return Relied(evidence=summarised.evidence, ends=(summarised.end,))


def _layout(rule: model.Layout, case: Case) -> Relied:
    from miniseal.verifier.checks.layout import check_layout  # most policies have none

    followed = check_layout(
        rule,
        case.policy.layouts[rule.file],
        case.collected,
        case.policy,
        package=case.fetched.descriptor.digest,
        now=case.now,
    )
    return Relied(evidence=followed.evidence, ends=(followed.end,))


def _publishers(namespace: model.Namespace, case: Case) -> Relied:
    return Relied(evidence=check_publisher(namespace, case.collected, case.policy))


def together(each: Iterable[Relied]) -> Relied:
    """Everything that several requirements rest on."""
    parts = tuple(each)
    return Relied(
        evidence=tuple(evidence for part in parts for evidence in part.evidence),
        ends=tuple(end for part in parts for end in part.ends),
        suppressed=tuple(finding for part in parts for finding in part.suppressed),
    )
