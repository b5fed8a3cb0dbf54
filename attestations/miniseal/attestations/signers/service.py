"""Keys that stay with whoever keeps them: a token, a cloud's key service, Vault.

securesystemslib talks to them; this is what its signers have in common. Each of the libraries below
it has its own family of exceptions, and securesystemslib names none of them, so all become one
error here. Of what a service says only the first line is shown: in later ones some print requests,
with their tokens.
"""

import threading
from collections.abc import Generator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from miniseal.attestations.signers.key import KEY_UNSUPPORTED, KeySigner
from miniseal.formats.errors import Code, EnvironmentalError, MinisealError

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.types import PublicKeyTypes
    from securesystemslib.signer import Signer as TheirSigner  # type: ignore[attr-defined]

__all__ = ["SIGNER_UNAVAILABLE", "ServiceSigner", "asking"]

SIGNER_UNAVAILABLE = Code(
    "signer-unavailable",
    EnvironmentalError,
    meaning="who is to sign does not answer, or will not: a token, a key service or Sigstore",
    cause="a wrong URI, credentials that are missing or not enough, or no network",
    remedy="look at what it said; docs/how-to has what each service needs",
)

_UNSUPPORTED = frozenset({"UnsupportedAlgorithmError", "UnsupportedKeyType"})
"""securesystemslib's words for a key that it cannot use, one of them in a private module."""


@contextmanager
def asking(what: str) -> Generator[None]:
    """Turn whatever goes wrong with somebody else's library into an error.

    Raises:
        EnvironmentalError: `signer-unavailable`.
        UsageError: `key-unsupported`.
    """
    try:
        yield
    except MinisealError:
        raise
    except Exception as error:
        told = str(error) or str(error.__cause__ or "")
        said = f"{type(error).__name__}: {told}".partition("\n")[0][:300].removesuffix(": ")
        if type(error).__name__ in _UNSUPPORTED:
            raise KEY_UNSUPPORTED(
                f"{what} is a key of an unsupported kind", found=said, expected="P-256 or Ed25519"
            ) from error
        raise SIGNER_UNAVAILABLE(f"{what} cannot be used", found=said) from error


class ServiceSigner(KeySigner):
    """A `KeySigner` that asks one of securesystemslib's signers, one thread at a time."""

    __slots__ = ("_lock", "_signer")

    def __init__(self, signer: "TheirSigner", public: "PublicKeyTypes", *, what: str) -> None:
        """Take a signer and the public key that it was made for.

        Raises:
            UsageError: `key-unsupported`.
        """
        super().__init__(public, what=what)
        self._signer = signer
        self._lock = threading.Lock()

    @classmethod
    def of(cls, signer: "TheirSigner", *, what: str) -> "ServiceSigner":
        """Take a signer that has its public key in PEM; called while `asking`.

        Raises:
            UsageError: `key-unsupported`.
        """
        from cryptography.hazmat.primitives.serialization import load_pem_public_key  # takes long

        public = load_pem_public_key(signer.public_key.keyval["public"].encode())
        return cls(signer, public, what=what)

    def _sign(self, data: bytes) -> bytes:
        with self._lock, asking(self._what):
            return bytes.fromhex(self._signer.sign(data).signature)
