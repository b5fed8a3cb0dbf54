"""Layouts: a functionary's key as in-toto knows it, and from a layout's bytes to a signed bundle.

What a layout should say is not judged here beyond what `formats.layout` refuses.
"""

import base64
import json

from miniseal.attestations.signers.key import KeySigner
from miniseal.formats.bundle import Bundle
from miniseal.formats.errors import Code, UsageError
from miniseal.formats.layout import Layout, LayoutKey

__all__ = ["PUBLIC_KEY_INVALID", "functionary_key", "in_toto_envelope", "sign_layout"]

PUBLIC_KEY_INVALID = Code(
    "public-key-invalid",
    UsageError,
    meaning="a file is not a public key that Miniseal verifies with",
    cause="a private key or a certificate in its place, or RSA or another curve than P-256",
    remedy="give the .pub file of a P-256 or Ed25519 key, PEM, BEGIN PUBLIC KEY",
)


def functionary_key(pem: bytes, what: str) -> tuple[str, LayoutKey]:
    """The key id that in-toto gives to a public key, and the key; `what` names it in errors.

    Raises:
        UsageError: `public-key-invalid`.
    """
    from cryptography.exceptions import UnsupportedAlgorithm  # takes long
    from cryptography.hazmat.primitives.asymmetric import ec, ed25519
    from cryptography.hazmat.primitives.serialization import load_pem_public_key
    from securesystemslib.signer import SSlibKey  # type: ignore[attr-defined]  # no __all__

    try:
        public = load_pem_public_key(pem)
    except (ValueError, UnsupportedAlgorithm) as error:
        raise PUBLIC_KEY_INVALID(f"{what} is not a public key") from error
    curve = public.curve.name if isinstance(public, ec.EllipticCurvePublicKey) else None
    if curve != "secp256r1" and not isinstance(public, ed25519.Ed25519PublicKey):
        raise PUBLIC_KEY_INVALID(
            f"{what} is of a kind that is not accepted",
            found=curve or type(public).__name__.lstrip("_"),
            expected="P-256 or Ed25519",
        )
    key = SSlibKey.from_crypto(public)
    return key.keyid, LayoutKey(keytype=key.keytype, public=key.keyval["public"])


def sign_layout(layout: bytes, signer: KeySigner) -> bytes:
    """The bytes of a Sigstore bundle v0.3 around `layout`, which is read first.

    Raises:
        FormatError: `layout-invalid`, `time-malformed`, `json-malformed` or `too-large`, before
            anything is signed.
        EnvironmentalError: `signature-wrong`, and what the key's place adds.
    """
    Layout.from_bytes(layout)
    return signer.sign_statement(layout)


def in_toto_envelope(bundle: bytes, public_pem: bytes) -> bytes:
    """The envelope in a bundle as in-toto's own tools read it, which look keys up by their id.

    Raises:
        FormatError: `bundle-malformed` and the other codes of `Bundle.from_bytes`.
        UsageError: `public-key-invalid`.
    """
    envelope = Bundle.from_bytes(bundle).envelope
    key_id, _ = functionary_key(public_pem, "the key that signed")
    signatures = [
        {"keyid": key_id, "sig": base64.b64encode(each).decode()} for each in envelope.signatures
    ]
    return json.dumps({**envelope.to_json(), "signatures": signatures}).encode()
