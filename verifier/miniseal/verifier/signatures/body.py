"""What the body of a log entry binds: one signature, by one signer, over one content.

sigstore-python compares the bodies of keyless bundles itself. This is for the two that it does not
verify: entries beside a managed key, and the `intoto` entries that Rekor no longer writes. `intoto`
0.0.1 holds no signature, so nothing can be bound to it, and it is refused.
"""

import base64
import hashlib
from dataclasses import dataclass

from miniseal.formats.blob_bundle import BlobBundle
from miniseal.formats.dsse import Envelope, base64_member, pae
from miniseal.formats.members import Members
from miniseal.formats.strictjson import loads
from miniseal.verifier.signatures.entry import LOG_ENTRY_INVALID, LogEntry

__all__ = ["check_body"]

_LIMIT = 4 * 1024 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class _Record:
    """What an entry says, whatever its kind.

    Attributes:
        digest: hex SHA-256 of the content that its kind is over.
        signature: raw.
        verifier: DER of the certificate, or of the public key.
    """

    digest: str
    signature: bytes
    verifier: bytes


def check_body(entry: LogEntry, bundle: BlobBundle, *, digest: str, verifier: bytes) -> None:
    """Compare an entry with the bundle that it is in.

    Args:
        entry: its inclusion in a log is verified elsewhere.
        bundle: its signature is verified elsewhere.
        digest: hex SHA-256 of the file that a message signature is over.
        verifier: DER of the certificate or the public key that the signature was verified with.

    Raises:
        VerificationError: `log-entry-invalid`.
    """
    read = _READERS.get((entry.kind, entry.version))
    if read is None:
        raise LOG_ENTRY_INVALID(
            "the log entry is of a kind that binds no signature",
            found=f"{entry.kind} {entry.version}"[:100],
        )
    value = loads(entry.body, limit=_LIMIT, what="log entry", floats=True)
    spec = Members(value, "log entry", LOG_ENTRY_INVALID).child("spec")
    if isinstance(bundle.content, Envelope):
        digest = _digest(entry, bundle.content)
    elif entry.kind != "hashedrekord":
        raise LOG_ENTRY_INVALID("the log entry is of an envelope, and the bundle has none")
    expected = _Record(digest=digest, signature=bundle.signature, verifier=verifier)
    found = read(spec)
    for name in ("digest", "signature", "verifier"):
        if getattr(found, name) != getattr(expected, name):
            raise LOG_ENTRY_INVALID(f"the log entry is of another {name}")


def _digest(entry: LogEntry, envelope: Envelope) -> str:
    """What entries of this kind are over: the payload, or the bytes that were signed."""
    payload, kind = envelope.payload, envelope.payload_type
    content = pae(kind, payload) if entry.kind == "hashedrekord" else payload
    return hashlib.sha256(content).hexdigest()


def _hashedrekord(spec: Members) -> _Record:
    signature = spec.child("signature")
    return _Record(
        digest=_sha256(spec.child("data").child("hash")),
        signature=base64_member(signature, "content"),
        verifier=_pem(signature.child("publicKey"), "content"),
    )


def _hashedrekord_v2(spec: Members) -> _Record:
    record = spec.child("hashedRekordV002")
    data, signature = record.child("data"), record.child("signature")
    if data.string("algorithm") != "SHA2_256":
        raise LOG_ENTRY_INVALID("the log entry's digest is of another algorithm")
    return _Record(
        digest=base64_member(data, "digest").hex(),
        signature=base64_member(signature, "content"),
        verifier=base64_member(_one_verifier(signature.child("verifier")), "rawBytes"),
    )


def _dsse(spec: Members) -> _Record:
    signature = _one_signature(spec)
    return _Record(
        digest=_sha256(spec.child("payloadHash")),
        signature=base64_member(signature, "signature"),
        verifier=_pem(signature, "verifier"),
    )


def _intoto(spec: Members) -> _Record:
    content = spec.child("content")
    signature = _one_signature(content.child("envelope"))
    return _Record(
        digest=_sha256(content.child("payloadHash")),
        signature=_decoded_again(base64_member(signature, "sig")),
        verifier=_pem(signature, "publicKey"),
    )


def _decoded_again(text: bytes) -> bytes:
    """Rekor encodes the base64 of the envelope a second time; what it did not is no signature."""
    try:
        return base64.b64decode(text, validate=True)
    except ValueError:
        return b""


_READERS = {
    ("hashedrekord", "0.0.1"): _hashedrekord,
    ("hashedrekord", "0.0.2"): _hashedrekord_v2,
    ("dsse", "0.0.1"): _dsse,
    ("intoto", "0.0.2"): _intoto,
}


def _sha256(members: Members) -> str:
    if members.string("algorithm") != "sha256":
        raise LOG_ENTRY_INVALID("the log entry's digest is of another algorithm")
    return members.string("value")


def _one_signature(members: Members) -> Members:
    signatures = members.children("signatures")
    if len(signatures) != 1:
        raise LOG_ENTRY_INVALID(
            "the log entry does not have one signature", found=str(len(signatures)), expected="1"
        )
    return signatures[0]


def _one_verifier(members: Members) -> Members:
    found = [name for name in ("publicKey", "x509Certificate") if name in members]
    if len(found) != 1:
        raise LOG_ENTRY_INVALID("the log entry does not have one verifier", found=str(len(found)))
    return members.child(found[0])


def _pem(members: Members, name: str) -> bytes:
    """The DER inside of base64 of PEM."""
    lines = base64_member(members, name).decode("latin-1").strip().splitlines()
    if len(lines) < 3 or not (lines[0].startswith("-----BEGIN ") and lines[-1].startswith("-----")):
        raise LOG_ENTRY_INVALID("the log entry's verifier is not PEM")
    try:
        return base64.b64decode("".join(lines[1:-1]), validate=True)
    except ValueError as error:
        raise LOG_ENTRY_INVALID("the log entry's verifier is not PEM") from error
