import json

import pytest
from sigstore_models.bundle.v1 import Bundle as SigstoreBundle

from miniseal.attestations import Signer, sign_statement
from miniseal.formats.bundle import Bundle
from miniseal.formats.dsse import IN_TOTO_PAYLOAD_TYPE, Envelope, pae
from miniseal.formats.errors import FormatError
from miniseal.formats.statement import Statement, Subject

STATEMENT = Statement(
    subjects=(Subject.of("sha256:" + "ab" * 32),), predicate_type="t", predicate={"n": 1}
).to_bytes()


class RecordingSigner:
    """A `Signer` that signs with a fixed text and keeps what it was asked to sign."""

    hint = "the hint"
    public_pem = b"the key"

    def __init__(self) -> None:
        self.signed: list[bytes] = []

    def sign(self, data: bytes) -> bytes:
        self.signed.append(data)
        return b"the signature"


def test_the_statements_very_bytes_are_signed_and_stored() -> None:
    spaced = json.dumps(json.loads(STATEMENT), indent=1).encode()
    recorder = RecordingSigner()
    signer: Signer = recorder

    bundle = Bundle.from_bytes(sign_statement(spaced, signer))

    assert recorder.signed == [pae(IN_TOTO_PAYLOAD_TYPE, spaced)]
    assert bundle == Bundle(
        envelope=Envelope(
            payload=spaced, payload_type=IN_TOTO_PAYLOAD_TYPE, signatures=(b"the signature",)
        ),
        key_hint="the hint",
    )


def test_a_bundle_has_no_keyid_and_no_log_entries() -> None:
    document = json.loads(sign_statement(STATEMENT, RecordingSigner()))

    assert document["verificationMaterial"] == {"publicKey": {"hint": "the hint"}}
    assert [list(signature) for signature in document["dsseEnvelope"]["signatures"]] == [["sig"]]


def test_a_bundle_is_one_to_sigstore() -> None:
    document = json.loads(sign_statement(STATEMENT, RecordingSigner()))
    # sigstore_models wants the empty list that protobuf JSON, and cosign with a key, leave out.
    document["verificationMaterial"]["tlogEntries"] = []

    theirs = SigstoreBundle.from_json(json.dumps(document))

    assert theirs.dsse_envelope is not None
    assert theirs.dsse_envelope.payload == STATEMENT


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (b"", "json-malformed"),
        (b"{}", "statement-malformed"),
        (STATEMENT.replace(b"/Statement/v1", b"/Statement/v9"), "statement-malformed"),
        (STATEMENT.replace(b'"predicateType"', b'"_type"'), "json-malformed"),
    ],
)
def test_what_is_not_a_statement_is_not_signed(data: bytes, code: str) -> None:
    signer = RecordingSigner()

    with pytest.raises(FormatError) as error:
        sign_statement(data, signer)

    assert error.value.code == code
    assert signer.signed == []


def test_a_statement_too_large_for_a_bundle_is_refused() -> None:
    large = Statement(
        subjects=(Subject.of("sha256:" + "ab" * 32),),
        predicate_type="t",
        predicate={"text": "x" * (7 * 1024 * 1024)},
    )

    with pytest.raises(FormatError, match="bundle is too large") as error:
        sign_statement(large.to_bytes(), RecordingSigner())

    assert error.value.code == "too-large"
