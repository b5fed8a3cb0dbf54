"""Vulnerabilities: the latest scan by an authorised key decides, and of equal ones the worst.

An older clean scan never outvotes a newer bad one. Where a signer has a threshold, the latest scan
of each of its keys is counted, and so many of them have to be good; that the latest of all is good
is demanded besides, whoever's it is: one key of a signer can refuse, only enough of them can admit.
"""

from miniseal.formats.predicates.vulns import Vulns
from miniseal.formats.times import from_text
from miniseal.verifier.checks.signer import rely
from miniseal.verifier.evidence import Collected, Evidence
from miniseal.verifier.policy.model import Vulnerabilities
from miniseal.verifier.policy.patterns import seconds
from miniseal.verifier.policy.policy import Policy
from miniseal.verifier.thresholds import check_age, check_severity

__all__ = ["check_vulnerabilities"]


def check_vulnerabilities(
    rule: Vulnerabilities, collected: Collected, policy: Policy, now: int
) -> tuple[tuple[Evidence[Vulns], ...], int]:
    """The scans that the admission rests on, and when the first of them will be too old.

    Raises:
        VerificationError: `vulnerability-threshold`, `scan-stale`, `scan-from-future`, or as
            `checks.signer.rely`.
    """
    max_age = seconds(rule.max_age) or 0

    def accept(evidence: Evidence[Vulns], signer: str) -> None:
        del signer
        check_severity(evidence.predicate, rule.fail_on)
        check_age(evidence.predicate, max_age, now)

    scans = collected.by(Vulns, rule.signers)
    latest = max((from_text(each.predicate.finished_on) for each in scans), default=0)
    for each in scans:
        if from_text(each.predicate.finished_on) == latest:
            accept(each, "")
    relied = rely(collected, Vulns, rule.signers, policy, accept)
    return relied, min(check_age(each.predicate, max_age, now) for each in relied)
