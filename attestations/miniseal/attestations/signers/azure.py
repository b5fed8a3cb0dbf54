"""Azure Key Vault: `azurekms://VAULT.vault.azure.net/keys/NAME`, always the newest version.

Credentials are Azure's default ones. securesystemslib writes the vault's host name itself, so other
clouds than the public one cannot be named. Not exercised: there is no service to test with.
"""

import re

from miniseal.attestations.signers.file import Ask
from miniseal.attestations.signers.service import SIGNER_UNAVAILABLE, ServiceSigner, asking

__all__ = ["open_azure"]

_KEY = re.compile(
    r"azurekms://(?P<vault>[a-zA-Z0-9-]{3,24})\.vault\.azure\.net"
    r"/keys/(?P<name>[a-zA-Z0-9-]{1,127})(?:/(?P<version>[0-9a-f]{32}))?"
)


def open_azure(uri: str, ask: Ask | None) -> ServiceSigner:
    """The signer of a key; a version that is not the newest is refused, not replaced.

    Raises:
        UsageError: `key-unsupported`.
        EnvironmentalError: `signer-unavailable`.
    """
    del ask
    named = _KEY.fullmatch(uri)
    if named is None:
        raise SIGNER_UNAVAILABLE(
            "this is not the URI of a key in Azure Key Vault",
            found=repr(uri)[:200],
            expected="azurekms://VAULT.vault.azure.net/keys/NAME",
        )
    with asking(uri):
        from securesystemslib.signer import AzureSigner  # type: ignore[attr-defined]  # no __all__

        newest, key = AzureSigner.import_(named["vault"], named["name"])
        if named["version"] and newest.rpartition("/")[2] != named["version"]:
            raise SIGNER_UNAVAILABLE(
                "only a key's newest version can sign", found=named["version"], expected=newest
            )
        return ServiceSigner.of(AzureSigner.from_priv_key_uri(newest, key), what=uri)
