"""Google Cloud KMS: `gcpkms:projects/P/locations/L/keyRings/R/cryptoKeys/K/cryptoKeyVersions/V`.

Credentials are Google's application default ones. Not exercised: there is no service to test with.
"""

from miniseal.attestations.signers.file import Ask
from miniseal.attestations.signers.service import ServiceSigner, asking

__all__ = ["open_gcp"]


def open_gcp(uri: str, ask: Ask | None) -> ServiceSigner:
    """The signer of `gcpkms:NAME`, or `gcpkms://NAME`.

    Raises:
        UsageError: `key-unsupported`.
        EnvironmentalError: `signer-unavailable`.
    """
    del ask
    name = uri.removeprefix("gcpkms:").removeprefix("//")
    with asking(uri):
        from securesystemslib.signer import GCPSigner  # type: ignore[attr-defined]  # no __all__

        _, key = GCPSigner.import_(name)
        return ServiceSigner.of(GCPSigner(name, key), what=uri)
