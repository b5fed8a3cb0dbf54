"""A keyless signer who is somebody, without a Sigstore to sign with."""

import json
from dataclasses import dataclass
from typing import Any

from kit.fakesigstore import FakeSigstore
from miniseal.attestations import KeylessIdentity
from miniseal.verifier.signatures.certificate import CertificateIdentity

__all__ = ["Known"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """A `Signer` with an identity, which signs nothing.

    Attributes:
        identity: who it is.
        named: the same, as a host reads the certificate.
    """

    identity: KeylessIdentity
    named: CertificateIdentity

    @classmethod
    def of(cls, stack: FakeSigstore, **leaf: Any) -> "Known":
        """Whoever a certificate of this instance names; see `FakeSigstore.leaf`."""
        certificate = stack.leaf(**leaf).certificate
        assert certificate is not None
        named = CertificateIdentity.from_der(certificate)
        identity = KeylessIdentity(
            issuer=named.issuer,
            subject=named.subject,
            certificate=certificate,
            trusted_root=json.dumps(stack.trusted_root()).encode(),
        )
        return cls(identity=identity, named=named)

    @property
    def name(self) -> str:
        return str(self.identity)

    def sign_statement(self, statement: bytes) -> bytes:
        raise AssertionError(statement)
