"""What one admission spends on evidence that anybody may have attached, and no more."""

from dataclasses import dataclass

from miniseal.formats.errors import Code, VerificationError

__all__ = ["BYTES", "EVIDENCE_LIMIT", "REFERRERS", "VERIFICATIONS", "Budget"]

VERIFICATIONS = 64
"""The most signatures checked for one admission."""
BYTES = 32 * 1024 * 1024
"""The most bytes of referrers and bundles read for one admission."""
REFERRERS = 10_000
"""The most referrers listed for one admission."""

EVIDENCE_LIMIT = Code(
    "evidence-limit",
    VerificationError,
    meaning="there is more evidence on a package than one admission looks at",
    cause="somebody who may write to the repository attached bundles in great number or size",
    remedy="remove what does not belong there, and look at who may write to the repository",
)


@dataclass(slots=True)
class Budget:
    """What is left to spend on one admission.

    What was not looked at may be the newest bad scan, so whoever spends the last of it refuses.
    """

    verifications: int = VERIFICATIONS
    bytes: int = BYTES

    def read(self, size: int) -> None:
        """Spend `size` bytes.

        Raises:
            VerificationError: `evidence-limit`.
        """
        self.bytes -= size
        if self.bytes < 0:
            raise EVIDENCE_LIMIT("the bundles are too large in all", expected=f"{BYTES} bytes")

    def verify(self) -> None:
        """Spend one verification.

        Raises:
            VerificationError: `evidence-limit`.
        """
        self.verifications -= 1
        if self.verifications < 0:
            raise EVIDENCE_LIMIT(
                "too many bundles claim an authorised signer", expected=f"at most {VERIFICATIONS}"
            )
