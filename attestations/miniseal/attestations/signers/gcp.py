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
        from cryptography.hazmat.primitives.serialization import load_pem_public_key  # takes long
        from securesystemslib.signer import GCPSigner  # type: ignore[attr-defined]  # no __all__

        _, key = GCPSigner.import_(name)
        public = load_pem_public_key(key.keyval["public"].encode())
        return ServiceSigner(GCPSigner(name, key), public, what=uri)
