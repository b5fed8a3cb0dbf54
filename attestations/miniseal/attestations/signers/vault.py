"""HashiCorp Vault's transit engine: `hv:NAME`, or `hv:NAME/VERSION`.

Address and token are hvac's own: VAULT_ADDR, VAULT_TOKEN. securesystemslib signs; the public key is
read here, because its own import knows Ed25519 only, while it signs with P-256 as well: Vault's
defaults are SHA-256 and DER. Without a version it is the newest at the start, for the whole run.
"""

import base64
import re
from typing import TYPE_CHECKING, Any

from miniseal.attestations.signers.file import Ask
from miniseal.attestations.signers.key import KEY_UNSUPPORTED
from miniseal.attestations.signers.service import SIGNER_UNAVAILABLE, ServiceSigner, asking

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.types import PublicKeyTypes

__all__ = ["open_vault"]

_KEY = re.compile(r"hv:(?P<name>[a-zA-Z0-9_.-]{1,200})(?:/(?P<version>[1-9][0-9]{0,8}))?")


def open_vault(uri: str, ask: Ask | None) -> ServiceSigner:
    """The signer of a key.

    Raises:
        UsageError: `key-unsupported`.
        EnvironmentalError: `signer-unavailable`.
    """
    del ask
    named = _KEY.fullmatch(uri)
    if named is None:
        raise SIGNER_UNAVAILABLE(
            "this is not the URI of a key in Vault",
            found=repr(uri)[:200],
            expected="hv:NAME or hv:NAME/VERSION",
        )
    with asking(uri):
        import hvac  # type: ignore[import-untyped]
        from securesystemslib.signer import SSlibKey, VaultSigner  # type: ignore[attr-defined]

        client: Any = hvac.Client()
        data: dict[str, Any] = client.secrets.transit.read_key(named["name"])["data"]
        version = int(named["version"] or max(map(int, data["keys"])))
        public = _public(str(data["type"]), data["keys"].get(str(version)), uri)
        key = SSlibKey.from_crypto(public)
        return ServiceSigner(VaultSigner(named["name"], key, version), public, what=uri)


def _public(kind: str, version: dict[str, str] | None, uri: str) -> "PublicKeyTypes":
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey  # takes long
    from cryptography.hazmat.primitives.serialization import load_pem_public_key

    if kind not in {"ed25519", "ecdsa-p256"}:
        raise KEY_UNSUPPORTED(
            f"{uri} is a key of an unsupported kind", found=kind, expected="ecdsa-p256 or ed25519"
        )
    if version is None:
        raise SIGNER_UNAVAILABLE(f"{uri} is a version that Vault does not have")
    if kind == "ed25519":
        return Ed25519PublicKey.from_public_bytes(base64.b64decode(version["public_key"]))
    return load_pem_public_key(version["public_key"].encode())
