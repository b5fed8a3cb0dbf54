"""What the rest of Miniseal asks of a signer, and who one is to those who verify.

It holds no key, reads no file and asks nobody.
"""

from dataclasses import dataclass, field
from typing import Protocol

__all__ = ["Identity", "KeyIdentity", "KeylessIdentity", "Signer"]


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyIdentity:
    """A signer whom others know by a public key.

    Attributes:
        hint: base64 of the SHA-256 of the key's SPKI DER, as cosign writes it in bundles.
        public_pem: the public key, PEM SPKI.
    """

    hint: str
    public_pem: bytes

    def to_json(self) -> dict[str, str | None]:
        """What `--json` results say of a signer."""
        return {"key": self.hint, "issuer": None, "identity": None}

    def __str__(self) -> str:
        """For people."""
        return f"the key {self.hint}"


@dataclass(frozen=True, slots=True, kw_only=True)
class KeylessIdentity:
    """A signer whom others know by what a short-lived certificate says.

    Attributes:
        issuer: the OIDC issuer.
        subject: the certificate's subject alternative name.
        certificate: DER, which says more about who it is; each is another one.
        trusted_root: the Sigstore trusted root, JSON, that its signatures verify with.
    """

    issuer: str
    subject: str
    certificate: bytes = field(compare=False)
    trusted_root: bytes

    def to_json(self) -> dict[str, str | None]:
        """What `--json` results say of a signer."""
        return {"key": None, "issuer": self.issuer, "identity": self.subject}

    def __str__(self) -> str:
        """For people."""
        return f"the identity {self.subject} of {self.issuer}"


Identity = KeyIdentity | KeylessIdentity


class Signer(Protocol):
    """Somebody who can sign statements."""

    @property
    def name(self) -> str:
        """Who signs, for people, as far as it is known without asking anybody."""
        ...

    @property
    def identity(self) -> Identity:
        """Who signs, as others will see it; a keyless signer may ask for its certificate here."""
        ...

    def sign_statement(self, statement: bytes) -> bytes:
        """A Sigstore bundle around an in-toto statement.

        `miniseal.attestations.sign_statement` is the way to it, which checks both.
        """
        ...
