"""Keyless signatures: sigstore-python's verdict on DSSE bundles, and what it leaves out around it.

Every bundle is first read by our own strict reader. Each clock that it has (the log's promise, each
timestamp) then has to hold by itself (`clocks`) against a trusted root narrowed to that time
(`anchors`), so all times returned are verified. There is no second implementation of chains, logs
or timestamps here, no network and no clock. Who may sign is not asked: `identity` compares what is
returned with a policy, and the payload's type and subject are the caller's to check.

`sigstore` is imported when the first bundle is verified (about 300 ms), never for key bundles.
"""

from dataclasses import dataclass

from miniseal.formats.bundle import Bundle
from miniseal.verifier.evidence import IDENTITY_MISMATCH, SIGNATURE_INVALID
from miniseal.verifier.signatures.anchors import Anchors
from miniseal.verifier.signatures.certificate import CertificateIdentity
from miniseal.verifier.signatures.clocks import Leaf, Material, verified_times

TYPE_CHECKING = False
if TYPE_CHECKING:
    from sigstore.models import Bundle as SigstoreBundle
    from sigstore.verify import Verifier

__all__ = ["KeylessVerifier", "Signed"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Signed:
    """What a keyless bundle proves.

    Attributes:
        payload: the bytes that were signed.
        payload_type: their media type; nobody has asked yet which one is acceptable.
        identity: whom the certificate names; neither has anybody asked whether they may sign.
        times: when, in seconds since 1970, ascending, by every clock in the bundle; at least one.
    """

    payload: bytes
    payload_type: str
    identity: CertificateIdentity
    times: tuple[int, ...]


class KeylessVerifier:
    """Verifies keyless bundles against one trusted root."""

    def __init__(self, trusted_root: bytes) -> None:
        """Take the JSON of a Sigstore trusted root.

        Raises:
            UsageError: `trusted-root-invalid`.
        """
        self._anchors = Anchors.from_bytes(trusted_root)

    def verify(self, bundle: bytes) -> Signed:
        """Verify a bundle v0.3 around one DSSE envelope.

        Raises:
            VerificationError: `signature-invalid`, `certificate-invalid`, `log-entry-invalid`,
                `timestamp-invalid`; `identity-mismatch` where a key signed.
            FormatError: `bundle-malformed`, `envelope-malformed`, `json-malformed`, `too-large`.
            UsageError: `trusted-root-invalid`, where only sigstore-python sees what is wrong.
            EnvironmentalError: `extra-missing`.
        """
        read = Bundle.from_bytes(bundle)
        if read.certificate is None:
            raise IDENTITY_MISMATCH("the bundle is signed with a key, and has no certificate")
        leaf, envelope = Leaf(read.certificate), read.envelope

        def check(verifier: "Verifier", part: "SigstoreBundle") -> None:
            found = verifier.verify_dsse(part, leaf)
            if found != (envelope.payload_type, envelope.payload):
                raise SIGNATURE_INVALID("the bundle is read in two ways")

        material = Material.from_bytes(bundle)
        times = verified_times(self._anchors, material, read.certificate, check)
        return Signed(
            payload=envelope.payload,
            payload_type=envelope.payload_type,
            identity=CertificateIdentity.from_der(read.certificate),
            times=times,
        )
