"""Sigstore bundles v0.3 around one DSSE envelope: with a key, or (reading only) a certificate.

Nothing is verified here: a hint and a certificate are claims. Of a keyless bundle only what the
claims are read from is kept, so whoever verifies it takes the original bytes to a Sigstore library.
Bundles of message signatures are refused: they say nothing about a digest that a policy could ask.
"""

from dataclasses import dataclass

from miniseal.formats.dsse import Envelope, base64_member
from miniseal.formats.errors import Code, FormatError
from miniseal.formats.members import Members
from miniseal.formats.strictjson import TOO_LARGE, canonical, loads

__all__ = [
    "BUNDLE_LIMIT",
    "BUNDLE_MALFORMED",
    "BUNDLE_TYPE",
    "CONTENT_ANNOTATION",
    "PREDICATE_ANNOTATION",
    "Bundle",
]

BUNDLE_TYPE = "application/vnd.dev.sigstore.bundle.v0.3+json"
BUNDLE_LIMIT = 8 * 1024 * 1024
"""Bytes."""
CONTENT_ANNOTATION = "dev.sigstore.bundle.content"
PREDICATE_ANNOTATION = "dev.sigstore.bundle.predicateType"
"""On a bundle's referrer (cosign specs/BUNDLE_SPEC.md): a claim to choose by, never evidence."""

BUNDLE_MALFORMED = Code(
    "bundle-malformed",
    FormatError,
    meaning="a document is not a Sigstore bundle v0.3 with one DSSE signature",
    cause="another bundle version, a message signature, several signatures, or no signer named",
    remedy="attach bundles v0.3 as `miniseal release` or cosign v3 write them",
)

_TYPES = (BUNDLE_TYPE, "application/vnd.dev.sigstore.bundle+json;version=0.3")


@dataclass(frozen=True, slots=True, kw_only=True)
class Bundle:
    """One signed envelope and who claims to have signed it (`sigstore_bundle.proto`).

    Attributes:
        envelope: with exactly one signature.
        key_hint: which key; ours is the base64 of the SHA-256 of its SPKI DER. None in a keyless
            bundle, and where the writer gave none.
        certificate: the leaf's DER in a keyless bundle, else None.
        has_log_entries: whether there is any transparency log entry.
    """

    envelope: Envelope
    key_hint: str | None = None
    certificate: bytes | None = None
    has_log_entries: bool = False

    @classmethod
    def from_bytes(cls, data: bytes) -> "Bundle":
        """Read a bundle of at most `BUNDLE_LIMIT` bytes; unknown members are ignored.

        Raises:
            FormatError: `bundle-malformed`, `envelope-malformed`, `json-malformed`, `too-large`.
        """
        value = loads(data, limit=BUNDLE_LIMIT, what="bundle", floats=True)
        members = Members(value, "bundle", BUNDLE_MALFORMED)
        media_type = members.string("mediaType")
        if media_type not in _TYPES:
            raise BUNDLE_MALFORMED(
                "bundle is of an unknown version",
                found=repr(media_type)[:100],
                expected=BUNDLE_TYPE,
            )
        material = members.child("verificationMaterial")
        key_hint, certificate = _signer(material)
        return cls(
            envelope=_envelope(members),
            key_hint=key_hint,
            certificate=certificate,
            has_log_entries="tlogEntries" in material and bool(material.children("tlogEntries")),
        )

    def to_bytes(self) -> bytes:
        """Canonical JSON of a bundle signed with a key: no log entries, no keyid.

        Raises:
            FormatError: `bundle-malformed`, for a keyless bundle, which only its signer can write;
                `too-large`.
        """
        if self.certificate is not None or self.has_log_entries:
            raise BUNDLE_MALFORMED("a keyless bundle cannot be written from its parts")
        if len(self.envelope.signatures) != 1:
            raise _wrong_count(self.envelope)
        data = canonical(
            {
                "mediaType": BUNDLE_TYPE,
                "verificationMaterial": {
                    "publicKey": {} if self.key_hint is None else {"hint": self.key_hint}
                },
                "dsseEnvelope": self.envelope.to_json(),
            }
        )
        if len(data) > BUNDLE_LIMIT:
            raise TOO_LARGE(
                "bundle is too large",
                found=f"{len(data)} bytes",
                expected=f"at most {BUNDLE_LIMIT}",
            )
        return data


def _envelope(members: Members) -> Envelope:
    if "messageSignature" in members:
        raise BUNDLE_MALFORMED("bundle holds a message signature", expected="a DSSE envelope")
    envelope = Envelope.from_members(members.child("dsseEnvelope"))
    if len(envelope.signatures) != 1:
        raise _wrong_count(envelope)
    return envelope


def _signer(material: Members) -> tuple[str | None, bytes | None]:
    """The key's hint, or the leaf certificate's DER."""
    kinds = ("publicKey", "certificate", "x509CertificateChain")
    found = [kind for kind in kinds if kind in material]
    # v0.3 carries the leaf alone; a chain belongs to older versions.
    if found not in (["publicKey"], ["certificate"]):
        raise BUNDLE_MALFORMED(
            "bundle does not name one signer",
            found=" and ".join(found) or "none",
            expected="publicKey or certificate",
        )
    signer = material.child(found[0])
    if found == ["certificate"]:
        return None, base64_member(signer, "rawBytes")
    return signer.optional_string("hint") if signer.values.get("hint") != "" else None, None


def _wrong_count(envelope: Envelope) -> Exception:
    return BUNDLE_MALFORMED(
        "bundle has a wrong number of signatures", found=str(len(envelope.signatures)), expected="1"
    )
