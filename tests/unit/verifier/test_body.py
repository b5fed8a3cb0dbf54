import copy
import hashlib
import json
from collections.abc import Callable

import pytest
import rfc8785

from kit.fakesigstore import (
    FakeSigstore,
    Json,
    b64,
    dsse_body,
    dsse_body_v2,
    intoto_body,
    message_body,
    message_body_v2,
    signature,
    spki,
)
from miniseal.formats.blob_bundle import BlobBundle
from miniseal.formats.dsse import IN_TOTO_PAYLOAD_TYPE, pae
from miniseal.formats.errors import MinisealError
from miniseal.verifier.signatures.body import check_body
from miniseal.verifier.signatures.entry import LogEntry

FAKE = FakeSigstore()
OWNER = FAKE.managed()
CONTENT = b"a file\n"
DIGEST = hashlib.sha256(CONTENT).hexdigest()
SIGNED = signature(OWNER.key, CONTENT)
ENVELOPED = signature(OWNER.key, pae(IN_TOTO_PAYLOAD_TYPE, CONTENT))
MESSAGE = BlobBundle.from_bytes(json.dumps(FAKE.message(OWNER, CONTENT)).encode())
ENVELOPE = BlobBundle.from_bytes(json.dumps(FAKE.dsse(OWNER, CONTENT)).encode())
WRAPPED = (CONTENT, IN_TOTO_PAYLOAD_TYPE, ENVELOPED)
BODIES: dict[str, tuple[BlobBundle, Json]] = {
    "hashedrekord": (MESSAGE, message_body(OWNER, CONTENT, SIGNED)),
    "hashedrekord v2": (MESSAGE, message_body_v2(OWNER, CONTENT, SIGNED)),
    "dsse": (ENVELOPE, dsse_body(OWNER, *WRAPPED)),
    "dsse v2": (ENVELOPE, dsse_body_v2(OWNER, *WRAPPED)),
    "intoto": (ENVELOPE, intoto_body(OWNER, *WRAPPED)),
}


def check(bundle: BlobBundle, body: Json) -> None:
    entry = LogEntry(
        log=b"", kind=body["kind"], version=body["apiVersion"], body=rfc8785.dumps(body), promised=1
    )
    check_body(entry, bundle, digest=DIGEST, verifier=spki(OWNER.key))


def refusal(name: str, change: Callable[[Json], object]) -> str:
    bundle, body = BODIES[name]
    changed = copy.deepcopy(body)
    change(changed["spec"])
    with pytest.raises(MinisealError) as caught:
        check(bundle, changed)
    assert caught.value.code == "log-entry-invalid"
    return caught.value.message


@pytest.mark.parametrize("name", BODIES)
def test_what_was_logged_is_bound(name: str) -> None:
    check(*BODIES[name])


@pytest.mark.parametrize(
    ("name", "change"),
    [
        ("hashedrekord", lambda spec: spec["data"]["hash"].update(algorithm="sha512")),
        ("hashedrekord v2", lambda spec: spec["hashedRekordV002"]["data"].update(algorithm="x")),
        ("dsse", lambda spec: spec["payloadHash"].update(algorithm="sha512")),
        ("intoto", lambda spec: spec["content"]["payloadHash"].update(algorithm="sha512")),
    ],
    ids=["hashedrekord", "hashedrekord v2", "dsse", "intoto"],
)
def test_another_algorithm_binds_nothing(name: str, change: Callable[[Json], object]) -> None:
    assert "algorithm" in refusal(name, change)


@pytest.mark.parametrize(
    "signatures",
    [
        lambda spec: spec["signatures"].clear(),
        lambda spec: spec["signatures"].append(spec["signatures"][0]),
    ],
    ids=["none", "two"],
)
def test_one_signature_is_bound(signatures: Callable[[Json], object]) -> None:
    assert "one signature" in refusal("dsse", signatures)


@pytest.mark.parametrize(
    "verifier", [{}, {"publicKey": {}, "x509Certificate": {}}], ids=["none", "two"]
)
def test_one_verifier_is_bound(verifier: Json) -> None:
    def change(spec: Json) -> None:
        spec["hashedRekordV002"]["signature"]["verifier"] = verifier

    assert "one verifier" in refusal("hashedrekord v2", change)


@pytest.mark.parametrize(
    "pem",
    [
        b"-----BEGIN PUBLIC KEY-----\n-----END PUBLIC KEY-----\n",
        b"one\ntwo\nthree\n",
        b"-----BEGIN PUBLIC KEY-----\nA\n-----END PUBLIC KEY-----\n",
    ],
    ids=["empty", "no PEM", "no base64"],
)
def test_a_verifier_that_is_no_pem_is_refused(pem: bytes) -> None:
    def change(spec: Json) -> None:
        spec["signature"]["publicKey"]["content"] = b64(pem)

    assert "PEM" in refusal("hashedrekord", change)


def test_a_signature_that_rekor_did_not_encode_again_is_another() -> None:
    def change(spec: Json) -> None:
        spec["content"]["envelope"]["signatures"][0]["sig"] = b64(ENVELOPED)

    assert "another signature" in refusal("intoto", change)


def test_an_unknown_kind_binds_nothing() -> None:
    with pytest.raises(MinisealError, match="binds no signature") as caught:
        check(MESSAGE, {**BODIES["hashedrekord"][1], "kind": "rekord"})

    assert caught.value.code == "log-entry-invalid"


def test_an_envelopes_entry_is_of_no_message() -> None:
    with pytest.raises(MinisealError, match="envelope") as caught:
        check(MESSAGE, BODIES["dsse"][1])

    assert caught.value.code == "log-entry-invalid"
