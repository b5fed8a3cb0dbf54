"""Bundles about one file: what Sigstore's conformance suite has its clients verify.

A package's evidence never comes this way (see `keyless` and `keys`). Here message signatures and
all versions of bundles are accepted as well, and log entries beside a managed key are verified
where a trusted root is given; without one they are ignored, as `cosign --key` offline ignores them.
"""

from dataclasses import dataclass, field

from miniseal.formats.blob_bundle import BlobBundle, MessageSignature
from miniseal.formats.digest import DIGEST_MISMATCH, check_digest, sha256
from miniseal.formats.dsse import IN_TOTO_PAYLOAD_TYPE, Envelope
from miniseal.formats.statement import Statement
from miniseal.verifier.evidence import IDENTITY_MISMATCH, SIGNATURE_INVALID, SUBJECT_MISMATCH
from miniseal.verifier.signatures.anchors import Anchors
from miniseal.verifier.signatures.body import check_body
from miniseal.verifier.signatures.certificate import (
    CERTIFICATE_INVALID,
    CertificateIdentity,
    read_certificate,
)
from miniseal.verifier.signatures.clocks import Leaf, Material, verified_times
from miniseal.verifier.signatures.keys import PublicKey
from miniseal.verifier.signatures.legacy import check_intoto, renamed, times_beside_key

TYPE_CHECKING = False
if TYPE_CHECKING:
    from sigstore.models import Bundle
    from sigstore.verify import Verifier

__all__ = ["Blob", "SignedBlob", "verify_blob", "verify_blob_with_key"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Blob:
    """The file that a bundle has to be about.

    Attributes:
        digest: `sha256:` + 64 hex.
        content: or None where only the digest is known, which is too little for Ed25519.
    """

    digest: str
    content: bytes | None = field(default=None, repr=False)

    @classmethod
    def of(cls, content: bytes) -> "Blob":
        """The file with this content."""
        return cls(digest=sha256(content), content=content)

    @classmethod
    def named(cls, digest: str) -> "Blob":
        """The file with this digest.

        Raises:
            FormatError: `digest-malformed`.
        """
        return cls(digest=check_digest(digest))

    @property
    def hash(self) -> bytes:
        """The raw SHA-256."""
        return bytes.fromhex(self.digest.removeprefix("sha256:"))


@dataclass(frozen=True, slots=True, kw_only=True)
class SignedBlob:
    """What a bundle proves about a file.

    Attributes:
        identity: whom the certificate names, who may be anybody; None where a key signed.
        times: seconds since 1970, ascending; may be empty where a key signed.
    """

    identity: CertificateIdentity | None
    times: tuple[int, ...]


def verify_blob(data: bytes, blob: Blob, trusted_root: bytes) -> SignedBlob:
    """Verify a keyless bundle about `blob`.

    Raises:
        VerificationError: `signature-invalid`, `certificate-invalid`, `log-entry-invalid`,
            `timestamp-invalid`, `digest-mismatch`, `subject-mismatch`; `identity-mismatch` where a
            key signed.
        FormatError: for a bundle or statement that is malformed.
        UsageError: `trusted-root-invalid`.
        EnvironmentalError: `extra-missing`.
    """
    bundle = BlobBundle.from_bytes(data)
    if not bundle.certificates:
        raise IDENTITY_MISMATCH("the bundle is signed with a key, and has no certificate")
    _check_chain(bundle.certificates)
    _check_subject(bundle, blob)
    material, leaf = Material.from_bytes(data), Leaf(bundle.certificates[0])
    legacy = material.entry.kind == "intoto"

    def check(verifier: "Verifier", part: "Bundle") -> None:
        if legacy:
            check_intoto(verifier, part, leaf, bundle, material)
        else:
            _check(verifier, part, leaf, bundle, blob)

    times = verified_times(
        Anchors.from_bytes(trusted_root),
        renamed(material) if legacy else material,
        bundle.certificates[0],
        check,
    )
    return SignedBlob(identity=CertificateIdentity.from_der(bundle.certificates[0]), times=times)


def verify_blob_with_key(
    data: bytes, blob: Blob, key: PublicKey, trusted_root: bytes | None = None
) -> SignedBlob:
    """Verify a bundle about `blob` that was signed with `key`.

    Args:
        data: the bundle.
        blob: the file.
        key: whose hint the bundle names is not asked.
        trusted_root: to verify its log entry and timestamps with; None to ignore them.

    Raises:
        VerificationError: `signature-invalid`, `log-entry-invalid`, `timestamp-invalid`,
            `digest-mismatch`, `subject-mismatch`; `identity-mismatch` in a keyless bundle.
        FormatError: for a bundle or statement that is malformed.
        UsageError: `trusted-root-invalid`.
        EnvironmentalError: `extra-missing`.
    """
    bundle = BlobBundle.from_bytes(data)
    if bundle.certificates:
        raise IDENTITY_MISMATCH("the bundle is keyless, and a key's signature is asked for")
    _check_subject(bundle, blob)
    if not _made(key, bundle, blob):
        raise SIGNATURE_INVALID(
            "the key did not make the signature",
            hint="for Ed25519 give the file: a digest is not enough" if not blob.content else None,
        )
    if trusted_root is None or not Material.logged(data):
        return SignedBlob(identity=None, times=())
    material = Material.from_bytes(data)
    check_body(material.entry, bundle, digest=blob.hash.hex(), verifier=key.spki)
    times = times_beside_key(Anchors.from_bytes(trusted_root), material, bundle.signature)
    return SignedBlob(identity=None, times=times)


def _check(
    verifier: "Verifier", part: "Bundle", leaf: Leaf, bundle: BlobBundle, blob: Blob
) -> None:
    from sigstore.hashes import Hashed

    if not isinstance(bundle.content, Envelope):
        # pydantic makes the algorithm's enumeration of its name
        hashed = Hashed.model_validate({"algorithm": "SHA2_256", "digest": blob.hash})
        verifier.verify_artifact(hashed, part, leaf)
    elif verifier.verify_dsse(part, leaf) != (bundle.content.payload_type, bundle.content.payload):
        raise SIGNATURE_INVALID("the bundle is read in two ways")


def _made(key: PublicKey, bundle: BlobBundle, blob: Blob) -> bool:
    content = bundle.content
    if isinstance(content, Envelope):
        return key.verifies(content)
    if blob.content is not None:
        return key.made(content.signature, blob.content)
    return key.made(content.signature, blob.hash, hashed=True)


def _check_subject(bundle: BlobBundle, blob: Blob) -> None:
    """Whether the bundle says that it is about the file, as far as it says anything."""
    content = bundle.content
    if isinstance(content, MessageSignature):
        if content.digest not in {None, blob.digest}:
            raise DIGEST_MISMATCH(
                "the bundle is about another file", found=content.digest, expected=blob.digest
            )
        return
    if content.payload_type != IN_TOTO_PAYLOAD_TYPE:
        raise SUBJECT_MISMATCH(
            "the envelope does not hold a statement",
            found=content.payload_type[:100],
            expected=IN_TOTO_PAYLOAD_TYPE,
        )
    if not Statement.from_bytes(content.payload).names(blob.digest):
        raise SUBJECT_MISMATCH("the statement is about another file", expected=blob.digest)


def _check_chain(certificates: tuple[bytes, ...]) -> None:
    """Refuse a root among the certificates: roots come from the trusted root alone."""
    for der in certificates[1:]:
        certificate = read_certificate(der)
        if certificate.issuer == certificate.subject:
            raise CERTIFICATE_INVALID(
                "the bundle brings a root certificate of its own", found=sha256(der)
            )
