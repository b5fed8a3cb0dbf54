"""AWS KMS: `awskms:` and a key's id, ARN, alias (`alias/NAME`) or alias's ARN.

Credentials and region are boto3's own: environment, configuration files, the machine's role. Only
the digest goes to the service.
"""

from miniseal.attestations.signers.file import Ask
from miniseal.attestations.signers.service import ServiceSigner, asking

__all__ = ["open_aws"]


def open_aws(uri: str, ask: Ask | None) -> ServiceSigner:
    """The signer of `awskms:KEY`; `awskms:///KEY`, as cosign writes it, is the same.

    Raises:
        UsageError: `key-unsupported`.
        EnvironmentalError: `signer-unavailable`.
    """
    del ask
    name = uri.removeprefix("awskms:").removeprefix("///")
    with asking(uri):
        from securesystemslib.signer import AWSSigner  # type: ignore[attr-defined]  # no __all__

        _, key = AWSSigner.import_(name)
        return ServiceSigner.of(AWSSigner(name, key), what=uri)
