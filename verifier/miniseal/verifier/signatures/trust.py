"""What keyless signatures are verified with: a Sigstore trusted root, and how long it counts.

It comes from a file of the policy, or from trust material: the metadata of a TUF repository as the
last `miniseal refresh` found them, kept as they came. They are verified again each time, from the
root that the policy pins, by `signatures.tuf`; no cache is believed. Nothing is fetched here, and
what the trusted root says is read by those who verify with it.
"""

from dataclasses import dataclass

from miniseal.formats.digest import sha256
from miniseal.formats.errors import Code, VerificationError
from miniseal.formats.extras import need
from miniseal.formats.times import to_text
from miniseal.verifier.policy.patterns import seconds
from miniseal.verifier.signatures.material import TRUST_INVALID, Material
from miniseal.verifier.signatures.tuf import Chain, verified
from miniseal.verifier.thresholds import FUTURE_SKEW

TYPE_CHECKING = False
if TYPE_CHECKING:
    from miniseal.verifier.policy.policy import Policy

__all__ = [
    "TRUST_MISSING",
    "TRUST_STALE",
    "TrustedRoot",
    "TufRepository",
    "of_policy",
]

TRUST_MISSING = Code(
    "trust-missing",
    VerificationError,
    meaning="the policy has its trusted root from a TUF repository, and nothing was refreshed yet",
    cause="a new state, a new machine, or a verification that was not told where the material is",
    remedy="run `miniseal refresh` with this policy, then again",
)
TRUST_STALE = Code(
    "trust-stale",
    VerificationError,
    meaning="the trust material is too old to be relied on",
    cause="it was last refreshed longer ago than the policy allows, or its metadata has expired",
    remedy="run `miniseal refresh`; if that does not help, the repository itself is not kept up",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class TrustedRoot:
    """A Sigstore trusted root whose origin was checked.

    Attributes:
        data: the JSON document as it came.
        digest: of `data`.
        ends: seconds since 1970 from which it must not be relied on; None for a policy's own file.
    """

    data: bytes
    digest: str
    ends: int | None

    @classmethod
    def of_file(cls, data: bytes) -> "TrustedRoot":
        """The trusted root that a policy has as a file: good for as long as the policy is."""
        return cls(data=data, digest=sha256(data), ends=None)


@dataclass(frozen=True, slots=True, kw_only=True)
class TufRepository:
    """Where a policy has its trusted root from, and how old that may get.

    Attributes:
        url: of the metadata; targets are below `targets/`.
        root: TUF root metadata, trusted as it is.
        target: the trusted root's path among the top-level targets.
        max_age: seconds since the last refresh.
    """

    url: str
    root: bytes
    target: str
    max_age: int

    @classmethod
    def of_policy(cls, policy: "Policy") -> "TufRepository":
        """What `[trust.tuf]` says.

        Raises:
            VerificationError: `trust-missing`, where the policy has none.
        """
        trust = policy.document.trust
        if trust is None or trust.tuf is None or policy.tuf_root is None:
            raise TRUST_MISSING(
                "the policy does not have its trusted root from a TUF repository",
                expected="[trust.tuf]",
                hint="nothing is refreshed for such a policy",
            )
        return cls(
            url=trust.tuf.url,
            root=policy.tuf_root,
            target=trust.tuf.target,
            max_age=seconds(trust.max_age or "") or 0,
        )

    def chain(self, material: Material) -> Chain:
        """The material's metadata, verified from the pinned root; their age is not asked.

        Raises:
            VerificationError: `trust-invalid`.
        """
        need("keyless")
        return verified(material, self.root, self.target)

    def read(self, material: Material, now: int) -> tuple[TrustedRoot, Chain]:
        """The trusted root in the material, and what speaks for it, at `now` (seconds since 1970).

        Raises:
            VerificationError: `trust-invalid`, `trust-stale`.
        """
        if material.refreshed > now + FUTURE_SKEW:
            raise TRUST_INVALID(
                "the trust material is from the future",
                found=to_text(material.refreshed),
                expected=f"{to_text(now)} or earlier",
            )
        chain = self.chain(material)
        ends = {**chain.expiries, "the policy's max_age": material.refreshed + self.max_age}
        first = min(ends, key=lambda each: ends[each])
        if now >= ends[first]:
            raise TRUST_STALE(
                "the trust material is too old",
                found=f"{first} ended at {to_text(ends[first])}",
                expected=f"later than {to_text(now)}",
            )
        data = material.target
        return TrustedRoot(data=data, digest=sha256(data), ends=ends[first]), chain


def of_policy(policy: "Policy", material: bytes | None, now: int) -> TrustedRoot | None:
    """The trusted root that a policy demands; None for a policy that has managed keys alone.

    Args:
        policy: whose `[trust]` says where the trusted root comes from.
        material: what `miniseal refresh` kept, or None where there is nothing.
        now: seconds since 1970.

    Raises:
        VerificationError: `trust-missing`, `trust-invalid`, `trust-stale`.
    """
    trust = policy.document.trust
    if trust is None:
        return None
    if policy.trusted_root is not None:
        return TrustedRoot.of_file(policy.trusted_root)
    repository = TufRepository.of_policy(policy)
    if material is None:
        raise TRUST_MISSING("there is no trust material", expected=f"from {repository.url}")
    return repository.read(Material.from_bytes(material), now)[0]
