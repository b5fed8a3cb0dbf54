"""Our own cases: what each says, why it is refused, and the bytes, made from nothing.

Between them they go through sigstore-conformance's categories, the hostile list of the verifier's
requirements, and each check that we add to sigstore-python's. `write.py` puts them on the disk.
"""

import base64
import copy
import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import ExtendedKeyUsageOID

from kit.fakesigstore import (
    ISSUER,
    NOW,
    SUBJECT,
    FakeSigstore,
    Json,
    Leaf,
    b64,
    dsse_body,
    dsse_body_v2,
    envelope,
    intoto_body,
    message_body,
    message_body_v2,
    pem,
    signature,
    spki,
    text_time,
)
from miniseal.formats.digest import sha256
from miniseal.formats.dsse import IN_TOTO_PAYLOAD_TYPE, pae

ARTIFACT = b"a mini-program\n"
OTHER = b"another mini-program\n"
MATERIAL = "verificationMaterial"
ENTRY = f"{MATERIAL}.tlogEntries.0"
PROOF = f"{ENTRY}.inclusionProof"
CERTIFICATE = f"{MATERIAL}.certificate.rawBytes"
CHAIN = f"{MATERIAL}.x509CertificateChain.certificates"
STAMPS = f"{MATERIAL}.timestampVerificationData.rfc3161Timestamps"
EMAIL, PROVIDER = "dev@acme.example", "https://idp.example"
"""Whom most cases are signed by: short, since a certificate is in its bundle four times over."""
FAKE = FakeSigstore(embeds=False)
STRANGER = FakeSigstore("stranger")
_SHORT: Json = {"extensions": {}, "subject": EMAIL, "issuer": PROVIDER, "old_issuer": None}


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One verification.

    Attributes:
        says: one sentence.
        bundle: its bytes.
        code: of the refusal, or None where the bundle is good.
        root: the trusted root, where it is not everybody's.
        key: PEM that verifies, for bundles signed with a key.
        identity: that is asked for.
        issuer: that is asked for.
    """

    says: str
    bundle: bytes
    code: str | None = None
    root: Json | None = None
    key: bytes | None = None
    identity: str = EMAIL
    issuer: str = PROVIDER


def statement(content: bytes = ARTIFACT, **members: Any) -> Json:
    digest = sha256(content).removeprefix("sha256:")
    return {
        "_type": "https://in-toto.io/Statement/v1",
        "subject": [{"name": "a.txt", "digest": {"sha256": digest}}],
        "predicateType": "https://example.com/made/v1",
        "predicate": {"made": True},
        **members,
    }


def compact(value: object) -> bytes:
    return json.dumps(value, separators=(",", ":")).encode()


def edited(document: Json, path: str, value: object) -> Json:
    """A copy with the member at a dotted path replaced; a function makes it of the old one."""
    result = copy.deepcopy(document)
    *steps, last = (int(step) if step.isdigit() else step for step in path.split("."))
    holder: Any = result
    for step in steps:
        holder = holder[step]
    if callable(value):
        holder[last] = value(holder[last])
    else:
        holder[last] = value
    return result


def without(document: Json, path: str) -> Json:
    """A copy without the member at a dotted path."""
    holder, _, name = path.rpartition(".")
    if not holder:
        return {key: value for key, value in document.items() if key != name}
    return edited(document, holder, lambda old: {key: old[key] for key in old if key != name})


def flipped(text: str) -> str:
    """Base64 with the last bit of the content in the middle changed."""
    at = len(text) // 2
    return text[:at] + ("A" if text[at] != "A" else "B") + text[at + 1 :]


def leaf(**options: Any) -> Leaf:
    """A certificate that says no more than it has to, to keep the cases small."""
    return FAKE.leaf(**{**_SHORT, **options})


def cases() -> dict[str, Case]:
    """Every case by name, as it is on the disk; one whose name ends in `_fail` has a code."""
    made: dict[str, Case] = {}
    for group in (_good, _managed, _form, _certificates, _log, _intoto, _clocks, _content):
        made.update(group())
    return made


Group = Iterator[tuple[str, Case]]


def _good() -> Group:
    owner, payload = leaf(), compact(statement())
    for version in ("0.1", "0.2", "0.3", "0.3-old"):
        yield (
            f"happy-message-v{version}",
            _case(
                "a message signature in Rekor v1", FAKE.message(owner, ARTIFACT, version=version)
            ),
        )
    yield (
        "happy-message-rekor2",
        _case(
            "Rekor v2, and a timestamp without its certificate",
            FAKE.message(owner, ARTIFACT, rekor=2),
        ),
    )
    yield "happy-dsse-rekor1", _case("an envelope in Rekor v1", FAKE.dsse(owner, payload))
    yield "happy-dsse-rekor2", _case("an envelope in Rekor v2", FAKE.dsse(owner, payload, rekor=2))
    yield (
        "happy-dsse-workflow",
        Case(
            says="a workflow, with all that Fulcio says about it",
            bundle=compact(FAKE.dsse(FAKE.leaf(), payload)),
            identity=SUBJECT,
            issuer=ISSUER,
        ),
    )
    yield (
        "happy-two-clocks",
        _case("a promise and a timestamp", FAKE.message(owner, ARTIFACT, stamped=True)),
    )
    chained = FAKE.message(owner, ARTIFACT, version="0.1")
    more = {"rawBytes": b64(FAKE.issuing.public_bytes(Encoding.DER))}
    yield (
        "happy-intermediate-in-chain",
        _case(
            "the issuing certificate beside the leaf",
            edited(chained, CHAIN, lambda old: [*old, more]),
        ),
    )
    rekor2 = FAKE.message(owner, ARTIFACT, rekor=2)
    whole = FAKE.timestamp(_signature_of(rekor2), embed=True)
    yield (
        "happy-timestamp-with-certificate",
        _case("a timestamp with its certificate", _stamped(rekor2, whole)),
    )
    note = f"{PROOF}.checkpoint.envelope"
    witness = f"\N{EM DASH} witness.example {b64(b'1234' + bytes(72))}\n"
    yield (
        "happy-checkpoint-witness-first",
        _case(
            "a witness's signature before the log's",
            edited(rekor2, note, lambda old: old.replace("\n\n", f"\n\n{witness}")),
        ),
    )
    yield (
        "happy-checkpoint-witness-last",
        _case(
            "a witness's signature after the log's", edited(rekor2, note, lambda old: old + witness)
        ),
    )


def _managed() -> Group:
    owner, payload = FAKE.managed(), compact(statement())
    key = pem(spki(owner.key), "PUBLIC KEY")

    def case(says: str, bundle: Json, code: str | None = None, verifying: bytes = key) -> Case:
        return Case(says=says, bundle=compact(bundle), code=code, key=verifying)

    logged, enveloped = FAKE.message(owner, ARTIFACT), FAKE.dsse(owner, payload)
    yield "managed-message-rekor1", case("a key's message signature, logged", logged)
    yield "managed-message-rekor2", case("Rekor v2", FAKE.message(owner, ARTIFACT, rekor=2))
    yield "managed-dsse-rekor1", case("a key's envelope, logged", enveloped)
    yield "managed-dsse-rekor2", case("Rekor v2", FAKE.dsse(owner, payload, rekor=2))
    yield (
        "managed-dsse-intoto",
        case("a key's envelope, logged as `intoto`", _legacy(owner, payload)),
    )
    yield (
        "managed-dsse-unlogged",
        case("no log entry at all", edited(enveloped, f"{MATERIAL}.tlogEntries", [])),
    )
    stranger = pem(spki(STRANGER.managed().key), "PUBLIC KEY")
    yield (
        "managed-wrong-key_fail",
        case("another key is asked for", logged, "signature-invalid", stranger),
    )
    yield (
        "managed-no-key_fail",
        _case("a certificate's owner is asked for", logged, "identity-mismatch"),
    )
    yield (
        "managed-keyless-bundle_fail",
        case(
            "a keyless bundle, a key is asked for",
            FAKE.message(leaf(), ARTIFACT),
            "identity-mismatch",
        ),
    )
    other = message_body(STRANGER.managed(), ARTIFACT, _signature_of(logged))
    yield (
        "managed-entry-of-another-key_fail",
        case("the entry names another key", _entry(logged, FAKE.entry(other)), "log-entry-invalid"),
    )
    again = FAKE.message(owner, OTHER)
    yield (
        "managed-entry-of-another-artifact_fail",
        case(
            "the entry is of another file",
            edited(logged, ENTRY, again[MATERIAL]["tlogEntries"][0]),
            "log-entry-invalid",
        ),
    )
    promise = f"{ENTRY}.inclusionPromise.signedEntryTimestamp"
    yield (
        "managed-promise-altered_fail",
        case("the log's promise is altered", edited(logged, promise, flipped), "log-entry-invalid"),
    )
    rekor2 = FAKE.message(owner, ARTIFACT, rekor=2)
    elsewhere = STRANGER.timestamp(_signature_of(rekor2))
    yield (
        "managed-timestamp-of-stranger_fail",
        case("an unknown clock", _stamped(rekor2, elsewhere), "timestamp-invalid"),
    )
    yield (
        "managed-signature-altered_fail",
        case(
            "the signature is altered",
            edited(logged, "messageSignature.signature", flipped),
            "signature-invalid",
        ),
    )


def _form() -> Group:
    good = FAKE.message(leaf(), ARTIFACT)
    malformed = "bundle-malformed"
    yield (
        "form-unknown-version_fail",
        _case(
            "a version to come",
            edited(good, "mediaType", "application/vnd.dev.sigstore.bundle.v0.9+json"),
            malformed,
        ),
    )
    yield (
        "form-no-content_fail",
        _case("nothing signed", without(good, "messageSignature"), malformed),
    )
    wrapped = FAKE.dsse(leaf(), compact(statement()))
    yield (
        "form-two-contents_fail",
        _case("message and envelope", {**good, "dsseEnvelope": wrapped["dsseEnvelope"]}, malformed),
    )
    yield (
        "form-two-signers_fail",
        _case(
            "certificate and key", edited(good, f"{MATERIAL}.publicKey", {"hint": "x"}), malformed
        ),
    )
    yield (
        "form-chain-in-v0.3_fail",
        _case(
            "a chain where a leaf belongs",
            {**FAKE.message(leaf(), ARTIFACT, version="0.1"), "mediaType": good["mediaType"]},
            malformed,
        ),
    )
    yield (
        "form-leaf-in-v0.1_fail",
        _case(
            "a leaf where a chain belongs",
            {**good, "mediaType": "application/vnd.dev.sigstore.bundle+json;version=0.1"},
            malformed,
        ),
    )
    yield (
        "form-snake-case-twin_fail",
        _case(
            "a member twice, by both of its names",
            {**good, "message_signature": good["messageSignature"]},
            malformed,
        ),
    )
    text = compact(good).decode()
    twin = text.replace(
        '"messageSignature":', '"messageSignature":{"signature":"AAAA"},"messageSignature":'
    )
    yield (
        "form-duplicate-key_fail",
        Case(says="a key twice", bundle=twin.encode(), code="json-malformed"),
    )
    deep = edited(good, f"{MATERIAL}.deep", "DEEP")
    nested = compact(deep).replace(b'"DEEP"', b"[" * 5_000 + b"]" * 5_000)
    yield "form-deep_fail", Case(says="5,000 levels of JSON", bundle=nested, code="json-malformed")
    yield (
        "form-byte-order-mark_fail",
        Case(
            says="a byte order mark", bundle=b"\xef\xbb\xbf" + compact(good), code="json-malformed"
        ),
    )
    yield (
        "form-two-documents_fail",
        Case(says="a second document", bundle=compact(good) * 2, code="json-malformed"),
    )
    unpadded = edited(good, "messageSignature.signature", lambda old: old.rstrip("=") + "!")
    yield "form-base64_fail", _case("a signature that is not base64", unpadded, malformed)


def _certificates() -> Group:
    invalid = "certificate-invalid"

    def signed(says: str, code: str = invalid, **options: Any) -> Case:
        return _case(says, FAKE.message(leaf(**options), ARTIFACT), code)

    good, day = FAKE.message(leaf(), ARTIFACT, version="0.1"), 86_400
    root = {"rawBytes": b64(FAKE.root.public_bytes(Encoding.DER))}
    yield (
        "certificate-root-in-chain_fail",
        _case("a root in the chain", edited(good, CHAIN, lambda old: [*old, root]), invalid),
    )
    yield (
        "certificate-root-first_fail",
        _case("a root in the leaf's place", edited(good, CHAIN, [root]), invalid),
    )
    yield (
        "certificate-chain-empty_fail",
        _case("no certificate", edited(good, CHAIN, []), "bundle-malformed"),
    )
    yield "certificate-expired_fail", signed("it had expired", at=NOW - day)
    yield "certificate-not-yet-valid_fail", signed("it was not valid yet", at=NOW + day)
    yield (
        "certificate-of-stranger_fail",
        signed(
            "an authority of the same name, with other keys",
            issued_by=STRANGER,
            logged_by=FAKE.ct_key,
        ),
    )
    yield "certificate-authority_fail", signed("it may issue certificates itself", ca=True)
    yield (
        "certificate-usage_fail",
        signed("not for code signing", usage=ExtendedKeyUsageOID.CLIENT_AUTH),
    )
    yield "certificate-unlogged_fail", signed("in no certificate log", logged=False)
    yield (
        "certificate-log-of-stranger_fail",
        signed("logged by an unknown log", logged_by=STRANGER.ct_key),
    )
    yield "certificate-without-subject_fail", signed("no subject alternative name", subject=None)
    names = (x509.RFC822Name(EMAIL), x509.RFC822Name("a@b.example"))
    yield "certificate-two-subjects_fail", signed("two subject alternative names", subjects=names)
    yield (
        "certificate-two-issuers_fail",
        signed("two OIDC issuers", old_issuer="https://other.example"),
    )
    yield "certificate-without-issuer_fail", signed("no OIDC issuer", issuer=None)
    yield from _identities()
    flipped_leaf = edited(FAKE.message(leaf(), ARTIFACT), CERTIFICATE, flipped)
    yield (
        "certificate-altered_fail",
        _case("a bit of the certificate is altered", flipped_leaf, invalid),
    )


def _identities() -> Group:
    def case(says: str, **options: Any) -> Case:
        bundle = FAKE.message(leaf(**{"subject": SUBJECT, "issuer": ISSUER, **options}), ARTIFACT)
        code = "identity-mismatch"
        return Case(says=says, bundle=compact(bundle), code=code, identity=SUBJECT, issuer=ISSUER)

    yield (
        "identity-starts-alike_fail",
        case("it starts like the one asked for", subject=f"{SUBJECT}-2"),
    )
    yield (
        "identity-ends-alike_fail",
        case("it ends like it", subject=f"https://evil.example/?{SUBJECT}"),
    )
    yield (
        "identity-of-another-issuer_fail",
        case("the right name, by another issuer", issuer=f"{ISSUER}.evil.example"),
    )


def _log() -> Group:
    owner = leaf()
    v1, v2 = FAKE.message(owner, ARTIFACT), FAKE.message(owner, ARTIFACT, rekor=2)
    signed, invalid = _signature_of(v1), "log-entry-invalid"
    note, promise = f"{PROOF}.checkpoint.envelope", f"{ENTRY}.inclusionPromise"

    def case(says: str, bundle: Json, code: str = invalid) -> Case:
        return _case(says, bundle, code)

    def body(content: Json, bundle: Json = v1) -> Json:
        return _entry(bundle, FAKE.entry(content))

    yield (
        "entry-of-another-artifact_fail",
        case("the entry is of another file", body(message_body(owner, OTHER, signed))),
    )
    yield (
        "entry-of-another-certificate_fail",
        case(
            "the entry names another certificate",
            body(message_body(leaf(key="x"), ARTIFACT, signed)),
        ),
    )
    yield (
        "entry-of-another-signature_fail",
        case(
            "the entry has another signature",
            body(message_body(owner, ARTIFACT, signature(owner.key, OTHER))),
        ),
    )
    yield (
        "entry-v2-of-another-artifact_fail",
        case(
            "the entry is of another file",
            _entry(v2, FAKE.entry_v2(message_body_v2(owner, OTHER, signed))),
        ),
    )
    kind = {"kind": "dsse", "version": "0.0.1"}
    yield (
        "entry-of-another-kind_fail",
        case(
            "the bundle says another kind than the entry", edited(v1, f"{ENTRY}.kindVersion", kind)
        ),
    )
    entry = v1[MATERIAL]["tlogEntries"][0]
    yield (
        "entry-twice_fail",
        case("two entries", edited(v1, f"{MATERIAL}.tlogEntries", [entry, entry])),
    )
    yield "entry-missing_fail", case("no entry", edited(v1, f"{MATERIAL}.tlogEntries", []))
    yield (
        "entry-of-stranger_fail",
        case("an unknown log", _entry(v1, STRANGER.entry(message_body(owner, ARTIFACT, signed)))),
    )
    yield (
        "entry-body-altered_fail",
        case("the body is altered", edited(v1, f"{ENTRY}.canonicalizedBody", flipped)),
    )
    yield (
        "promise-altered_fail",
        case("the promise is altered", edited(v1, f"{promise}.signedEntryTimestamp", flipped)),
    )
    yield (
        "promise-of-another-time_fail",
        case("the promised time is altered", edited(v1, f"{ENTRY}.integratedTime", str(NOW + 1))),
    )
    yield (
        "promise-of-another-index_fail",
        case("the promised index is altered", edited(v1, f"{ENTRY}.logIndex", "1000002")),
    )
    yield (
        "promise-without-time_fail",
        case("a promise without its time", without(v1, f"{ENTRY}.integratedTime")),
    )
    yield (
        "promise-negative-index_fail",
        case("a negative index", edited(v1, f"{ENTRY}.logIndex", "-1")),
    )
    yield "proof-missing_fail", case("no proof", without(v1, PROOF))
    yield (
        "proof-index-altered_fail",
        case("the proof's index is altered", edited(v1, f"{PROOF}.logIndex", "0")),
    )
    yield (
        "proof-index-outside_fail",
        case("an index outside of the tree", edited(v1, f"{PROOF}.logIndex", "3")),
    )
    yield (
        "proof-size-altered_fail",
        case(
            "the proof's tree has another size than the log signed",
            edited(v1, f"{PROOF}.treeSize", "4"),
        ),
    )
    yield (
        "proof-root-altered_fail",
        case("the root hash is altered", edited(v1, f"{PROOF}.rootHash", flipped)),
    )
    yield (
        "proof-hash-altered_fail",
        case("a hash is altered", edited(v1, f"{PROOF}.hashes.0", flipped)),
    )
    yield (
        "proof-hash-missing_fail",
        case("a hash is missing", edited(v1, f"{PROOF}.hashes", lambda old: old[:1])),
    )
    yield (
        "proof-v2-index-altered_fail",
        case("the entry's index is altered", edited(v2, f"{ENTRY}.logIndex", "2")),
    )
    yield "checkpoint-missing_fail", case("no checkpoint", without(v1, f"{PROOF}.checkpoint"))
    other = FAKE.message(owner, OTHER)[MATERIAL]["tlogEntries"][0]["inclusionProof"]["checkpoint"]
    yield (
        "checkpoint-of-another-tree_fail",
        case("the checkpoint is of another tree", edited(v1, f"{PROOF}.checkpoint", other)),
    )
    yield (
        "checkpoint-signature-altered_fail",
        case(
            "the log's signature is altered",
            edited(v1, note, lambda old: old[:-8] + flipped(old[-8:-4]) + old[-4:]),
        ),
    )
    yield (
        "checkpoint-without-signature_fail",
        case("nobody signed it", edited(v2, note, lambda old: old.partition("\n\n")[0] + "\n\n")),
    )
    yield (
        "checkpoint-without-root-hash_fail",
        case("no root hash", edited(v2, note, lambda old: _without_line(old, 2))),
    )
    yield (
        "checkpoint-of-another-log_fail",
        case(
            "signed by a log that the entry does not name",
            edited(v1, note, _hinted),
        ),
    )


def _intoto() -> Group:
    owner, payload = leaf(), compact(statement())
    good, invalid = _legacy(owner, payload), "log-entry-invalid"
    yield "intoto-happy", _case("an entry of the kind that Rekor no longer writes", good)
    signed = _signature_of(good)

    def case(says: str, body: Json) -> Case:
        return _case(says, _entry(good, FAKE.entry(body)), invalid)

    body = intoto_body(owner, payload, IN_TOTO_PAYLOAD_TYPE, signed)
    yield (
        "intoto-of-another-payload_fail",
        case("another payload", intoto_body(owner, b"{}", IN_TOTO_PAYLOAD_TYPE, signed)),
    )
    twice = signature(owner.key, b"x")
    yield (
        "intoto-of-another-signature_fail",
        case("another signature", intoto_body(owner, payload, IN_TOTO_PAYLOAD_TYPE, twice)),
    )
    yield (
        "intoto-of-another-certificate_fail",
        case(
            "another certificate", intoto_body(leaf(key="x"), payload, IN_TOTO_PAYLOAD_TYPE, signed)
        ),
    )
    old = {**body, "apiVersion": "0.0.1"}
    yield "intoto-0.0.1_fail", case("a version that binds no signature", old)
    yield (
        "intoto-signature-altered_fail",
        _case(
            "the signature is altered",
            edited(good, "dsseEnvelope.signatures.0.sig", flipped),
            "signature-invalid",
        ),
    )
    late = FAKE.entry(body, at=NOW + 86_400)
    yield (
        "intoto-promise-after-certificate_fail",
        _case("promised after the certificate's end", _entry(good, late), "certificate-invalid"),
    )


def _clocks() -> Group:
    owner, day = leaf(), 86_400
    v1, v2 = FAKE.message(owner, ARTIFACT), FAKE.message(owner, ARTIFACT, rekor=2)
    signed, invalid = _signature_of(v2), "timestamp-invalid"
    good = FAKE.timestamp(signed)

    def case(says: str, *stamps: bytes, code: str = invalid, bundle: Json = v2) -> Case:
        return _case(says, _stamped(bundle, *stamps), code)

    yield (
        "clock-none_fail",
        _case("no clock at all", without(v2, f"{MATERIAL}.timestampVerificationData"), invalid),
    )
    unpromised = without(v1, f"{ENTRY}.inclusionPromise")
    yield (
        "clock-without-promise_fail",
        _case("a time that the log does not promise", unpromised, invalid),
    )
    yield (
        "timestamp-over-another-signature_fail",
        case("over another signature", FAKE.timestamp(b"another")),
    )
    yield "timestamp-of-stranger_fail", case("an unknown authority's", STRANGER.timestamp(signed))
    yield (
        "timestamp-after-certificate_fail",
        case(
            "after the certificate's end",
            FAKE.timestamp(signed, at=NOW + day),
            code="certificate-invalid",
        ),
    )
    yield (
        "timestamp-before-authority_fail",
        case(
            "before the authority was trusted",
            FAKE.timestamp(signed, at=NOW - 40 * day),
            code="certificate-invalid",
        ),
    )
    yield (
        "timestamp-altered_fail",
        case("a bit is altered", good[:-3] + bytes([good[-3] ^ 1]) + good[-2:]),
    )
    yield "timestamp-garbage_fail", case("not a timestamp", b"\x30\x03\x02\x01\x00")
    yield "timestamp-twice_fail", case("one twice", good, good)
    many = [FAKE.timestamp(signed, at=NOW + second) for second in range(9)]
    yield "timestamp-too-many_fail", case("nine", *many)
    yield (
        "timestamp-one-of-two-of-stranger_fail",
        case("a good one beside an unknown authority's", good, STRANGER.timestamp(signed)),
    )
    yield (
        "timestamp-one-of-two-late_fail",
        case(
            "a good one beside a late one",
            good,
            FAKE.timestamp(signed, at=NOW + day),
            code="certificate-invalid",
        ),
    )
    yield (
        "timestamp-of-stranger-beside-promise_fail",
        case(
            "a good promise beside an unknown authority's",
            STRANGER.timestamp(_signature_of(v1)),
            bundle=v1,
        ),
    )
    yield "timestamp-two", Case(says="two good ones", bundle=compact(_stamped(v2, good, many[3])))


def _content() -> Group:
    owner, payload = leaf(), compact(statement())
    message, wrapped = FAKE.message(owner, ARTIFACT), FAKE.dsse(owner, payload)
    v2, invalid = FAKE.dsse(owner, payload, rekor=2), "signature-invalid"
    sig = "dsseEnvelope.signatures"
    yield (
        "message-signature-altered_fail",
        _case(
            "the signature is altered",
            edited(message, "messageSignature.signature", flipped),
            invalid,
        ),
    )
    yield (
        "message-of-another-artifact_fail",
        _case("about another file", FAKE.message(owner, OTHER), "digest-mismatch"),
    )
    undigested = FAKE.message(owner, OTHER)
    del undigested["messageSignature"]["messageDigest"]
    yield (
        "message-of-another-artifact-unsaid_fail",
        _case("about another file, without saying so", undigested, invalid),
    )
    yield (
        "message-digest-altered_fail",
        _case(
            "the digest is another",
            edited(message, "messageSignature.messageDigest.digest", flipped),
            "digest-mismatch",
        ),
    )
    yield (
        "dsse-signature-altered_fail",
        _case("the signature is altered", edited(wrapped, f"{sig}.0.sig", flipped), invalid),
    )
    yield (
        "dsse-signature-of-another-key_fail",
        _case(
            "another key's signature",
            edited(
                wrapped,
                f"{sig}.0.sig",
                b64(signature(FAKE.key("x"), pae(IN_TOTO_PAYLOAD_TYPE, payload))),
            ),
            invalid,
        ),
    )
    yield (
        "dsse-two-signatures_fail",
        _case("two signatures", edited(wrapped, sig, lambda old: [*old, *old]), "bundle-malformed"),
    )
    yield (
        "dsse-no-signature_fail",
        _case("no signature", edited(wrapped, sig, []), "envelope-malformed"),
    )
    spaced = json.dumps(statement(), indent=1).encode()
    yield (
        "dsse-payload-written-anew_fail",
        _case(
            "the payload, written anew with the same meaning",
            edited(wrapped, "dsseEnvelope.payload", b64(spaced)),
            invalid,
        ),
    )
    yield (
        "dsse-payload-type-altered_fail",
        _case(
            "the payload type is altered",
            edited(wrapped, "dsseEnvelope.payloadType", "application/json"),
            "subject-mismatch",
        ),
    )
    typed = FAKE.dsse(owner, payload, payload_type="application/json")
    yield (
        "dsse-payload-type-unknown_fail",
        _case("another payload type, signed so", typed, "subject-mismatch"),
    )
    yield (
        "dsse-subject-of-another_fail",
        _case(
            "a statement about another file",
            FAKE.dsse(owner, compact(statement(OTHER))),
            "subject-mismatch",
        ),
    )
    yield (
        "dsse-statement-unknown-type_fail",
        _case(
            "a statement of another type",
            FAKE.dsse(owner, compact(statement(_type="https://example.com/v1"))),
            "statement-malformed",
        ),
    )
    untyped = {key: value for key, value in statement().items() if key != "_type"}
    yield (
        "dsse-statement-without-type_fail",
        _case("a statement of no type", FAKE.dsse(owner, compact(untyped)), "statement-malformed"),
    )
    twin = payload.replace(b'"predicate":', b'"predicate":{"made":false},"predicate":')
    yield (
        "dsse-statement-duplicate-key_fail",
        _case("a statement with a key twice", FAKE.dsse(owner, twin), "json-malformed"),
    )
    entry = FAKE.entry(dsse_body(owner, b"{}", IN_TOTO_PAYLOAD_TYPE, _signature_of(wrapped)))
    yield (
        "dsse-entry-of-another-payload_fail",
        _case("the entry is of another payload", _entry(wrapped, entry), "log-entry-invalid"),
    )
    entry = FAKE.entry(dsse_body(owner, payload, IN_TOTO_PAYLOAD_TYPE, signature(owner.key, b"x")))
    yield (
        "dsse-entry-of-another-signature_fail",
        _case("the entry has another signature", _entry(wrapped, entry), "log-entry-invalid"),
    )
    entry = FAKE.entry_v2(dsse_body_v2(owner, b"{}", IN_TOTO_PAYLOAD_TYPE, _signature_of(v2)))
    yield (
        "dsse-v2-entry-of-another-payload_fail",
        _case("the entry is of another payload", _entry(v2, entry), "log-entry-invalid"),
    )
    entry = FAKE.entry_v2(
        dsse_body_v2(owner, payload, IN_TOTO_PAYLOAD_TYPE, signature(owner.key, b"x"))
    )
    yield (
        "dsse-v2-entry-of-another-signature_fail",
        _case("the entry has another signature", _entry(v2, entry), "log-entry-invalid"),
    )
    entry = FAKE.entry(message_body(owner, ARTIFACT, _signature_of(wrapped)))
    yield (
        "dsse-entry-of-message_fail",
        _case("the entry is of a message signature", _entry(wrapped, entry), "log-entry-invalid"),
    )


def roots() -> dict[str, Case]:
    """Cases whose trusted root is what matters; too much alike to be on the disk."""
    return dict(_roots())


def _roots() -> Group:
    owner = leaf()
    v1, v2 = compact(FAKE.message(owner, ARTIFACT)), compact(FAKE.message(owner, ARTIFACT, rekor=2))
    base = FAKE.trusted_root()
    log, ct = "tlogs.0.publicKey.validFor", "ctlogs.0.publicKey.validFor"
    ca, tsa = "certificateAuthorities.0.validFor", "timestampAuthorities.0.validFor"
    places: tuple[tuple[str, str, bytes, str], ...] = (
        ("log", log, v1, "log-entry-invalid"),
        ("certificate-log", ct, v1, "certificate-invalid"),
        ("authority", ca, v1, "certificate-invalid"),
        ("timestamp-authority", tsa, v2, "timestamp-invalid"),
    )

    def case(says: str, bundle: bytes, root: Json, code: str | None = None) -> Case:
        return Case(says=says, bundle=bundle, root=root, code=code)

    for name, place, bundle, code in places:
        for end, says in (("start", "beginning"), ("end", "end")):
            period = {"start": text_time(NOW - 9), end: text_time(NOW)}
            yield (
                f"root-{name}-{end}-inclusive",
                case(
                    f"signed in the very second of its {says}", bundle, edited(base, place, period)
                ),
            )
        past = {"start": text_time(NOW - 9), "end": text_time(NOW - 0.001)}
        yield (
            f"root-{name}-ended_fail",
            case("it had ended a moment before", bundle, edited(base, place, past), code),
        )
        yield (
            f"root-{name}-not-begun_fail",
            case(
                "it began a moment later",
                bundle,
                edited(base, place, {"start": text_time(NOW + 0.001)}),
                code,
            ),
        )
    yield (
        "root-log-without-start_fail",
        case("a log without a beginning", v1, edited(base, log, {}), "trusted-root-invalid"),
    )
    yield (
        "root-without-logs_fail",
        case("no logs", v1, edited(base, "tlogs", []), "trusted-root-invalid"),
    )
    yield (
        "root-without-certificate-logs_fail",
        case("no certificate logs", v1, edited(base, "ctlogs", []), "trusted-root-invalid"),
    )
    yield (
        "root-without-authorities_fail",
        case(
            "no authorities", v1, edited(base, "certificateAuthorities", []), "trusted-root-invalid"
        ),
    )
    yield (
        "root-without-timestamp-authorities_fail",
        case(
            "no timestamp authorities",
            v2,
            edited(base, "timestampAuthorities", []),
            "timestamp-invalid",
        ),
    )
    yield (
        "root-unknown-version_fail",
        case(
            "a version to come",
            v1,
            edited(base, "mediaType", "application/vnd.dev.sigstore.trustedroot.v9+json"),
            "trusted-root-invalid",
        ),
    )
    strange = edited(
        base,
        "timestampAuthorities",
        lambda old: [
            {**old[0], "validFor": {"start": text_time(NOW + 60)}},
            *STRANGER.trusted_root()["timestampAuthorities"],
        ],
    )
    yield (
        "root-timestamp-authority-borrows-period_fail",
        case("another authority's period covers the timestamp", v2, strange, "timestamp-invalid"),
    )
    late = edited(base, "tlogs", lambda old: [*old, {**old[0], "logId": {"keyId": b64(bytes(32))}}])
    unknown = edited(json.loads(v1), f"{ENTRY}.logId.keyId", b64(bytes(32)))
    yield (
        "root-log-of-another-id_fail",
        case("a log's key under another id", compact(unknown), late, "log-entry-invalid"),
    )


def _case(says: str, bundle: Json, code: str | None = None) -> Case:
    return Case(says=says, bundle=compact(bundle), code=code)


def _signature_of(bundle: Json) -> bytes:
    if "messageSignature" in bundle:
        return base64.b64decode(bundle["messageSignature"]["signature"])
    return base64.b64decode(bundle["dsseEnvelope"]["signatures"][0]["sig"])


def _stamped(bundle: Json, *stamps: bytes) -> Json:
    data = {"rfc3161Timestamps": [{"signedTimestamp": b64(each)} for each in stamps]}
    return edited(bundle, f"{MATERIAL}.timestampVerificationData", data)


def _entry(bundle: Json, entry: Json) -> Json:
    return edited(bundle, ENTRY, entry)


def _legacy(owner: Leaf, payload: bytes) -> Json:
    signed = signature(owner.key, pae(IN_TOTO_PAYLOAD_TYPE, payload))
    content = {"dsseEnvelope": envelope(payload, IN_TOTO_PAYLOAD_TYPE, signed)}
    entry = FAKE.entry(intoto_body(owner, payload, IN_TOTO_PAYLOAD_TYPE, signed))
    version = "0.2" if owner.certificate else "0.3"
    return FAKE.bundle(owner, content, entry, [], version=version)


def _without_line(note: str, at: int) -> str:
    lines = note.split("\n")
    return "\n".join(lines[:at] + lines[at + 1 :])


def _hinted(note: str) -> str:
    """The log's signature under the name of another key."""
    head, _, signed = note.rstrip("\n").rpartition(" ")
    return f"{head} {b64(b'none' + base64.b64decode(signed)[4:])}\n"
