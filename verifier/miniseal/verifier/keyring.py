"""Who may say what about the programs of one namespace, by key or by certificate.

A bundle's claim to a signer is looked up here before anything is verified, so that what strangers
attach costs no cryptography. A key is claimed by its hint, a keyless signer by the certificate.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace

from miniseal.formats.bundle import Bundle
from miniseal.formats.errors import MinisealError
from miniseal.formats.predicates.link import Link
from miniseal.formats.predicates.openvex import Document
from miniseal.formats.predicates.provenance import Provenance
from miniseal.formats.predicates.sbom import Sbom
from miniseal.formats.predicates.scai import Scai
from miniseal.formats.predicates.test_result import TestResult
from miniseal.formats.predicates.vsa import Vsa
from miniseal.formats.predicates.vulns import Vulns
from miniseal.verifier.evidence import URIS, CosignSignature
from miniseal.verifier.policy.model import Namespace
from miniseal.verifier.policy.policy import Policy
from miniseal.verifier.signatures.certificate import CertificateIdentity
from miniseal.verifier.signatures.identity import matches
from miniseal.verifier.signatures.keys import PublicKey

__all__ = ["Claimed", "Keyring"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Claimed:
    """Who a bundle claims to be signed by, and may say what it says.

    Attributes:
        by: the key that is in the policy, or the identity that the certificate claims.
        signers: the policy's names for whoever that is.
    """

    by: PublicKey | CertificateIdentity
    signers: frozenset[str]

    @property
    def id(self) -> str:
        """What tells signatories apart; `Signatory.id`, once it is verified."""
        return self.by.digest

    def valid_at(self, now: int) -> bool:
        """Whether the policy lets a key verify anything at `now`, seconds since 1970."""
        return not isinstance(self.by, PublicKey) or self.by.valid_at(now)


class Keyring:
    """Who may say what about the programs of one namespace.

    Attributes:
        predicate_types: everything that somebody may say.
        keyless: whether anybody of them signs without a key.
    """

    def __init__(self, policy: Policy, namespace: Namespace) -> None:
        """Take every signer that a rule of the namespace names."""
        self._keys: dict[str, dict[str, tuple[PublicKey, set[str]]]] = {}
        self._keyless: dict[str, dict[str, None]] = {}
        self._signer = policy.document.signer
        for kind, names in _speakers(namespace):
            for name in names:
                if policy.document.signer[name].issuer is not None:
                    self._keyless.setdefault(URIS[kind], {})[name] = None
                for key in policy.keys.get(name, ()):
                    self._add(URIS[kind], name, key)
        self.predicate_types = frozenset({*self._keys, *self._keyless})
        self.keyless = bool(self._keyless)

    def _add(self, predicate_type: str, signer: str, key: PublicKey) -> None:
        keys = self._keys.setdefault(predicate_type, {})
        known, signers = keys.setdefault(key.hint, (key, set[str]()))
        if known.not_after != key.not_after:
            # One key under two names with two ends: the earlier end holds.
            ends = [each for each in (known.not_after, key.not_after) if each is not None]
            known = replace(known, not_after=min(ends))
            keys[key.hint] = (known, signers)
        signers.add(signer)

    def claimed(self, predicate_type: str, bundle: Bundle) -> Claimed | None:
        """Who the bundle claims to be signed by, if they may say this; else None."""
        if bundle.certificate is not None:
            return self._claimed_identity(predicate_type, bundle.certificate)
        return self.claimed_key(predicate_type, bundle.key_hint)

    def claimed_key(self, predicate_type: str, hint: str | None) -> Claimed | None:
        """The holder of the key that a hint names, if they may say this; else None."""
        found = self._keys.get(predicate_type, {}).get(hint or "")
        return None if found is None else Claimed(by=found[0], signers=frozenset(found[1]))

    def claimed_by(self, predicate_type: str, identity: CertificateIdentity) -> Claimed | None:
        """An identity, if it may say this; else None."""
        signers = frozenset(
            name
            for name in self._keyless.get(predicate_type, {})
            if matches(self._signer[name], identity)
        )
        return Claimed(by=identity, signers=signers) if signers else None

    def _claimed_identity(self, predicate_type: str, certificate: bytes) -> Claimed | None:
        if predicate_type not in self._keyless:
            return None
        try:
            identity = CertificateIdentity.from_der(certificate)
        except MinisealError:
            return None
        return self.claimed_by(predicate_type, identity)


def _speakers(namespace: Namespace) -> Iterator[tuple[type, tuple[str, ...]]]:
    """Each kind of predicate with those who may state it; a kind may come several times."""
    require = namespace.require
    yield CosignSignature, namespace.publishers
    yield Provenance, namespace.publishers
    for kind, rule in (
        (Provenance, require.provenance),
        (Sbom, require.sbom),
        (Vulns, require.vulnerabilities),
        (TestResult, require.checks),
        (Scai, require.capabilities),
        (Provenance, require.rebuilders),
        (TestResult, require.rebuilders),
    ):
        if rule is not None:
            yield kind, rule.signers
    if require.vulnerabilities is not None:
        yield Document, require.vulnerabilities.vex_signers
    if require.verification is not None:
        yield Vsa, tuple(each.signer for each in require.verification.verifiers)
    if require.layout is not None:
        yield Link, tuple(require.layout.functionaries.values())
