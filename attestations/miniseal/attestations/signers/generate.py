"""New keys on disk: each file appears whole or not at all, and replaces nothing.

No key is rotated, and none is written anywhere but at the path given.
"""

import os
import secrets
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from miniseal.attestations.signers.encrypt import encrypted_pem
from miniseal.attestations.signers.file import KEY_PASSWORD, FileSigner, as_bytes
from miniseal.formats.errors import Code, EnvironmentalError, UsageError

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.types import PrivateKeyTypes

__all__ = ["KEY_EXISTS", "KEY_UNWRITABLE", "generate_key"]

KEY_EXISTS = Code(
    "key-exists",
    UsageError,
    meaning="there is already a file where a new key would be written",
    cause="a key was generated before; keys are never overwritten",
    remedy="give another path, or move the old key away",
)
KEY_UNWRITABLE = Code(
    "key-unwritable",
    EnvironmentalError,
    meaning="a new key could not be written",
    cause="a folder that does not exist or is not writable, or a file system without hard links",
    remedy="give a path in an existing folder of your own on a local disk",
)


def generate_key(
    path: str | os.PathLike[str],
    *,
    kind: Literal["p256", "ed25519"] = "p256",
    password: str | None = None,
) -> FileSigner:
    """Make a key and return its signer.

    The private key goes to `path` (PEM PKCS #8, mode 0600), the public one to `path` + `.pub` (PEM
    SPKI). Where one of the two is there already, neither is written.

    Args:
        path: of the private key.
        kind: of key.
        password: that encrypts it, or None.

    Raises:
        UsageError: `key-exists`, `key-password` for an empty one.
        EnvironmentalError: `key-unwritable`.
    """
    from cryptography.hazmat.primitives.asymmetric import ec, ed25519  # takes long

    private, public = Path(path), Path(f"{os.fspath(path)}.pub")
    if password == "":
        raise KEY_PASSWORD(f"an empty password does not protect {private}")
    made = (
        ec.generate_private_key(ec.SECP256R1())
        if kind == "p256"
        else ed25519.Ed25519PrivateKey.generate()
    )
    signer, pem = FileSigner(made, what=str(private)), _pem(made, password)
    try:
        _publish(private, pem, 0o600)
        try:
            _publish(public, signer.public_pem, 0o644)
        except BaseException:
            private.unlink()
            raise
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else error
        raise KEY_UNWRITABLE(f"cannot write a key at {str(private)!r}: {reason}") from error
    return signer


def _pem(key: "PrivateKeyTypes", password: str | None) -> bytes:
    from cryptography.hazmat.primitives.serialization import (  # takes long
        Encoding,
        NoEncryption,
        PrivateFormat,
    )

    if password is not None:
        return encrypted_pem(key, as_bytes(password))
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


def _publish(path: Path, data: bytes, mode: int) -> None:
    """Write a new file under another name, then link it to `path`, which must not exist."""
    staged = path.parent / f".{path.name}.{secrets.token_hex(8)}"
    file = os.open(staged, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, mode)
    try:
        with os.fdopen(file, "wb") as stream:
            stream.write(data)
            stream.flush()
            os.fsync(file)
        os.link(staged, path)
    except FileExistsError as error:
        raise KEY_EXISTS(f"{path} exists") from error
    finally:
        staged.unlink()
    _sync(path.parent)


def _sync(folder: Path) -> None:
    file = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(file)
    finally:
        os.close(file)
