"""Sigstore bundles of every version, v0.1 to v0.3, around a message signature or a DSSE envelope.

What a release attaches is read by `bundle`, which accepts less. This is for bundles that others
made about a file. Nothing is verified, and log entries and timestamps are not looked at.
"""

from dataclasses import dataclass

from miniseal.formats.bundle import BUNDLE_LIMIT, BUNDLE_MALFORMED, BUNDLE_TYPE
from miniseal.formats.digest import check_digest
from miniseal.formats.dsse import Envelope, base64_member
from miniseal.formats.members import Members
from miniseal.formats.strictjson import loads

__all__ = ["BlobBundle", "MessageSignature"]

_WITH_CHAIN = (
    "application/vnd.dev.sigstore.bundle+json;version=0.1",
    "application/vnd.dev.sigstore.bundle+json;version=0.2",
)
_WITH_LEAF = ("application/vnd.dev.sigstore.bundle+json;version=0.3", BUNDLE_TYPE)
_LONGEST_CHAIN = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class MessageSignature:
    """A signature over a file's digest (`sigstore_common.proto`).

    Attributes:
        signature: raw.
        digest: that the signer says the file has, `sha256:` + 64 hex, or None.
    """

    signature: bytes
    digest: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class BlobBundle:
    """One signature and who claims to have made it (`sigstore_bundle.proto`).

    Attributes:
        content: what was signed: a message signature, or an envelope with one signature.
        certificates: DER, the leaf first; one from v0.3 on. Empty in a bundle signed with a key.
    """

    content: MessageSignature | Envelope
    certificates: tuple[bytes, ...]

    @classmethod
    def from_bytes(cls, data: bytes) -> "BlobBundle":
        """Read a bundle of at most `BUNDLE_LIMIT` bytes; unknown members are ignored.

        Raises:
            FormatError: `bundle-malformed`, `envelope-malformed`, `json-malformed`, `too-large`.
        """
        value = loads(data, limit=BUNDLE_LIMIT, what="bundle", floats=True)
        members = Members(value, "bundle", BUNDLE_MALFORMED)
        media_type = members.string("mediaType")
        if media_type not in (*_WITH_CHAIN, *_WITH_LEAF):
            raise BUNDLE_MALFORMED(
                "bundle is of an unknown version",
                found=repr(media_type)[:100],
                expected=BUNDLE_TYPE,
            )
        material = members.child("verificationMaterial")
        certificates = _certificates(material, chain=media_type in _WITH_CHAIN)
        if ("publicKey" in material) == bool(certificates):
            raise BUNDLE_MALFORMED(
                "bundle does not name one signer", expected="a key or certificates of its version"
            )
        return cls(
            content=_content(members),
            certificates=certificates,
        )

    @property
    def signature(self) -> bytes:
        """The one signature."""
        if isinstance(self.content, Envelope):
            return self.content.signatures[0]
        return self.content.signature


def _certificates(material: Members, *, chain: bool) -> tuple[bytes, ...]:
    name, other = "x509CertificateChain", "certificate"
    if not chain:
        name, other = other, name
    if other in material:
        raise BUNDLE_MALFORMED(f"bundle has {other}, which is of another version", expected=name)
    if name not in material:
        return ()
    child = material.child(name)
    children = child.children("certificates") if chain else [child]
    if not 1 <= len(children) <= _LONGEST_CHAIN:
        raise BUNDLE_MALFORMED(
            "bundle has a wrong number of certificates",
            found=str(len(children)),
            expected=f"1 to {_LONGEST_CHAIN}",
        )
    return tuple(base64_member(each, "rawBytes") for each in children)


def _content(members: Members) -> MessageSignature | Envelope:
    found = [name for name in ("messageSignature", "dsseEnvelope") if name in members]
    if len(found) != 1:
        raise BUNDLE_MALFORMED(
            "bundle does not have one content",
            found=" and ".join(found) or "none",
            expected="messageSignature or dsseEnvelope",
        )
    content = members.child(found[0])
    if found == ["messageSignature"]:
        digest = content.child("messageDigest") if "messageDigest" in content else None
        return MessageSignature(
            signature=base64_member(content, "signature"),
            digest=None if digest is None else _digest(digest),
        )
    envelope = Envelope.from_members(content)
    if len(envelope.signatures) != 1:
        raise BUNDLE_MALFORMED(
            "bundle has a wrong number of signatures",
            found=str(len(envelope.signatures)),
            expected="1",
        )
    return envelope


def _digest(members: Members) -> str:
    algorithm = members.string("algorithm")
    if algorithm != "SHA2_256":
        raise BUNDLE_MALFORMED(
            "bundle's digest is of another algorithm", found=algorithm[:40], expected="SHA2_256"
        )
    return check_digest(f"sha256:{base64_member(members, 'digest').hex()}")
