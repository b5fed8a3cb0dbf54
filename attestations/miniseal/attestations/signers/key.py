"""Signers with a key whose public half is known, wherever the private one is.

P-256 with SHA-256 and Ed25519, nothing else: other clients cannot verify P-384 or RSA-PSS in
bundles. A signature is verified with the public key before anybody gets it: a key service may have
rotated its key, or be somebody else.
"""

import base64
import hashlib
from abc import ABC, abstractmethod
from typing import TYPE_CHECKING

from miniseal.attestations.signers.signer import KeyIdentity
from miniseal.formats.bundle import Bundle
from miniseal.formats.dsse import IN_TOTO_PAYLOAD_TYPE, Envelope, pae
from miniseal.formats.errors import Code, EnvironmentalError, UsageError

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePublicKey
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
    from cryptography.hazmat.primitives.asymmetric.types import PublicKeyTypes

__all__ = ["KEY_UNSUPPORTED", "SIGNATURE_WRONG", "KeySigner"]

KEY_UNSUPPORTED = Code(
    "key-unsupported",
    UsageError,
    meaning="a private key is of a kind that Miniseal does not sign with",
    cause="RSA, P-384 or another curve, or a file that is not PKCS #8",
    remedy="make a key with `miniseal keys generate`, with openssl genpkey for P-256, or a P-256 "
    "signing key in your key service",
)
SIGNATURE_WRONG = Code(
    "signature-wrong",
    EnvironmentalError,
    meaning="what a signer gave back does not verify, or is not about what it was given",
    cause="a key service that has rotated or replaced the key, or hashes in another way",
    remedy="look at the key in its service with `miniseal keys show`; nothing was attached",
)


class KeySigner(ABC):
    """A `Signer` with one key; subclasses know where the private half is.

    Attributes:
        hint: base64 of the SHA-256 of the public key's SPKI DER.
        public_pem: the public key, PEM SPKI.
    """

    __slots__ = ("_public", "_what", "hint", "public_pem")

    def __init__(self, public: "PublicKeyTypes", *, what: str) -> None:
        """Take the public half; `what` names the key in errors.

        Raises:
            UsageError: `key-unsupported`.
        """
        from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat  # slow

        checked = _check_kind(public, what)
        spki = PublicFormat.SubjectPublicKeyInfo
        digest = hashlib.sha256(public.public_bytes(Encoding.DER, spki)).digest()
        self._public: EllipticCurvePublicKey | Ed25519PublicKey = checked
        self._what = what
        self.hint = base64.b64encode(digest).decode()
        self.public_pem = public.public_bytes(Encoding.PEM, spki)

    @property
    def identity(self) -> KeyIdentity:
        """The public key."""
        return KeyIdentity(hint=self.hint, public_pem=self.public_pem)

    @property
    def name(self) -> str:
        """The key's hint."""
        return str(self.identity)

    def sign(self, data: bytes) -> bytes:
        """The signature over `data`: ECDSA P-256 with SHA-256 (DER), or Ed25519 (64 bytes).

        Raises:
            EnvironmentalError: `signature-wrong`, and what the key's place adds.
        """
        signature = self._sign(data)
        if not self._verifies(signature, data):
            raise SIGNATURE_WRONG(f"the signature by {self._what} does not verify", found=self.hint)
        return signature

    def sign_statement(self, statement: bytes) -> bytes:
        """A bundle v0.3 with the key's hint, without keyid and log entries.

        Raises:
            FormatError: `too-large`, for a bundle that nobody reads.
            EnvironmentalError: `signature-wrong`, and what the key's place adds.
        """
        envelope = Envelope(
            payload=statement,
            payload_type=IN_TOTO_PAYLOAD_TYPE,
            signatures=(self.sign(pae(IN_TOTO_PAYLOAD_TYPE, statement)),),
        )
        return Bundle(envelope=envelope, key_hint=self.hint).to_bytes()

    @abstractmethod
    def _sign(self, data: bytes) -> bytes:
        """The signature, not yet verified."""

    def _verifies(self, signature: bytes, data: bytes) -> bool:
        from cryptography.exceptions import InvalidSignature  # takes long
        from cryptography.hazmat.primitives.asymmetric import ec
        from cryptography.hazmat.primitives.hashes import SHA256

        try:
            if isinstance(self._public, ec.EllipticCurvePublicKey):
                self._public.verify(signature, data, ec.ECDSA(SHA256()))
            else:
                self._public.verify(signature, data)
        except InvalidSignature:
            return False
        return True


def _check_kind(public: "PublicKeyTypes", what: str) -> "EllipticCurvePublicKey | Ed25519PublicKey":
    """The key, if it is of a kind that everybody can verify.

    Raises:
        UsageError: `key-unsupported`.
    """
    from cryptography.hazmat.primitives.asymmetric import ec, ed25519  # takes long

    if isinstance(public, ed25519.Ed25519PublicKey):
        return public
    if isinstance(public, ec.EllipticCurvePublicKey) and public.curve.name == "secp256r1":
        return public
    curve = public.curve.name if isinstance(public, ec.EllipticCurvePublicKey) else None
    raise KEY_UNSUPPORTED(
        f"{what} is a key of an unsupported kind",
        found=curve or type(public).__name__.lstrip("_"),
        expected="P-256 or Ed25519",
    )
