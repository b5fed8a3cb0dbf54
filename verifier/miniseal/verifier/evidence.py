"""Evidence: statements about one package that an authorised signer has signed. Nothing else.

`collect` makes it; the checks see nothing but this. What was set aside on the way neither helps nor
hurts; the reasons are kept, so that a refusal can say what was there in place of what is missing.
"""

from dataclasses import dataclass
from typing import Generic, TypeVar, cast

from miniseal.formats.errors import Code, MinisealError, VerificationError
from miniseal.formats.predicates import (
    link,
    openvex,
    provenance,
    sbom,
    scai,
    test_result,
    vsa,
    vulns,
)
from miniseal.formats.predicates.link import Link
from miniseal.formats.predicates.openvex import Document
from miniseal.formats.predicates.provenance import Provenance
from miniseal.formats.predicates.sbom import Sbom
from miniseal.formats.predicates.scai import Scai
from miniseal.formats.predicates.test_result import TestResult
from miniseal.formats.predicates.vsa import Vsa
from miniseal.formats.predicates.vulns import Vulns
from miniseal.formats.statement import Subject
from miniseal.verifier.signatures.signatory import Signatory

__all__ = [
    "ATTESTATION_MISSING",
    "IDENTITY_MISMATCH",
    "KEY_EXPIRED",
    "SIGNATURE_INVALID",
    "SUBJECT_MISMATCH",
    "THRESHOLD_UNMET",
    "URIS",
    "Aside",
    "Collected",
    "CosignSignature",
    "Evidence",
]

ATTESTATION_MISSING = Code(
    "attestation-missing",
    VerificationError,
    meaning="the package lacks a statement that the policy requires",
    cause="it was published without that evidence, or a copy left the referrers behind",
    remedy="attach the missing statement, or copy the package together with its referrers",
)
SIGNATURE_INVALID = Code(
    "signature-invalid",
    VerificationError,
    meaning="the only statement of a required kind has a signature that its signer did not make",
    cause="the statement was changed after it was signed, or somebody forged the claim",
    remedy="attach the statement as it was signed",
)
IDENTITY_MISMATCH = Code(
    "identity-mismatch",
    VerificationError,
    meaning="the only statement of a required kind is by somebody whom the policy does not name",
    cause="another key or identity signed, or the policy does not know a new one yet",
    remedy="sign as somebody whom the policy names for this, or name the signer there",
)
SUBJECT_MISMATCH = Code(
    "subject-mismatch",
    VerificationError,
    meaning="the only statement of a required kind is about something else",
    cause="it was made for another package, or for the wasm alone",
    remedy="attach a statement whose subjects have the package manifest's digest",
)
KEY_EXPIRED = Code(
    "key-expired",
    VerificationError,
    meaning="the only statement of a required kind is by a key that is past its not_after",
    cause="the key was retired and the package was not signed again",
    remedy="sign again with a current key",
)
THRESHOLD_UNMET = Code(
    "threshold-unmet",
    VerificationError,
    meaning="too few distinct keys of a signer have said what the policy requires",
    cause="not everybody has signed yet",
    remedy="attach one bundle by each of as many keys as the signer's threshold says",
)

# What a refusal names first is the nearest to what was asked for: a denial or a signature that does
# not hold, then these.
_FARTHER = {
    code.name: rank
    for rank, code in enumerate((KEY_EXPIRED, IDENTITY_MISMATCH, SUBJECT_MISMATCH), 1)
}


def _near(error: MinisealError) -> int:
    return 0 if error.code == SIGNATURE_INVALID.name else -1


P = TypeVar("P")
P_co = TypeVar("P_co", covariant=True)


@dataclass(frozen=True, slots=True)
class CosignSignature:
    """A plain cosign signature: that somebody signed the package is all that it says."""

    @classmethod
    def from_json(cls, value: object) -> "CosignSignature":
        """Any predicate: it is not read."""
        del value
        return cls()


URIS: dict[type, str] = {
    Provenance: provenance.PREDICATE_TYPE,
    Sbom: sbom.PREDICATE_TYPE,
    Vulns: vulns.PREDICATE_TYPE,
    TestResult: test_result.PREDICATE_TYPE,
    Scai: scai.PREDICATE_TYPE,
    Document: openvex.PREDICATE_TYPE,
    Vsa: vsa.PREDICATE_TYPE,
    Link: link.PREDICATE_TYPE,
    CosignSignature: "https://sigstore.dev/cosign/sign/v1",
}
"""The predicateType of each kind of predicate that the checks know."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence(Generic[P_co]):
    """One verified statement about the package.

    Attributes:
        bundle: digest of the bundle.
        data: the bundle's bytes.
        subjects: of the statement; one of them is the package, but for a link, whose subjects are
            a step's products.
        predicate: of the statement, as its kind in `URIS` reads it.
        signatory: who made the signature.
        signers: the policy's names for whoever that is, as far as they may say this.
    """

    bundle: str
    data: bytes
    subjects: tuple[Subject, ...]
    predicate: P_co
    signatory: Signatory
    signers: frozenset[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Aside:
    """A bundle that is not evidence.

    Attributes:
        bundle: its digest.
        predicate_type: of its statement.
        error: why, ready to be raised if nothing better is there.
    """

    bundle: str
    predicate_type: str
    error: MinisealError


@dataclass(frozen=True, slots=True, kw_only=True)
class Collected:
    """Everything that was verified, and by reason what was not.

    Attributes:
        evidence: in no order that means anything.
        aside: the rest, as far as it is of a kind that the policy asks for.
    """

    evidence: tuple[Evidence[object], ...]
    aside: tuple[Aside, ...] = ()

    def by(self, kind: type[P], signers: tuple[str, ...]) -> tuple[Evidence[P], ...]:
        """The evidence of a kind by any key of these signers."""
        return tuple(
            cast("Evidence[P]", each)
            for each in self.evidence
            if isinstance(each.predicate, kind) and each.signers.intersection(signers)
        )

    def missing(self, kind: type, signers: tuple[str, ...]) -> MinisealError:
        """The error that says best why there is no evidence of a kind by these signers."""
        rest = [each.error for each in self.aside if each.predicate_type == URIS[kind]]
        if rest:
            return min(rest, key=lambda error: _FARTHER.get(error.code, _near(error)))
        return ATTESTATION_MISSING(
            f"no statement {URIS[kind]} is attached", expected=f"one by {' or '.join(signers)}"
        )
