import json
from typing import Any

import pytest
from hypothesis import given

from fuzz.fuzz_blob_bundle import fuzz_one
from fuzz.mutations import mutated
from miniseal.formats.blob_bundle import BlobBundle, MessageSignature
from miniseal.formats.dsse import Envelope
from miniseal.formats.errors import MinisealError

TYPE = "application/vnd.dev.sigstore.bundle"
DIGEST = "n4bQgYhMfWWaL+qgxVrQFaO/TxsrC4Is0V1sFbDwCgg="  # SHA-256 of "test"
MESSAGE: dict[str, Any] = {
    "messageDigest": {"algorithm": "SHA2_256", "digest": DIGEST},
    "signature": "AAEC",
}
ENVELOPE: dict[str, Any] = {
    "payload": "e30=",
    "payloadType": "application/vnd.in-toto+json",
    "signatures": [{"sig": "AAEC"}],
}
LEAF: dict[str, Any] = {
    "mediaType": f"{TYPE}.v0.3+json",
    "verificationMaterial": {"certificate": {"rawBytes": "MIIB"}, "tlogEntries": []},
    "messageSignature": MESSAGE,
}
CHAIN: dict[str, Any] = {
    **LEAF,
    "mediaType": f"{TYPE}+json;version=0.1",
    "verificationMaterial": {
        "x509CertificateChain": {"certificates": [{"rawBytes": "MIIB"}, {"rawBytes": "MIIC"}]}
    },
}


def encode(value: object) -> bytes:
    return json.dumps(value).encode()


def signed_by(material: object) -> dict[str, Any]:
    return {**LEAF, "verificationMaterial": material}


def test_a_message_signature_with_a_leaf_is_read() -> None:
    bundle = BlobBundle.from_bytes(encode(LEAF))

    digest = "sha256:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"
    assert bundle.content == MessageSignature(signature=b"\x00\x01\x02", digest=digest)
    assert bundle.certificates == (b"\x30\x82\x01",)


@pytest.mark.parametrize("version", ["0.1", "0.2"])
def test_an_older_version_has_a_chain(version: str) -> None:
    value = {**CHAIN, "mediaType": f"{TYPE}+json;version={version}"}

    assert len(BlobBundle.from_bytes(encode(value)).certificates) == 2


def test_an_envelope_is_read() -> None:
    value = {"dsseEnvelope": ENVELOPE, **LEAF}
    del value["messageSignature"]

    bundle = BlobBundle.from_bytes(encode(value))

    assert isinstance(bundle.content, Envelope)
    assert bundle.signature == b"\x00\x01\x02"


@pytest.mark.parametrize("version", [LEAF["mediaType"], CHAIN["mediaType"]])
def test_a_key_signs_without_certificates(version: str) -> None:
    value = {**signed_by({"publicKey": {"hint": "x"}}), "mediaType": version}

    assert BlobBundle.from_bytes(encode(value)).certificates == ()


@pytest.mark.parametrize(
    "value",
    [
        pytest.param({**LEAF, "mediaType": f"{TYPE}.v0.4+json"}, id="another version"),
        pytest.param(signed_by({}), id="no signer"),
        pytest.param(signed_by(CHAIN["verificationMaterial"]), id="chain in v0.3"),
        pytest.param({**LEAF, "mediaType": CHAIN["mediaType"]}, id="leaf in v0.1"),
        pytest.param(
            {**CHAIN, "verificationMaterial": {"x509CertificateChain": {"certificates": []}}},
            id="empty chain",
        ),
        pytest.param(
            {
                **CHAIN,
                "verificationMaterial": {
                    "x509CertificateChain": {"certificates": [{"rawBytes": "MIIB"}] * 11}
                },
            },
            id="long chain",
        ),
        pytest.param(
            signed_by({"publicKey": {}, "certificate": {"rawBytes": "MIIB"}}), id="two signers"
        ),
        pytest.param(
            signed_by({**LEAF["verificationMaterial"], **CHAIN["verificationMaterial"]}),
            id="leaf and chain",
        ),
        pytest.param({**LEAF, "dsseEnvelope": ENVELOPE}, id="two contents"),
        pytest.param({**LEAF, "messageSignature": None}, id="no content"),
        pytest.param({**LEAF, "messageSignature": {"signature": "AA"}}, id="base64"),
        pytest.param(
            {
                **LEAF,
                "messageSignature": {**MESSAGE, "messageDigest": {"algorithm": "SHA2_512"}},
            },
            id="another algorithm",
        ),
        pytest.param(
            {
                **LEAF,
                "messageSignature": None,
                "dsseEnvelope": {**ENVELOPE, "signatures": ENVELOPE["signatures"] * 2},
            },
            id="two signatures",
        ),
    ],
)
def test_what_is_no_bundle_is_refused(value: dict[str, Any]) -> None:
    with pytest.raises(MinisealError) as caught:
        BlobBundle.from_bytes(encode(value))

    assert caught.value.code == "bundle-malformed"


def test_a_digest_of_another_length_is_refused() -> None:
    digest = {"algorithm": "SHA2_256", "digest": "AAEC"}
    value = {**LEAF, "messageSignature": {**MESSAGE, "messageDigest": digest}}

    with pytest.raises(MinisealError) as caught:
        BlobBundle.from_bytes(encode(value))

    assert caught.value.code == "digest-malformed"


@given(mutated(LEAF) | mutated(CHAIN))
def test_nearly_right_bundles_are_read_or_refused(data: bytes) -> None:
    fuzz_one(data)
