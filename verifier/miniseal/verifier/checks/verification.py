"""Verification summaries: somebody whom the policy names has verified the package before.

A summary counts for pairs of signer and verifier that the rule names, and never by a publisher's
key. The latest summary of all decides whether there is bad news: a failed verification is outvoted
by a later one that would do, never by an earlier one, and never by one of another resource, policy
or level. Of one key only its latest summary counts besides, and of two in one second the one that
failed.
"""

from dataclasses import dataclass

from miniseal.formats.errors import Code, VerificationError
from miniseal.formats.predicates.vsa import PASSED, Vsa
from miniseal.formats.times import from_text, to_text
from miniseal.verifier.checks.independent import is_publisher
from miniseal.verifier.checks.signer import rely
from miniseal.verifier.evidence import URIS, Aside, Collected, Evidence
from miniseal.verifier.policy.model import Namespace, Verification
from miniseal.verifier.policy.patterns import seconds
from miniseal.verifier.policy.policy import Policy
from miniseal.verifier.thresholds import FUTURE_SKEW

__all__ = [
    "SUMMARY_FAILED",
    "SUMMARY_FROM_FUTURE",
    "SUMMARY_LEVEL",
    "SUMMARY_POLICY",
    "SUMMARY_RESOURCE",
    "SUMMARY_STALE",
    "SUMMARY_VERIFIER",
    "Summarised",
    "check_verification",
]

SUMMARY_FAILED = Code(
    "summary-failed",
    VerificationError,
    meaning="the latest verification by somebody whom the policy names has failed",
    cause="a verifier of the policy has refused this package",
    remedy="ask that verifier for the reason; a later verification that passes outvotes it",
)
SUMMARY_STALE = Code(
    "summary-stale",
    VerificationError,
    meaning="a verification summary is older than the policy allows",
    cause="the package was not verified again for a while",
    remedy="verify it again with `miniseal verify --attest`",
)
SUMMARY_FROM_FUTURE = Code(
    "summary-from-future",
    VerificationError,
    meaning="a verification summary has a time that is still to come",
    cause="the verifier's clock is ahead, or this host's is behind",
    remedy="set the clocks right and verify again",
)
SUMMARY_VERIFIER = Code(
    "summary-verifier",
    VerificationError,
    meaning="a verification summary is by nobody whose verifications count here",
    cause="its signer may not speak for that verifier, or is a publisher of the namespace",
    remedy="sign with a signer of the rule's `verifiers`, and with the id that stands beside it",
)
SUMMARY_RESOURCE = Code(
    "summary-resource",
    VerificationError,
    meaning="a verification summary is about the package as something else",
    cause="the verifier took the package for another program or version",
    remedy="verify the package as pkg:generic/APP_ID@VERSION",
)
SUMMARY_POLICY = Code(
    "summary-policy",
    VerificationError,
    meaning="a verification summary is by another policy than the rule names",
    cause="the verifier's policy has changed, or is not the one agreed upon",
    remedy="name the digest of the verifier's policy in `policies`, or have it use yours",
)
SUMMARY_LEVEL = Code(
    "summary-level",
    VerificationError,
    meaning="a verification summary lacks a level that the policy demands",
    cause="the package was built by a builder of a lower level",
    remedy="build with a builder of that level and verify again",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Summarised:
    """What came of the summaries.

    Attributes:
        evidence: those that the admission rests on.
        end: when the first of them will be too old, seconds since 1970.
    """

    evidence: tuple[Evidence[Vsa], ...]
    end: int


def check_verification(
    rule: Verification,
    collected: Collected,
    policy: Policy,
    namespace: Namespace,
    *,
    resource: str,
    now: int,
) -> Summarised:
    """Check the summaries of one package.

    Args:
        rule: of the namespace.
        collected: the evidence.
        policy: its signers.
        namespace: whose publishers do not verify themselves.
        resource: what the package has to have been verified as (`summary.resource_uri`).
        now: seconds since 1970.

    Raises:
        VerificationError: `summary-failed`, `summary-stale`, `summary-from-future`,
            `summary-verifier`, `summary-resource`, `summary-policy`, `summary-level`, or as
            `checks.signer.rely`.
    """
    signers = tuple(dict.fromkeys(each.signer for each in rule.verifiers))
    summaries, aside = _named(rule, collected, policy, namespace, signers)
    news = [each for each in summaries if _is_news(each.predicate, rule, resource)]
    latest = max(map(_time, news), default=0)
    for each in news:
        if _time(each) == latest:
            _check_news(each.predicate, now)

    def accept(evidence: Evidence[Vsa], signer: str) -> None:
        _check_pair(evidence.predicate, signer, rule)
        _check_news(evidence.predicate, now)
        _check_content(evidence.predicate, rule, resource)
        _check_age(evidence.predicate, rule, now)

    kept = Collected(evidence=_latest_by_key(summaries), aside=aside)
    relied = rely(kept, Vsa, signers, policy, accept)
    return Summarised(evidence=relied, end=min(_end(each.predicate, rule) for each in relied))


def _named(
    rule: Verification,
    collected: Collected,
    policy: Policy,
    namespace: Namespace,
    signers: tuple[str, ...],
) -> tuple[tuple[Evidence[Vsa], ...], tuple[Aside, ...]]:
    """The summaries by pairs that the rule names, and all else that was set aside."""
    named: list[Evidence[Vsa]] = []
    aside = list(collected.aside)
    for evidence in collected.by(Vsa, signers):
        if is_publisher(evidence, namespace, policy):
            reason = "signed with a publisher's key"
        elif not _pairs(evidence, rule):
            reason = evidence.predicate.verifier_id[:200]
        else:
            named.append(evidence)
            continue
        error = SUMMARY_VERIFIER(
            "a verification summary does not count",
            found=reason,
            expected=" or ".join(f"{each.id} by {each.signer}" for each in rule.verifiers)[:300],
        )
        aside.append(Aside(bundle=evidence.bundle, predicate_type=URIS[Vsa], error=error))
    return tuple(named), tuple(aside)


def _pairs(evidence: Evidence[Vsa], rule: Verification) -> bool:
    said = evidence.predicate.verifier_id
    return any(each.id == said and each.signer in evidence.signers for each in rule.verifiers)


def _latest_by_key(summaries: tuple[Evidence[Vsa], ...]) -> tuple[Evidence[Vsa], ...]:
    latest: dict[str, Evidence[Vsa]] = {}
    for each in sorted(summaries, key=lambda each: (_time(each), not each.predicate.passed)):
        latest[each.signatory.id] = each
    return tuple(latest.values())


def _check_pair(summary: Vsa, signer: str, rule: Verification) -> None:
    if all((each.signer, each.id) != (signer, summary.verifier_id) for each in rule.verifiers):
        raise SUMMARY_VERIFIER(
            f"{signer} may not speak for this verifier", found=summary.verifier_id[:200]
        )


def _is_news(summary: Vsa, rule: Verification, resource: str) -> bool:
    """Whether a summary is a failure, or one that outvotes failures."""
    if not summary.passed:
        return True
    try:
        _check_content(summary, rule, resource)
    except VerificationError:
        return False
    return True


def _check_news(summary: Vsa, now: int) -> None:
    time = from_text(summary.verified_on)
    if not summary.passed:
        raise SUMMARY_FAILED(
            "a verification has failed",
            found=f"{summary.verifier_id[:200]}, {summary.verified_on}",
            expected=PASSED,
        )
    if time > now + FUTURE_SKEW:
        raise SUMMARY_FROM_FUTURE(
            "the verification is from the future",
            found=summary.verified_on,
            expected=f"now, {to_text(now)}",
        )


def _check_content(summary: Vsa, rule: Verification, resource: str) -> None:
    if summary.resource_uri != resource:
        raise SUMMARY_RESOURCE(
            "the verification is of something else",
            found=summary.resource_uri[:200],
            expected=resource,
        )
    used = f"sha256:{summary.policy.digest.get('sha256')}"
    if rule.policies and used not in rule.policies:
        raise SUMMARY_POLICY(
            "the verification is by another policy",
            found=used[:100],
            expected=" or ".join(rule.policies)[:300],
        )
    for level in rule.levels:
        if not summary.reaches(level):
            raise SUMMARY_LEVEL(
                "the verification does not reach a level",
                found=", ".join(summary.levels)[:200] or "none",
                expected=level,
            )


def _check_age(summary: Vsa, rule: Verification, now: int) -> None:
    if now >= _end(summary, rule):
        raise SUMMARY_STALE(
            "the verification is too old",
            found=summary.verified_on,
            expected=f"at most {rule.max_age} ago",
        )


def _end(summary: Vsa, rule: Verification) -> int:
    return from_text(summary.verified_on) + (seconds(rule.max_age) or 0)


def _time(evidence: Evidence[Vsa]) -> int:
    return from_text(evidence.predicate.verified_on)
