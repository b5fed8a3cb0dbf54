"""Until when: the policy's own end, and the earliest end of everything an admission rests on."""

from collections.abc import Iterable

from miniseal.formats.errors import Code, VerificationError
from miniseal.formats.times import to_text
from miniseal.verifier.evidence import Evidence
from miniseal.verifier.policy.policy import Policy

__all__ = ["POLICY_EXPIRED", "check_policy", "expiry"]

POLICY_EXPIRED = Code(
    "policy-expired",
    VerificationError,
    meaning="the policy has reached its expires",
    cause="no newer policy was brought to the host",
    remedy="get the platform's current policy",
)


def check_policy(policy: Policy, now: int) -> None:
    """Refuse a policy that is past its end.

    Raises:
        VerificationError: `policy-expired`.
    """
    if now >= policy.end:
        raise POLICY_EXPIRED(
            "the policy has expired", found=to_text(now), expected=f"before {policy.expires}"
        )


def expiry(
    policy: Policy, relied: Iterable[Evidence[object]], ends: Iterable[int], now: int
) -> int:
    """When an admission made at `now` ends, seconds since 1970.

    Args:
        policy: its end, and its longest admission.
        relied: evidence that the admission rests on; its keys may have ends.
        ends: when pieces of evidence get too old.
        now: seconds since 1970.
    """
    keys = (each.key.not_after for each in relied)
    known = (end for end in keys if end is not None)
    return min(policy.end, now + policy.max_admission_age, *known, *ends)
