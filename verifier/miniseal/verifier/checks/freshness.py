"""Until when: the policy's own end, and the earliest end of everything an admission rests on.

A statement's age is counted from the time that it states itself, where its kind has one, else from
the verified time of its signature; a signature by a key has none.
"""

from collections.abc import Callable, Iterable
from typing import TypeVar

from miniseal.formats.errors import Code, VerificationError
from miniseal.formats.times import to_text
from miniseal.verifier.evidence import Evidence
from miniseal.verifier.policy.patterns import seconds
from miniseal.verifier.policy.policy import Policy
from miniseal.verifier.thresholds import FUTURE_SKEW

__all__ = [
    "EVIDENCE_FROM_FUTURE",
    "EVIDENCE_STALE",
    "EVIDENCE_UNDATED",
    "POLICY_EXPIRED",
    "check_age",
    "check_policy",
    "ends",
    "expiry",
    "signed_at",
]

POLICY_EXPIRED = Code(
    "policy-expired",
    VerificationError,
    meaning="the policy has reached its expires",
    cause="no newer policy was brought to the host",
    remedy="get the platform's current policy",
)
EVIDENCE_STALE = Code(
    "evidence-stale",
    VerificationError,
    meaning="a statement is older than the policy's rule allows",
    cause="it was made at a release long ago, and not again since",
    remedy="state it again: release the package again, or have it verified or rebuilt again",
)
EVIDENCE_UNDATED = Code(
    "evidence-undated",
    VerificationError,
    meaning="the policy limits the age of a statement that does not tell how old it is",
    cause="it was signed with a key, which proves no time, and states none itself",
    remedy="sign it keyless, so that a log or an authority attests the time; or drop the max_age",
)
EVIDENCE_FROM_FUTURE = Code(
    "evidence-from-future",
    VerificationError,
    meaning="a statement or its signature has a time that is still to come",
    cause="the signer's clock is ahead, or this host's is behind",
    remedy="set the clocks right",
)

_P = TypeVar("_P")


def check_policy(policy: Policy, now: int) -> None:
    """Refuse a policy that is past its end.

    Raises:
        VerificationError: `policy-expired`.
    """
    if now >= policy.end:
        raise POLICY_EXPIRED(
            "the policy has expired", found=to_text(now), expected=f"before {policy.expires}"
        )


def signed_at(evidence: Evidence[object]) -> int | None:
    """The earliest verified time of a signature, seconds since 1970; None for a key's."""
    return min(evidence.signatory.times, default=None)


def check_age(made: int | None, max_age: str | None, now: int) -> None:
    """Refuse a statement of the time `made` that is older than `max_age` (None: of any age).

    Raises:
        VerificationError: `evidence-stale`, `evidence-undated`, `evidence-from-future`.
    """
    if max_age is None:
        return
    if made is None:
        raise EVIDENCE_UNDATED("the statement's age is not known", expected=f"at most {max_age}")
    if made > now + FUTURE_SKEW:
        raise EVIDENCE_FROM_FUTURE(
            "the statement is from the future", found=to_text(made), expected=f"now, {to_text(now)}"
        )
    if now >= made + (seconds(max_age) or 0):
        raise EVIDENCE_STALE(
            "the statement is too old", found=to_text(made), expected=f"at most {max_age} old"
        )


def ends(
    relied: Iterable[Evidence[_P]],
    max_age: str | None,
    made: Callable[[Evidence[_P]], int | None] = signed_at,
) -> tuple[int, ...]:
    """When each of the statements, whose time `made` gives, will be too old."""
    if max_age is None:
        return ()
    return tuple((made(each) or 0) + (seconds(max_age) or 0) for each in relied)


def expiry(
    policy: Policy, relied: Iterable[Evidence[object]], ends: Iterable[int], now: int
) -> int:
    """When an admission made at `now` ends, seconds since 1970.

    Args:
        policy: its end, and its longest admission.
        relied: evidence that the admission rests on; its keys may have ends.
        ends: when other things that it rests on reach theirs.
        now: seconds since 1970.
    """
    keys = (each.signatory.not_after for each in relied)
    known = (end for end in keys if end is not None)
    return min(policy.end, now + policy.max_admission_age, *known, *ends)
