"""What the rest of Miniseal asks of a signer.

It holds no key and reads no file.
"""

from typing import Protocol

__all__ = ["Signer"]


class Signer(Protocol):
    """Somebody who can sign bytes with a key whose public half is known."""

    @property
    def hint(self) -> str:
        """base64 of the SHA-256 of the public key's SPKI DER, as cosign writes it in bundles."""
        ...

    @property
    def public_pem(self) -> bytes:
        """The public key, PEM SPKI."""
        ...

    def sign(self, data: bytes) -> bytes:
        """The signature over `data`: ECDSA P-256 with SHA-256 (DER), or Ed25519 (64 bytes)."""
        ...
