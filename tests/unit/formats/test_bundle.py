import base64
import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sigstore_models.bundle.v1 import Bundle as SigstoreBundle

from fuzz.fuzz_bundle import fuzz_one
from fuzz.mutations import mutated
from miniseal.formats.bundle import BUNDLE_LIMIT, Bundle
from miniseal.formats.dsse import IN_TOTO_PAYLOAD_TYPE, Envelope
from miniseal.formats.errors import FormatError

ENVELOPE: dict[str, Any] = {
    "payload": base64.b64encode(b'{"a":1}').decode(),
    "payloadType": IN_TOTO_PAYLOAD_TYPE,
    "signatures": [{"sig": "AAEC"}],
}
KEY: dict[str, Any] = {
    "mediaType": "application/vnd.dev.sigstore.bundle.v0.3+json",
    "verificationMaterial": {"publicKey": {"hint": "key one"}},
    "dsseEnvelope": ENVELOPE,
}
KEYLESS: dict[str, Any] = {
    **KEY,
    "verificationMaterial": {
        "certificate": {"rawBytes": "MIIB"},
        "tlogEntries": [{"logIndex": "25579", "integratedTime": "1661543364"}],
        "timestampVerificationData": {"rfc3161Timestamps": [{"signedTimestamp": "MIIC"}]},
    },
}
SIGNED = Envelope(
    payload=b'{"a":1}', payload_type=IN_TOTO_PAYLOAD_TYPE, signatures=(b"\x00\x01\x02",)
)


def encode(value: object) -> bytes:
    return json.dumps(value).encode()


def with_material(material: object) -> dict[str, Any]:
    return {**KEY, "verificationMaterial": material}


def test_a_bundle_signed_with_a_key_is_read() -> None:
    bundle = Bundle.from_bytes(encode(KEY))

    assert bundle == Bundle(envelope=SIGNED, key_hint="key one")


def test_a_keyless_bundle_is_read() -> None:
    bundle = Bundle.from_bytes(encode(KEYLESS))

    assert bundle == Bundle(envelope=SIGNED, certificate=b"\x30\x82\x01", has_log_entries=True)


def test_the_other_spelling_of_version_0_3_is_read() -> None:
    value = {**KEY, "mediaType": "application/vnd.dev.sigstore.bundle+json;version=0.3"}

    assert Bundle.from_bytes(encode(value)) == Bundle.from_bytes(encode(KEY))


@pytest.mark.parametrize("key", [{}, {"hint": ""}, {"hint": None}])
def test_a_key_needs_no_hint(key: dict[str, object]) -> None:
    bundle = Bundle.from_bytes(encode(with_material({"publicKey": key})))

    assert bundle.key_hint is None


@pytest.mark.parametrize("entries", [None, []])
def test_no_log_entries_may_be_written_in_two_ways(entries: object) -> None:
    value = with_material({"publicKey": {"hint": "key one"}, "tlogEntries": entries})

    assert Bundle.from_bytes(encode(value)) == Bundle.from_bytes(encode(KEY))


def test_unknown_members_are_ignored() -> None:
    value = {
        **KEY,
        "extra": 1.5,
        "messageSignature": None,
        "verificationMaterial": {**KEY["verificationMaterial"], "extra": {}},
        "dsseEnvelope": {**ENVELOPE, "signatures": [{"sig": "AAEC", "keyid": "k", "extra": 1}]},
    }

    assert Bundle.from_bytes(encode(value)) == Bundle.from_bytes(encode(KEY))


def test_a_bundle_is_written_canonically_without_keyid_and_log_entries() -> None:
    assert Bundle(envelope=SIGNED, key_hint="key one").to_bytes() == (
        b'{"dsseEnvelope":{"payload":"eyJhIjoxfQ==","payloadType":"application/vnd.in-toto+json",'
        b'"signatures":[{"sig":"AAEC"}]},'
        b'"mediaType":"application/vnd.dev.sigstore.bundle.v0.3+json",'
        b'"verificationMaterial":{"publicKey":{"hint":"key one"}}}'
    )


@settings(max_examples=100, deadline=None)
@given(st.binary(min_size=1), st.binary(min_size=1), st.none() | st.text(min_size=1))
def test_what_is_written_is_read_back(payload: bytes, sig: bytes, hint: str | None) -> None:
    envelope = Envelope(payload=payload, payload_type="t", signatures=(sig,))
    bundle = Bundle(envelope=envelope, key_hint=hint)

    assert Bundle.from_bytes(bundle.to_bytes()) == bundle


def test_what_is_written_is_a_bundle_to_sigstore() -> None:
    value = json.loads(Bundle(envelope=SIGNED, key_hint="key one").to_bytes())
    # sigstore_models wants the empty list that protobuf JSON, and cosign with a key, leave out.
    value["verificationMaterial"]["tlogEntries"] = []

    theirs = SigstoreBundle.from_json(encode(value))

    assert theirs.verification_material.public_key is not None
    assert theirs.verification_material.public_key.hint == "key one"
    assert theirs.dsse_envelope is not None
    assert theirs.dsse_envelope.payload == SIGNED.payload
    assert [signature.sig for signature in theirs.dsse_envelope.signatures] == [b"\x00\x01\x02"]


@pytest.mark.parametrize(
    "media_type",
    [
        None,
        "",
        3,
        "application/vnd.dev.sigstore.bundle+json;version=0.2",
        "application/vnd.dev.sigstore.bundle.v0.4+json",
        "application/vnd.dev.sigstore.bundle.v0.3+json ",
    ],
)
def test_another_version_is_refused(media_type: object) -> None:
    with pytest.raises(FormatError) as error:
        Bundle.from_bytes(encode({**KEY, "mediaType": media_type}))

    assert error.value.code == "bundle-malformed"


@pytest.mark.parametrize(
    "material",
    [
        None,
        [],
        {},
        {"publicKey": None},
        {"publicKey": "key one"},
        {"publicKey": {"hint": 7}},
        {"certificate": {}},
        {"certificate": {"rawBytes": "MII"}},
        {"certificate": {"rawBytes": ""}},
        {"certificate": {"rawBytes": "MIIB"}, "publicKey": {"hint": "key one"}},
        {"x509CertificateChain": {"certificates": [{"rawBytes": "MIIB"}]}},
        {"publicKey": {}, "x509CertificateChain": {"certificates": []}},
        {"publicKey": {}, "tlogEntries": {}},
        {"publicKey": {}, "tlogEntries": ["entry"]},
    ],
)
def test_material_that_does_not_name_one_signer_is_refused(material: object) -> None:
    with pytest.raises(FormatError) as error:
        Bundle.from_bytes(encode(with_material(material)))

    assert error.value.code == "bundle-malformed"


@pytest.mark.parametrize("count", [2, 3])
def test_several_signatures_are_refused(count: int) -> None:
    envelope = {**ENVELOPE, "signatures": ENVELOPE["signatures"] * count}

    with pytest.raises(FormatError, match="wrong number of signatures") as error:
        Bundle.from_bytes(encode({**KEY, "dsseEnvelope": envelope}))

    assert error.value.code == "bundle-malformed"


def test_no_signature_is_refused() -> None:
    with pytest.raises(FormatError, match="no signature") as error:
        Bundle.from_bytes(encode({**KEY, "dsseEnvelope": {**ENVELOPE, "signatures": []}}))

    assert error.value.code == "envelope-malformed"


@pytest.mark.parametrize("extra", [{}, {"dsseEnvelope": ENVELOPE}])
def test_a_message_signature_is_refused(extra: dict[str, object]) -> None:
    value = {key: KEY[key] for key in ("mediaType", "verificationMaterial")}
    message = {"messageDigest": {"algorithm": "SHA2_256", "digest": "AA=="}, "signature": "AAEC"}

    with pytest.raises(FormatError, match="message signature") as error:
        Bundle.from_bytes(encode({**value, **extra, "messageSignature": message}))

    assert error.value.code == "bundle-malformed"


def test_a_bundle_without_an_envelope_is_refused() -> None:
    with pytest.raises(FormatError) as error:
        Bundle.from_bytes(encode({**KEY, "dsseEnvelope": None}))

    assert error.value.code == "bundle-malformed"


def test_a_duplicate_member_is_refused() -> None:
    data = encode(KEY).replace(b'"payloadType"', b'"payload": "AA==", "payloadType"')

    with pytest.raises(FormatError, match="duplicate key") as error:
        Bundle.from_bytes(data)

    assert error.value.code == "json-malformed"


@pytest.mark.parametrize("data", [b"", b"\xef\xbb\xbf{}", encode(KEY) * 2, b"null"])
def test_what_is_not_one_document_is_refused(data: bytes) -> None:
    with pytest.raises(FormatError) as error:
        Bundle.from_bytes(data)

    assert error.value.code in {"json-malformed", "bundle-malformed"}


def test_a_bundle_over_the_limit_is_refused() -> None:
    with pytest.raises(FormatError) as error:
        Bundle.from_bytes(b" " * (BUNDLE_LIMIT + 1))

    assert error.value.code == "too-large"


def test_a_bundle_that_nobody_would_read_is_not_written() -> None:
    envelope = Envelope(payload=bytes(BUNDLE_LIMIT), payload_type="t", signatures=(b"sig",))

    with pytest.raises(FormatError) as error:
        Bundle(envelope=envelope).to_bytes()

    assert error.value.code == "too-large"


@pytest.mark.parametrize(
    "bundle",
    [
        Bundle(envelope=SIGNED, certificate=b"der"),
        Bundle(envelope=SIGNED, key_hint="k", has_log_entries=True),
    ],
)
def test_a_bundle_with_parts_that_were_not_kept_is_not_written(bundle: Bundle) -> None:
    with pytest.raises(FormatError, match="cannot be written") as error:
        bundle.to_bytes()

    assert error.value.code == "bundle-malformed"


@pytest.mark.parametrize("signatures", [(), (b"one", b"two")])
def test_a_bundle_with_another_number_of_signatures_is_not_written(
    signatures: tuple[bytes, ...],
) -> None:
    envelope = Envelope(payload=b"{}", payload_type="t", signatures=signatures)

    with pytest.raises(FormatError, match="wrong number of signatures") as error:
        Bundle(envelope=envelope).to_bytes()

    assert error.value.code == "bundle-malformed"


@settings(max_examples=200, deadline=None)
@given(mutated(KEY) | mutated(KEYLESS) | st.binary())
def test_bytes_from_outside_are_read_or_refused(data: bytes) -> None:
    fuzz_one(data)
