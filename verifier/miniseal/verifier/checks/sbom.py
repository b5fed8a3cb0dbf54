"""The bill of materials: one by an accepted signer that describes this package's wasm.

Of what is in it only the licences are judged here, of the parts that are shipped; the scan of it is
evidence of its own.
"""

from collections.abc import Iterator

from miniseal.formats.errors import Code, VerificationError
from miniseal.formats.predicates.sbom import Sbom
from miniseal.verifier.checks.freshness import check_age, signed_at
from miniseal.verifier.checks.signer import rely
from miniseal.verifier.evidence import Collected, Evidence
from miniseal.verifier.policy import model
from miniseal.verifier.policy.policy import Policy
from miniseal.verifier.thresholds import check_licenses

__all__ = ["SBOM_MISMATCH", "check_sbom"]

SBOM_MISMATCH = Code(
    "sbom-mismatch",
    VerificationError,
    meaning="the bill of materials describes another wasm",
    cause="it was made before the last build, or copied from another package",
    remedy="make the bill of materials for the wasm that is in the package",
)


def check_sbom(
    rule: model.Sbom, collected: Collected, policy: Policy, wasm: str, now: int
) -> tuple[Evidence[Sbom], ...]:
    """The bills of materials that meet the rule; `wasm` is the digest that they have to describe.

    Raises:
        VerificationError: `sbom-mismatch`, `license-denied`, as `freshness.check_age`, or as
            `checks.signer.rely`.
    """

    def accept(evidence: Evidence[Sbom], signer: str) -> None:
        del signer
        if not evidence.predicate.describes(wasm):
            raise SBOM_MISMATCH(
                "the bill of materials is of another wasm",
                found=evidence.predicate.hashes.get("SHA-256", "no SHA-256"),
                expected=wasm,
            )
        check_age(signed_at(evidence), rule.max_age, now)
        parts = _parts(evidence.predicate)
        check_licenses(parts, rule.deny_licenses, unknown=rule.unknown_licenses == "allow")

    return rely(collected, Sbom, rule.signers, policy, accept)


def _parts(sbom: Sbom) -> Iterator[tuple[str, tuple[str, ...]]]:
    """What somebody else wrote and the package ships; the program's own files are its author's."""
    for each in sbom.components:
        if each.scope != "excluded" and each.type != "file":
            yield each.purl or each.name, each.licenses
