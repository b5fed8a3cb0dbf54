"""A key by its path or URI."""

from collections.abc import Callable
from dataclasses import dataclass

from miniseal.attestations.signers.aws import open_aws
from miniseal.attestations.signers.azure import open_azure
from miniseal.attestations.signers.file import Ask, FileSigner
from miniseal.attestations.signers.gcp import open_gcp
from miniseal.attestations.signers.hsm import open_hsm
from miniseal.attestations.signers.key import KeySigner
from miniseal.attestations.signers.vault import open_vault

__all__ = ["extra_of", "open_signer"]


@dataclass(frozen=True, slots=True)
class _Service:
    extra: str
    open: Callable[[str, Ask | None], KeySigner]


_SERVICES = {
    "awskms": _Service("aws", open_aws),
    "azurekms": _Service("azure", open_azure),
    "gcpkms": _Service("gcp", open_gcp),
    "hsm": _Service("pkcs11", open_hsm),
    "hv": _Service("vault", open_vault),
    "pkcs11": _Service("pkcs11", open_hsm),
}


def extra_of(key: str) -> str | None:
    """The extra of the distribution that a key needs beside `sign`, or None."""
    service = _SERVICES.get(key.partition(":")[0])
    return service.extra if service else None


def open_signer(key: str, *, ask: Ask | None = None) -> KeySigner:
    """The signer of a key; whoever keeps it has answered by then.

    Args:
        key: a path, `file:` and a path, or a URI of a token or a key service.
        ask: gives the password or the PIN if there is one. Without it a key on a token can be
            shown, but cannot sign.

    Raises:
        UsageError: `key-invalid`, `key-permissions`, `key-unsupported`, `key-password`.
        EnvironmentalError: `signer-unavailable`.
    """
    service = _SERVICES.get(key.partition(":")[0])
    if service is not None:
        return service.open(key, ask)
    return FileSigner.load(key.removeprefix("file:"), ask=ask)
