"""Who has made a signature: a key, or whoever a Sigstore certificate was issued to.

Both tell themselves apart by an `id`; thresholds, "the latest of each" and the deny list go by it.
Nothing is verified here.
"""

from dataclasses import dataclass

from miniseal.verifier.signatures.certificate import CertificateIdentity
from miniseal.verifier.signatures.keys import PublicKey

__all__ = ["Signatory"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Signatory:
    """Who has made a signature that was verified.

    Attributes:
        id: `sha256:` + 64 hex: of the key's SubjectPublicKeyInfo, or of the identity that the
            certificate names.
        not_after: the policy's end of the key, seconds since 1970, or None.
        times: at which the signature is known to have been there, seconds since 1970; a key tells
            none.
        certificate: what the certificate says, or None for a key.
    """

    id: str
    not_after: int | None = None
    times: tuple[int, ...] = ()
    certificate: CertificateIdentity | None = None

    @classmethod
    def of_key(cls, key: PublicKey) -> "Signatory":
        """The holder of a managed key."""
        return cls(id=key.digest, not_after=key.not_after)

    @classmethod
    def of_certificate(cls, identity: CertificateIdentity, times: tuple[int, ...]) -> "Signatory":
        """Whoever a certificate was issued to."""
        return cls(id=identity.digest, times=times, certificate=identity)

    @property
    def name(self) -> str:
        """For people: what the certificate names, or the key's digest."""
        return self.id if self.certificate is None else self.certificate.subject

    def to_json(self) -> dict[str, object]:
        """How records and verdicts name it."""
        named = self.certificate
        return {
            "key": self.id if named is None else None,
            "identity": None if named is None else named.to_json(),
        }
