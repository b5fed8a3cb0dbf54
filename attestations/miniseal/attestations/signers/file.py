"""A private key in a file: PEM PKCS #8, encrypted or not, readable by its owner alone.

No key and no password is ever shown in an error. Encrypted is PKCS #8 as OpenSSL encrypts it;
cosign's own encryption (scrypt and NaCl's secretbox) needs a library that nothing else here does.
"""

import os
import re
import stat
from collections.abc import Callable
from typing import TYPE_CHECKING, cast

from miniseal.attestations.signers.key import KEY_UNSUPPORTED, KeySigner
from miniseal.formats.errors import Code, UsageError

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric import ed25519
    from cryptography.hazmat.primitives.asymmetric.types import PrivateKeyTypes

__all__ = ["KEY_INVALID", "KEY_PASSWORD", "KEY_PERMISSIONS", "Ask", "FileSigner", "as_bytes"]

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
KEY_PASSWORD = Code(
    "key-password",
    UsageError,
    meaning="the password or the PIN of a private key is missing or wrong",
    cause="MINISEAL_KEY_PASSWORD is not set and there is no terminal to ask on, or a wrong word",
    remedy="set MINISEAL_KEY_PASSWORD, or run the command on a terminal",
)

Ask = Callable[[str], str]
"""Gives a secret, and is told which: `the password of release.key`."""

_SIZE_LIMIT = 64 * 1024
_LABEL = re.compile(rb"-----BEGIN ([A-Z0-9 ]{1,60})-----")


class FileSigner(KeySigner):
    """A `KeySigner` whose key is held in memory; `load` is the way in."""

    __slots__ = ("_key",)

    def __init__(self, key: "PrivateKeyTypes", *, what: str) -> None:
        """Take a key; `what` names it in errors.

        Raises:
            UsageError: `key-unsupported`.
        """
        super().__init__(key.public_key(), what=what)
        self._key = key

    @classmethod
    def load(cls, path: str | os.PathLike[str], *, ask: Ask | None = None) -> "FileSigner":
        """Read a private key file.

        Args:
            path: of the file.
            ask: gives the password if the key is encrypted; it is not called otherwise.

        Raises:
            UsageError: `key-invalid`, `key-permissions`, `key-unsupported`, `key-password`.
        """
        what = os.fspath(path)
        if "-----BEGIN " in what:
            raise KEY_INVALID(
                "a key was given in place of the path of its file",
                hint="whoever sees command lines or the environment may have read it",
            )
        pem, mode = _read(what)
        signer = cls.from_pem(pem, what=what, ask=ask)
        if mode & 0o077:
            raise KEY_PERMISSIONS(
                f"{what} is open to others than its owner", found=f"{mode:04o}", expected="0600"
            )
        return signer

    @classmethod
    def from_pem(cls, pem: bytes, *, what: str, ask: Ask | None = None) -> "FileSigner":
        """Read a private key; `what` names it in errors.

        Raises:
            UsageError: `key-invalid`, `key-unsupported`, `key-password`.
        """
        password = _password(what, ask) if _is_encrypted(pem, what) else None
        return cls(_parse(pem, what, password), what=what)

    def _sign(self, data: bytes) -> bytes:
        from cryptography.hazmat.primitives.asymmetric import ec  # takes long
        from cryptography.hazmat.primitives.hashes import SHA256

        if isinstance(self._key, ec.EllipticCurvePrivateKey):
            return self._key.sign(data, ec.ECDSA(SHA256()))
        return cast("ed25519.Ed25519PrivateKey", self._key).sign(data)


def as_bytes(password: str) -> bytes:
    """A password's bytes, also of one that came from an environment in another encoding."""
    return password.encode("utf-8", "surrogateescape")


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


def _is_encrypted(pem: bytes, what: str) -> bool:
    """Whether it takes a password, by the label of the one PEM block there may be."""
    labels = [label.decode() for label in _LABEL.findall(pem)]
    found = ", ".join(labels)[:100] or "no PEM"
    if labels in (["PRIVATE KEY"], ["ENCRYPTED PRIVATE KEY"]):
        return labels == ["ENCRYPTED PRIVATE KEY"]
    if any("ENCRYPTED" in label for label in labels):
        raise KEY_UNSUPPORTED(
            f"{what} is encrypted in a way of its own",
            found=found,
            expected="PRIVATE KEY or ENCRYPTED PRIVATE KEY",
        )
    if any(label.endswith(" PRIVATE KEY") for label in labels):
        raise KEY_UNSUPPORTED(
            f"{what} is not in PKCS #8",
            found=found,
            expected="PRIVATE KEY",
            hint="convert it: openssl pkcs8 -topk8 -in OLD -out NEW",
        )
    raise KEY_INVALID(f"{what} is not a private key", found=found, expected="PRIVATE KEY")


def _password(what: str, ask: Ask | None) -> bytes:
    if ask is None:
        raise KEY_PASSWORD(f"{what} is encrypted, and there is nobody to ask")
    password = ask(f"the password of {what}")
    if not password:
        raise KEY_PASSWORD(f"{what} is encrypted, and the password is empty")
    return as_bytes(password)


def _parse(pem: bytes, what: str, password: bytes | None) -> "PrivateKeyTypes":
    from cryptography.exceptions import UnsupportedAlgorithm  # takes long
    from cryptography.hazmat.primitives.serialization import (  # takes long
        load_pem_private_key,
    )

    try:
        return load_pem_private_key(pem, password=password)
    except UnsupportedAlgorithm as error:
        raise KEY_UNSUPPORTED(f"{what} is a key of an unknown kind") from error
    except (TypeError, ValueError) as error:
        if password is not None:  # decrypting to nonsense and being nonsense look the same
            raise KEY_PASSWORD(f"{what} cannot be read with this password") from error
        raise KEY_INVALID(f"{what} is a damaged private key") from error
