"""From bundles to evidence: a pure function of bytes, trust and time.

Order of work, cheapest first: the bundle's form, the predicateType, the subject (the package
manifest's digest, no other), the signer that it claims (`keyring`), and only then cryptography. A
bundle that claims nobody of the policy is nobody's, so junk costs no verification. An authorised
statement that cannot be read, or that was signed in the future, ends the work: it may be bad news,
which a clock set back must not hide. One by a denied signer is not read at all.

Of one signatory's scans only the latest is verified, apart from those by a denied scanner, and of
its verification summaries the latest of each verifier, resource and policy: the older ones decide
nothing (FORMATS section 4). Subjects of an in-toto link are what a step made; the layout binds it
to the package.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from miniseal.formats.bundle import Bundle
from miniseal.formats.digest import sha256
from miniseal.formats.dsse import IN_TOTO_PAYLOAD_TYPE
from miniseal.formats.errors import Code, FormatError, MinisealError, VerificationError
from miniseal.formats.extras import need
from miniseal.formats.predicates.link import Link
from miniseal.formats.predicates.openvex import Document
from miniseal.formats.predicates.provenance import Provenance
from miniseal.formats.predicates.sbom import Sbom
from miniseal.formats.predicates.scai import Scai
from miniseal.formats.predicates.test_result import TestResult
from miniseal.formats.predicates.vsa import Vsa
from miniseal.formats.predicates.vulns import Vulns
from miniseal.formats.statement import Statement
from miniseal.formats.times import from_text
from miniseal.verifier.budget import Budget
from miniseal.verifier.checks.deny import denial
from miniseal.verifier.checks.freshness import EVIDENCE_FROM_FUTURE
from miniseal.verifier.evidence import (
    IDENTITY_MISMATCH,
    KEY_EXPIRED,
    SIGNATURE_INVALID,
    SUBJECT_MISMATCH,
    URIS,
    Aside,
    Collected,
    CosignSignature,
    Evidence,
)
from miniseal.verifier.keyring import Claimed, Keyring
from miniseal.verifier.policy.policy import Policy
from miniseal.verifier.signatures.keys import PublicKey
from miniseal.verifier.signatures.signatory import Signatory
from miniseal.verifier.signatures.trust import TRUST_MISSING, TrustedRoot
from miniseal.verifier.thresholds import FUTURE_SKEW

TYPE_CHECKING = False
if TYPE_CHECKING:
    from miniseal.verifier.signatures.keyless import KeylessVerifier

__all__ = ["collect"]

_NEVER = 2**63
"""Later than any time: where what cannot be read is sorted, so that it is looked at."""

_REPLACED = frozenset({URIS[Vulns], URIS[Vsa]})
"""What is stated again and again, so that the latest decides."""

_READERS = {
    URIS[kind]: kind.from_json
    for kind in (
        Provenance,
        Sbom,
        Vulns,
        TestResult,
        Scai,
        Document,
        Vsa,
        Link,
        CosignSignature,
    )
}


@dataclass(frozen=True, slots=True, kw_only=True)
class _Claim:
    """A statement about the package by somebody who claims to be authorised.

    It does not keep what was parsed, which may take thirty times the bundle's size, and may be
    anybody's: of a scan or a summary only when it was made, and its topic, as far as they can be
    read.
    """

    digest: str
    data: bytes
    bundle: Bundle
    predicate_type: str
    made: int
    topic: tuple[str, ...]
    claimed: Claimed

    @property
    def line(self) -> tuple[str, ...]:
        """Whose word it is, on what: of these the later one replaces the earlier."""
        return self.predicate_type, self.claimed.id, *self.topic


def _made(statement: Statement, denied: frozenset[str | None]) -> tuple[int, tuple[str, ...]]:
    """When a scan or a summary was made, and what tells it from those that it does not replace.

    A scan by one of the `denied` scanners, which counts for nothing, replaces none that counts.
    """
    try:
        if statement.predicate_type == URIS[Vulns]:
            scan = Vulns.from_json(statement.predicate)
            apart = scan.scanner_digest in denied
            return from_text(scan.finished_on), ("denied",) if apart else ()
        if statement.predicate_type == URIS[Vsa]:
            summary = Vsa.from_json(statement.predicate)
            policy = summary.policy.digest.get("sha256", "")
            topic = (summary.verifier_id, summary.resource_uri, policy)
            return from_text(summary.verified_on), topic
    except FormatError:
        pass
    return _NEVER, ()


def collect(
    bundles: Iterable[bytes],
    package: str,
    policy: Policy,
    keyring: Keyring,
    *,
    now: int,
    trust: TrustedRoot | None = None,
    budget: Budget | None = None,
) -> Collected:
    """The evidence among `bundles` on a package.

    Args:
        bundles: as they were attached, in any order; each is looked at once.
        package: digest of the package manifest.
        policy: with the deny list.
        keyring: who may say what.
        now: seconds since 1970; keys past their end verify nothing.
        trust: what keyless signatures are verified with; None where there is none.
        budget: what may be spent; None for the whole of one admission.

    Raises:
        VerificationError: `evidence-limit`, `trust-missing`, `evidence-from-future`.
        FormatError: `predicate-malformed`, for an authorised statement that cannot be read.
    """
    if keyring.keyless and trust is None:
        raise TRUST_MISSING("there is no trusted root for the policy's keyless signers")
    denied = frozenset(each.scanner for each in policy.document.deny) - {None}
    collector = _Collector(package, policy, keyring, now, trust, budget or Budget(), denied)
    evidence = tuple(collector.evidence(bundles))
    return Collected(evidence=evidence, aside=tuple(collector.aside))


@dataclass(slots=True)
class _Collector:
    package: str
    policy: Policy
    keyring: Keyring
    now: int
    trust: TrustedRoot | None
    budget: Budget
    denied: frozenset[str | None]
    aside: list[Aside] = field(default_factory=list[Aside])
    keyless: "KeylessVerifier | None" = None

    def evidence(self, bundles: Iterable[bytes]) -> Iterator[Evidence[object]]:
        replaced: list[_Claim] = []
        others: list[_Claim] = []
        for claim in self._claims(bundles):
            (replaced if claim.predicate_type in _REPLACED else others).append(claim)
        for claim in others:
            yield from self._verified(claim)
        yield from self._latest(replaced)

    def _claims(self, bundles: Iterable[bytes]) -> Iterator[_Claim]:
        seen: set[str] = set()
        for data in bundles:
            digest = sha256(data)
            if digest not in seen:
                seen.add(digest)
                claim = self._claim(digest, data)
                if claim is not None:
                    yield claim

    def _claim(self, digest: str, data: bytes) -> _Claim | None:
        """The claim, if the statement is about the package and names somebody who may make it."""
        try:
            bundle = Bundle.from_bytes(data)
            statement = Statement.from_bytes(bundle.envelope.payload)
        except FormatError:
            return None
        kind = statement.predicate_type
        if kind not in self.keyring.predicate_types:
            return None
        claimed = self.keyring.claimed(kind, bundle)
        if kind != URIS[Link] and not statement.names(self.package):
            self._set_aside(kind, SUBJECT_MISMATCH, digest)
        elif claimed is None:
            self._set_aside(kind, IDENTITY_MISMATCH, digest)
        elif bundle.envelope.payload_type != IN_TOTO_PAYLOAD_TYPE:
            self._set_aside(kind, SIGNATURE_INVALID, digest)
        elif not claimed.valid_at(self.now):
            self._set_aside(kind, KEY_EXPIRED, digest)
        else:
            made, topic = _made(statement, self.denied)
            return _Claim(
                digest=digest,
                data=data,
                bundle=bundle,
                predicate_type=kind,
                made=made,
                topic=topic,
                claimed=claimed,
            )
        return None

    def _verified(self, claim: _Claim) -> Iterator[Evidence[object]]:
        self.budget.verify()
        kind = claim.predicate_type
        try:
            signatory = self._signatory(claim)
        except (VerificationError, FormatError) as error:
            self.aside.append(Aside(bundle=claim.digest, predicate_type=kind, error=error))
            return
        denied = denial(self.policy, signatory, claim.digest)
        if denied is not None:
            self.aside.append(Aside(bundle=claim.digest, predicate_type=kind, error=denied))
        elif max(signatory.times, default=0) > self.now + FUTURE_SKEW:
            raise _not_counted(EVIDENCE_FROM_FUTURE, claim.digest)
        else:
            statement = Statement.from_bytes(claim.bundle.envelope.payload)
            yield Evidence(
                bundle=claim.digest,
                data=claim.data,
                subjects=statement.subjects,
                predicate=_READERS[kind](statement.predicate),
                signatory=signatory,
                signers=claim.claimed.signers,
            )

    def _signatory(self, claim: _Claim) -> Signatory:
        """Who signed: whom the bundle claims.

        Raises:
            VerificationError: `signature-invalid`, and what keyless signatures are refused for.
            FormatError: `bundle-malformed`.
        """
        by, envelope = claim.claimed.by, claim.bundle.envelope
        if isinstance(by, PublicKey):
            if not by.verifies(envelope):
                raise _not_counted(SIGNATURE_INVALID, claim.digest)
            return Signatory.of_key(by)
        signed = self._keyless_verifier().verify(claim.data)
        # Two readers of one document: both have to have read the same.
        if (signed.identity, signed.payload, signed.payload_type) != (
            by,
            envelope.payload,
            envelope.payload_type,
        ):
            raise _not_counted(SIGNATURE_INVALID, claim.digest)
        return Signatory.of_certificate(signed.identity, signed.times)

    def _keyless_verifier(self) -> "KeylessVerifier":
        need("keyless")
        from miniseal.verifier.signatures.keyless import KeylessVerifier  # half a second

        if self.keyless is None:
            if self.trust is None:
                raise TRUST_MISSING("there is no trusted root")
            self.keyless = KeylessVerifier(self.trust.data)
        return self.keyless

    def _latest(self, claims: list[_Claim]) -> Iterator[Evidence[object]]:
        """Of each line the latest claim that was signed, or several of the same second."""
        latest: dict[tuple[str, ...], int] = {}
        for claim in sorted(claims, key=lambda each: -each.made):
            if claim.made >= latest.get(claim.line, claim.made):
                for evidence in self._verified(claim):
                    latest[claim.line] = claim.made
                    yield evidence

    def _set_aside(self, predicate_type: str, code: Code, bundle: str) -> None:
        error = _not_counted(code, bundle)
        self.aside.append(Aside(bundle=bundle, predicate_type=predicate_type, error=error))


def _not_counted(code: Code, bundle: str) -> MinisealError:
    return code("a required statement is there, but does not count", found=bundle)
