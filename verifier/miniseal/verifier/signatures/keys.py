"""Managed keys: reading public ones, and checking DSSE signatures with `cryptography` alone.

ECDSA P-256 with SHA-256 (DER signatures) and Ed25519, nothing else: other clients cannot verify the
rest. Which key may say what is the policy's; a bundle's hint is never looked at here.
"""

import base64
from dataclasses import dataclass, field

from miniseal.formats.digest import sha256
from miniseal.formats.dsse import Envelope, pae
from miniseal.formats.errors import Code

TYPE_CHECKING = False
if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePublicKey
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

__all__ = ["PublicKey"]


@dataclass(frozen=True, slots=True, kw_only=True)
class PublicKey:
    """A public key.

    Attributes:
        digest: `sha256:` + 64 hex of its SubjectPublicKeyInfo in DER; what tells keys apart.
        not_after: seconds since 1970 from which it verifies nothing, or None.
    """

    digest: str
    not_after: int | None
    _key: "EllipticCurvePublicKey | Ed25519PublicKey" = field(repr=False, compare=False)

    @classmethod
    def from_pem(
        cls, data: bytes, *, what: str, code: Code, not_after: int | None = None
    ) -> "PublicKey":
        """Read a PEM SubjectPublicKeyInfo; `what` names it in errors, which carry `code`."""
        from cryptography.exceptions import UnsupportedAlgorithm  # not for hosts
        from cryptography.hazmat.primitives.asymmetric import ec, ed25519
        from cryptography.hazmat.primitives.serialization import (
            Encoding,
            PublicFormat,
            load_pem_public_key,
        )

        try:
            key = load_pem_public_key(data)
        except (ValueError, UnsupportedAlgorithm) as error:
            raise code(f"{what} is not a public key", expected="PEM, BEGIN PUBLIC KEY") from error
        if not isinstance(key, ec.EllipticCurvePublicKey | ed25519.Ed25519PublicKey) or (
            isinstance(key, ec.EllipticCurvePublicKey) and key.curve.name != "secp256r1"
        ):
            raise code(
                f"{what} is of a kind that is not accepted",
                found=type(key).__name__,
                expected="P-256 or Ed25519",
            )
        spki = key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
        return cls(digest=sha256(spki), not_after=not_after, _key=key)

    @property
    def hint(self) -> str:
        """What a bundle that claims to be signed with this key says: base64 of the digest."""
        return base64.b64encode(bytes.fromhex(self.digest.removeprefix("sha256:"))).decode()

    def valid_at(self, now: int) -> bool:
        """Whether the key may verify anything at `now`, seconds since 1970."""
        return self.not_after is None or now < self.not_after

    @property
    def spki(self) -> bytes:
        """The SubjectPublicKeyInfo in DER."""
        from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

        return self._key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)

    def verifies(self, envelope: Envelope) -> bool:
        """Whether the envelope's one signature was made with this key."""
        if len(envelope.signatures) != 1:
            return False
        return self.made(envelope.signatures[0], pae(envelope.payload_type, envelope.payload))

    def made(self, signature: bytes, signed: bytes, *, hashed: bool = False) -> bool:
        """Whether this key made a signature.

        Args:
            signature: DER with P-256, raw with Ed25519.
            signed: what it is over.
            hashed: `signed` is the SHA-256 of that; Ed25519 cannot sign one in its place.
        """
        from cryptography.exceptions import InvalidSignature  # not for hosts
        from cryptography.hazmat.primitives.asymmetric import ec, ed25519, utils
        from cryptography.hazmat.primitives.hashes import SHA256

        algorithm = utils.Prehashed(SHA256()) if hashed else SHA256()
        try:
            if not isinstance(self._key, ed25519.Ed25519PublicKey):
                self._key.verify(signature, signed, ec.ECDSA(algorithm))
            elif hashed:
                return False
            else:
                self._key.verify(signature, signed)
        except (InvalidSignature, ValueError):
            return False
        return True
