"""From attached bundles to evidence.

Order of work, cheapest first: type and size of the referrer and of the bundle (`bundles`), its
form, the predicateType, the subject (the package manifest's digest, no other), the signer that it
claims, and only then cryptography. The claim is the bundle's hint, looked up among the keys that
the policy names for that predicateType; a bundle without such a hint is nobody's, so junk costs no
verification. An authorised statement that cannot be read ends the work: it may be bad news; one by
a denied key is not read at all.

Of one key's scans only the latest is verified: its older ones decide nothing (FORMATS section 4).
"""

from collections.abc import Iterator
from dataclasses import dataclass, field, replace

from miniseal.formats.bundle import Bundle
from miniseal.formats.dsse import IN_TOTO_PAYLOAD_TYPE
from miniseal.formats.errors import Code, FormatError, MinisealError
from miniseal.formats.oci import Descriptor
from miniseal.formats.predicates.openvex import Document
from miniseal.formats.predicates.provenance import Provenance
from miniseal.formats.predicates.sbom import Sbom
from miniseal.formats.predicates.scai import Scai
from miniseal.formats.predicates.test_result import TestResult
from miniseal.formats.predicates.vulns import Vulns
from miniseal.formats.statement import Statement
from miniseal.formats.times import from_text
from miniseal.verifier.bundles import Budget, bundles
from miniseal.verifier.checks.deny import denial
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
from miniseal.verifier.policy.model import Namespace
from miniseal.verifier.policy.policy import Policy
from miniseal.verifier.signatures.keys import PublicKey
from miniseal.verifier.source import Source

__all__ = ["Keyring", "collect"]

_NEVER = 2**63
"""Later than any time: where a scan that cannot be read is sorted, so that it is looked at."""

_READERS = {
    URIS[kind]: kind.from_json
    for kind in (Provenance, Sbom, Vulns, TestResult, Scai, Document, CosignSignature)
}


class Keyring:
    """Which keys may say what about the programs of one namespace.

    Attributes:
        predicate_types: everything that somebody may say.
    """

    def __init__(self, policy: Policy, namespace: Namespace) -> None:
        """Take the keys of every signer that a rule of the namespace names."""
        self._policy = policy
        self._keys: dict[str, dict[str, tuple[PublicKey, set[str]]]] = {}
        require = namespace.require
        publishing = {URIS[CosignSignature]: namespace.publishers}
        provenance = require.provenance.signers if require.provenance else ()
        publishing[URIS[Provenance]] = (*provenance, *namespace.publishers)
        rules = (
            (Sbom, require.sbom),
            (Vulns, require.vulnerabilities),
            (TestResult, require.checks),
            (Scai, require.capabilities),
        )
        required = {URIS[kind]: rule.signers for kind, rule in rules if rule is not None}
        if require.vulnerabilities is not None:
            required[URIS[Document]] = require.vulnerabilities.vex_signers
        for predicate_type, signers in {**publishing, **required}.items():
            for signer in signers:
                for key in policy.keys[signer]:
                    self._add(predicate_type, signer, key)
        self.predicate_types = frozenset(self._keys)

    def _add(self, predicate_type: str, signer: str, key: PublicKey) -> None:
        keys = self._keys.setdefault(predicate_type, {})
        known, signers = keys.setdefault(key.hint, (key, set[str]()))
        if known.not_after != key.not_after:
            # One key under two names with two ends: the earlier end holds.
            ends = [each for each in (known.not_after, key.not_after) if each is not None]
            known = replace(known, not_after=min(ends))
            keys[key.hint] = (known, signers)
        signers.add(signer)

    def claimed(self, predicate_type: str, hint: str | None) -> tuple[PublicKey, set[str]] | None:
        """The key that a hint names, and whose it is, if it may say this; else None."""
        return self._keys.get(predicate_type, {}).get(hint or "")

    def denial(self, key: PublicKey, bundle: str) -> MinisealError | None:
        """Why nothing counts that this key says, or None."""
        return denial(self._policy, key, bundle)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Claim:
    """A statement about the package by somebody who claims to be authorised.

    It does not keep what was parsed, which may take thirty times the bundle's size, and may be
    anybody's: of a scan only when it ended, as far as that can be read.
    """

    digest: str
    data: bytes
    bundle: Bundle
    predicate_type: str
    finished: int
    key: PublicKey
    signers: frozenset[str]


def _finished(statement: Statement) -> int:
    if statement.predicate_type != URIS[Vulns]:
        return _NEVER
    try:
        return from_text(Vulns.from_json(statement.predicate).finished_on)
    except FormatError:
        return _NEVER


def collect(
    source: Source, subject: Descriptor, keyring: Keyring, now: int, budget: Budget | None = None
) -> Collected:
    """The evidence that `source` has on the package `subject`.

    Args:
        source: asked for referrers and their content.
        subject: the package manifest.
        keyring: who may say what.
        now: seconds since 1970; keys past their end verify nothing.
        budget: what may be spent; None for the whole of one admission.

    Raises:
        VerificationError: `evidence-limit`.
        FormatError: `predicate-malformed`, for an authorised statement that cannot be read.
    """
    collector = _Collector(source, subject, keyring, now, budget or Budget())
    evidence = tuple(collector.evidence())
    return Collected(evidence=evidence, aside=tuple(collector.aside))


@dataclass(slots=True)
class _Collector:
    source: Source
    subject: Descriptor
    keyring: Keyring
    now: int
    budget: Budget
    aside: list[Aside] = field(default_factory=list[Aside])

    def evidence(self) -> Iterator[Evidence[object]]:
        scans: list[_Claim] = []
        others: list[_Claim] = []
        for claim in self._claims():
            (scans if claim.predicate_type == URIS[Vulns] else others).append(claim)
        for claim in others:
            yield from self._verified(claim)
        yield from self._latest(scans)

    def _claims(self) -> Iterator[_Claim]:
        wanted = self.keyring.predicate_types
        for layer, data in bundles(self.source, self.subject, wanted, self.budget):
            claim = self._claim(layer, data)
            if claim is not None:
                yield claim

    def _claim(self, layer: Descriptor, data: bytes) -> _Claim | None:
        """The claim, if the statement is about the package and names somebody who may make it."""
        try:
            bundle = Bundle.from_bytes(data)
            statement = Statement.from_bytes(bundle.envelope.payload)
        except FormatError:
            return None
        kind = statement.predicate_type
        if kind not in self.keyring.predicate_types or bundle.certificate is not None:
            return None
        claimed = self.keyring.claimed(kind, bundle.key_hint)
        if not statement.names(self.subject.digest):
            self._set_aside(kind, SUBJECT_MISMATCH, layer.digest)
        elif claimed is None:
            self._set_aside(kind, IDENTITY_MISMATCH, layer.digest)
        elif bundle.envelope.payload_type != IN_TOTO_PAYLOAD_TYPE:
            self._set_aside(kind, SIGNATURE_INVALID, layer.digest)
        elif not claimed[0].valid_at(self.now):
            self._set_aside(kind, KEY_EXPIRED, layer.digest)
        else:
            return _Claim(
                digest=layer.digest,
                data=data,
                bundle=bundle,
                predicate_type=kind,
                finished=_finished(statement),
                key=claimed[0],
                signers=frozenset(claimed[1]),
            )
        return None

    def _verified(self, claim: _Claim) -> Iterator[Evidence[object]]:
        self.budget.verify()
        kind = claim.predicate_type
        if not claim.key.verifies(claim.bundle.envelope):
            self._set_aside(kind, SIGNATURE_INVALID, claim.digest)
        elif error := self.keyring.denial(claim.key, claim.digest):
            self.aside.append(Aside(predicate_type=kind, error=error))
        else:
            statement = Statement.from_bytes(claim.bundle.envelope.payload)
            yield Evidence(
                bundle=claim.digest,
                data=claim.data,
                predicate=_READERS[kind](statement.predicate),
                key=claim.key,
                signers=claim.signers,
            )

    def _latest(self, scans: list[_Claim]) -> Iterator[Evidence[object]]:
        """Of each key the latest scan that it did sign, or several of the same second."""
        latest: dict[str, int] = {}
        for scan in sorted(scans, key=lambda each: -each.finished):
            if scan.finished >= latest.get(scan.key.digest, scan.finished):
                for evidence in self._verified(scan):
                    latest[scan.key.digest] = scan.finished
                    yield evidence

    def _set_aside(self, predicate_type: str, code: Code, bundle: str) -> None:
        error = code("a required statement is there, but does not count", found=bundle)
        self.aside.append(Aside(predicate_type=predicate_type, error=error))
