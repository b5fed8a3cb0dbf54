"""A private key in a file: PEM PKCS #8, not encrypted, readable by its owner alone.

It signs with P-256 and Ed25519 only: other clients cannot verify P-384 or RSA-PSS in bundles. Keys
are used through securesystemslib, so that a key management service can take a file's place; its
DSSE writer is not used, because it writes a keyid. No key is ever shown in an error.
"""

import base64
import hashlib
import os
import re
import stat
from typing import TYPE_CHECKING

from miniseal.formats.errors import Code, UsageError

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.types import PrivateKeyTypes
    from securesystemslib.signer import CryptoSigner  # type: ignore[attr-defined]  # lacks __all__

__all__ = ["KEY_INVALID", "KEY_PERMISSIONS", "KEY_UNSUPPORTED", "FileSigner", "crypto_signer"]

KEY_UNSUPPORTED = Code(
    "key-unsupported",
    UsageError,
    meaning="a private key is of a kind that Miniseal does not sign with",
    cause="RSA, P-384 or another curve, an encrypted key, or a key that is not PKCS #8",
    remedy="make a key with `miniseal keys generate`, or with openssl genpkey for P-256",
)
KEY_INVALID = Code(
    "key-invalid",
    UsageError,
    meaning="a file is not a readable private key",
    cause="a wrong path, a public key or a certificate in its place, or a damaged file",
    remedy="give the path of the private key, not of its .pub file",
)
KEY_PERMISSIONS = Code(
    "key-permissions",
    UsageError,
    meaning="a private key's file is open to others than its owner",
    cause="a copy made with the usual file mode",
    remedy="chmod 600 the file; if others could have read it, make a new key",
)

_SIZE_LIMIT = 64 * 1024
_LABEL = re.compile(rb"-----BEGIN ([A-Z0-9 ]{1,60})-----")


class FileSigner:
    """A `Signer` whose key is held in memory; `load` is the way in.

    Attributes:
        hint: base64 of the SHA-256 of the public key's SPKI DER.
        public_pem: the public key, PEM SPKI.
    """

    __slots__ = ("_signer", "hint", "public_pem")

    def __init__(self, signer: "CryptoSigner", public_pem: bytes, public_der: bytes) -> None:
        """Take a key that has been checked."""
        self._signer = signer
        self.public_pem = public_pem
        self.hint = base64.b64encode(hashlib.sha256(public_der).digest()).decode()

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> "FileSigner":
        """Read a private key file.

        Raises:
            UsageError: `key-invalid`, `key-permissions`, `key-unsupported`.
        """
        what = os.fspath(path)
        pem, mode = _read(what)
        signer = cls.from_pem(pem, what=what)
        if mode & 0o077:
            raise KEY_PERMISSIONS(
                f"{what} is open to others than its owner", found=f"{mode:04o}", expected="0600"
            )
        return signer

    @classmethod
    def from_pem(cls, pem: bytes, *, what: str) -> "FileSigner":
        """Read a private key; `what` names it in errors.

        Raises:
            UsageError: `key-invalid`, `key-unsupported`.
        """
        from cryptography.hazmat.primitives.serialization import (  # takes long
            Encoding,
            PublicFormat,
        )

        _check_label(pem, what)
        key = _parse(pem, what)
        _check_kind(key, what)
        public = key.public_key()
        return cls(
            crypto_signer()(key),
            public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo),
            public.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo),
        )

    def sign(self, data: bytes) -> bytes:
        """The signature over `data`: ECDSA P-256 with SHA-256 (DER), or Ed25519 (64 bytes)."""
        return bytes.fromhex(self._signer.sign(data).signature)


def crypto_signer() -> "type[CryptoSigner]":
    """The signer of securesystemslib, imported when needed: it is an extra, and takes long."""
    from securesystemslib.signer import CryptoSigner  # type: ignore[attr-defined]

    return CryptoSigner


def _read(path: str) -> tuple[bytes, int]:
    """The content and the permission bits of one and the same file."""
    try:
        file = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)  # not to hang on a pipe
        with os.fdopen(file, "rb") as stream:
            mode = os.fstat(file).st_mode
            if not stat.S_ISREG(mode):
                raise KEY_INVALID(f"{path} is not a regular file")
            pem = stream.read(_SIZE_LIMIT + 1)
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else error
        raise KEY_INVALID(f"cannot read the key {path!r}: {reason}") from error
    if len(pem) > _SIZE_LIMIT:
        raise KEY_INVALID(f"{path} is too large for a key", expected=f"at most {_SIZE_LIMIT} bytes")
    return pem, stat.S_IMODE(mode)


def _check_label(pem: bytes, what: str) -> None:
    labels = [label.decode() for label in _LABEL.findall(pem)]
    found = ", ".join(labels)[:100] or "no PEM"
    if labels == ["PRIVATE KEY"]:
        return
    if any("ENCRYPTED" in label for label in labels):
        raise KEY_UNSUPPORTED(
            f"{what} is an encrypted key", found=found, hint="keep the key without a password"
        )
    if any(label.endswith(" PRIVATE KEY") for label in labels):
        raise KEY_UNSUPPORTED(
            f"{what} is not in PKCS #8",
            found=found,
            expected="PRIVATE KEY",
            hint="convert it: openssl pkcs8 -topk8 -nocrypt -in OLD -out NEW",
        )
    raise KEY_INVALID(f"{what} is not a private key", found=found, expected="PRIVATE KEY")


def _parse(pem: bytes, what: str) -> "PrivateKeyTypes":
    from cryptography.exceptions import UnsupportedAlgorithm  # takes long
    from cryptography.hazmat.primitives.serialization import (  # takes long
        load_pem_private_key,
    )

    try:
        return load_pem_private_key(pem, password=None)
    except UnsupportedAlgorithm as error:
        raise KEY_UNSUPPORTED(f"{what} is a key of an unknown kind") from error
    except (TypeError, ValueError) as error:
        raise KEY_INVALID(f"{what} is a damaged private key") from error


def _check_kind(key: "PrivateKeyTypes", what: str) -> None:
    from cryptography.hazmat.primitives.asymmetric import ec, ed25519  # takes long

    if isinstance(key, ed25519.Ed25519PrivateKey):
        return
    curve = key.curve.name if isinstance(key, ec.EllipticCurvePrivateKey) else None
    if curve != "secp256r1":
        raise KEY_UNSUPPORTED(
            f"{what} is a key of an unsupported kind",
            found=curve or type(key).__name__.lstrip("_"),
            expected="P-256 or Ed25519",
        )
