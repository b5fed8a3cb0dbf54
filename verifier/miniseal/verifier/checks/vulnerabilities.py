"""Vulnerabilities: the latest scan by an authorised key decides, and of equal ones the worst.

An older clean scan never outvotes a newer bad one. Where a signer has a threshold, the latest scan
of each of its keys is counted, and so many of them have to be good; that the latest of all is good
is demanded besides, whoever's it is: one key of a signer can refuse, only enough of them can admit.

A finding that a VEX document of the rule's `vex_signers` suppresses does not count, and is told of;
the admission then rests on that document too.
"""

from dataclasses import dataclass

from miniseal.formats.predicates.openvex import Document
from miniseal.formats.predicates.vulns import Vulns
from miniseal.formats.times import from_text
from miniseal.verifier.checks.signer import rely
from miniseal.verifier.evidence import Collected, Evidence
from miniseal.verifier.policy.model import Vulnerabilities
from miniseal.verifier.policy.patterns import seconds
from miniseal.verifier.policy.policy import Policy
from miniseal.verifier.thresholds import check_age, check_severity
from miniseal.verifier.vex import Identity, Said, Suppressed, Vex, weigh

__all__ = ["Judged", "check_vulnerabilities"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Judged:
    """What came of the scans.

    Attributes:
        evidence: the scans that the admission rests on, and the VEX documents.
        end: when the first of the scans will be too old, seconds since 1970.
        suppressed: findings of the latest scans that do not count, each once.
    """

    evidence: tuple[Evidence[object], ...]
    end: int
    suppressed: tuple[Suppressed, ...]


def check_vulnerabilities(
    rule: Vulnerabilities, collected: Collected, policy: Policy, identity: Identity, now: int
) -> Judged:
    """Check the scans, without the findings that do not count for the package `identity`.

    Raises:
        VerificationError: `vulnerability-threshold`, `scan-stale`, `scan-from-future`, or as
            `checks.signer.rely`.
    """
    max_age = seconds(rule.max_age) or 0
    documents = collected.by(Document, rule.vex_signers)
    vex = _vex(rule, documents, policy, identity, now)
    suppressed: dict[Suppressed, None] = {}

    def accept(evidence: Evidence[Vulns], signer: str) -> None:
        del signer
        counted, others = weigh(
            evidence.predicate, vex, fail_on=rule.fail_on, ignore_unfixed=rule.ignore_unfixed
        )
        check_severity(counted, rule.fail_on)
        check_age(evidence.predicate, max_age, now)
        suppressed.update(dict.fromkeys(others))

    scans = collected.by(Vulns, rule.signers)
    latest = max((from_text(each.predicate.finished_on) for each in scans), default=0)
    for each in scans:
        if from_text(each.predicate.finished_on) == latest:
            accept(each, "")
    relied = rely(collected, Vulns, rule.signers, policy, accept)
    needed = {bundle for each in suppressed for bundle in each.bundles}
    return Judged(
        evidence=(*relied, *(each for each in documents if each.bundle in needed)),
        end=min(check_age(each.predicate, max_age, now) for each in relied),
        suppressed=tuple(suppressed),
    )


def _vex(
    rule: Vulnerabilities,
    documents: tuple[Evidence[Document], ...],
    policy: Policy,
    identity: Identity,
    now: int,
) -> Vex:
    said = [
        Said(
            document=each.predicate,
            signers=each.signers,
            key=each.signatory.id,
            bundle=each.bundle,
        )
        for each in documents
    ]
    signer = policy.document.signer
    thresholds = {name: signer[name].threshold for name in rule.vex_signers}
    return Vex.of(said, identity, thresholds=thresholds, now=now)
