"""The bill of materials: one by an accepted signer that describes this package's wasm.

What is in it is not judged here; the scan of it is evidence of its own.
"""

from miniseal.formats.errors import Code, VerificationError
from miniseal.formats.predicates.sbom import Sbom
from miniseal.verifier.checks.signer import rely
from miniseal.verifier.evidence import Collected, Evidence
from miniseal.verifier.policy import model
from miniseal.verifier.policy.policy import Policy

__all__ = ["SBOM_MISMATCH", "check_sbom"]

SBOM_MISMATCH = Code(
    "sbom-mismatch",
    VerificationError,
    meaning="the bill of materials describes another wasm",
    cause="it was made before the last build, or copied from another package",
    remedy="make the bill of materials for the wasm that is in the package",
)


def check_sbom(
    rule: model.Sbom, collected: Collected, policy: Policy, wasm: str
) -> tuple[Evidence[Sbom], ...]:
    """The bills of materials that meet the rule; `wasm` is the digest that they have to describe.

    Raises:
        VerificationError: `sbom-mismatch`, or as `checks.signer.rely`.
    """

    def accept(evidence: Evidence[Sbom], signer: str) -> None:
        del signer
        if not evidence.predicate.describes(wasm):
            raise SBOM_MISMATCH(
                "the bill of materials is of another wasm",
                found=evidence.predicate.hashes.get("SHA-256", "no SHA-256"),
                expected=wasm,
            )

    return rely(collected, Sbom, rule.signers, policy, accept)
