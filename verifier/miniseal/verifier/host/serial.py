"""A host's policy never gets older: the serial of what it decides by never goes down.

A serial names one policy: another content under the same serial is refused, because the host could
not tell which of the two is the older.
"""

from miniseal.formats.errors import Code, VerificationError
from miniseal.verifier.host.head import PolicyMark

__all__ = ["POLICY_ROLLBACK", "POLICY_SERIAL_REUSED", "check_serial"]

POLICY_ROLLBACK = Code(
    "policy-rollback",
    VerificationError,
    meaning="the policy is older than one that this host has decided by",
    cause="an old policy.toml was put back",
    remedy="bring the platform's current policy; a serial never goes down",
)
POLICY_SERIAL_REUSED = Code(
    "policy-serial-reused",
    VerificationError,
    meaning="the policy differs from the one that this host knows by the same serial",
    cause="policy.toml, or a key file that it names, was edited without raising the serial",
    remedy="raise `serial` in policy.toml",
)


def check_serial(known: PolicyMark, policy: PolicyMark) -> None:
    """Refuse a policy that is not the known one and not later than it.

    Raises:
        VerificationError: `policy-rollback`, `policy-serial-reused`.
    """
    if policy.serial < known.serial:
        raise POLICY_ROLLBACK(
            "the policy is older than the one last decided by",
            found=f"serial {policy.serial}",
            expected=f"{known.serial} or higher",
        )
    if policy.serial == known.serial and policy.digest != known.digest:
        raise POLICY_SERIAL_REUSED(
            f"the policy has changed and still has serial {policy.serial}",
            found=policy.digest,
            expected=known.digest,
        )
