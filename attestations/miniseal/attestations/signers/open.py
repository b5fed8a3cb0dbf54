"""A key by its path or URI."""

from miniseal.attestations.signers.file import Ask, FileSigner
from miniseal.attestations.signers.key import KeySigner

__all__ = ["open_signer"]


def open_signer(key: str, *, ask: Ask | None = None) -> KeySigner:
    """The signer of a key.

    Args:
        key: a path, or `file:` and a path.
        ask: gives the key's password, if it has one.

    Raises:
        UsageError: `key-invalid`, `key-permissions`, `key-unsupported`, `key-password`.
    """
    return FileSigner.load(key.removeprefix("file:"), ask=ask)
