import json

import pytest
from cryptography.hazmat.primitives.asymmetric.ec import ECDSA, EllipticCurvePublicKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import load_pem_public_key
from sigstore_models.bundle.v1 import Bundle as SigstoreBundle

from kit.packages import key
from miniseal.attestations import KeyIdentity, KeySigner, Signer, sign_statement
from miniseal.formats.bundle import Bundle
from miniseal.formats.dsse import IN_TOTO_PAYLOAD_TYPE, Envelope, pae
from miniseal.formats.errors import EnvironmentalError, FormatError
from miniseal.formats.statement import Statement, Subject

STATEMENT = Statement(
    subjects=(Subject.of("sha256:" + "ab" * 32),), predicate_type="t", predicate={"n": 1}
).to_bytes()


class OtherSigner:
    """A `Signer` that gives back what it was told to."""

    identity = KeyIdentity(hint="the hint", public_pem=b"the key")
    name = "another"

    def __init__(self, bundle: bytes) -> None:
        self.bundle = bundle
        self.asked: list[bytes] = []

    def sign_statement(self, statement: bytes) -> bytes:
        self.asked.append(statement)
        return self.bundle


class BrokenSigner(KeySigner):
    """A `KeySigner` whose private key is not the one it says."""

    __slots__ = ("answer",)

    def __init__(self, answer: bytes) -> None:
        super().__init__(load_pem_public_key(key("acme").public_pem), what="the service")
        self.answer = answer

    def _sign(self, data: bytes) -> bytes:
        del data
        return self.answer


def test_the_statements_very_bytes_are_signed_and_stored() -> None:
    spaced = json.dumps(json.loads(STATEMENT), indent=1).encode()
    signer: Signer = key("acme")

    bundle = Bundle.from_bytes(sign_statement(spaced, signer))

    assert bundle.envelope.payload == spaced
    assert bundle.envelope.payload_type == IN_TOTO_PAYLOAD_TYPE
    assert bundle.key_hint == key("acme").hint
    public = load_pem_public_key(key("acme").public_pem)
    assert isinstance(public, EllipticCurvePublicKey)
    public.verify(bundle.envelope.signatures[0], pae(IN_TOTO_PAYLOAD_TYPE, spaced), ECDSA(SHA256()))


def test_a_bundle_has_no_keyid_and_no_log_entries() -> None:
    document = json.loads(sign_statement(STATEMENT, key("acme")))

    assert document["verificationMaterial"] == {"publicKey": {"hint": key("acme").hint}}
    assert [list(signature) for signature in document["dsseEnvelope"]["signatures"]] == [["sig"]]


def test_a_bundle_is_one_to_sigstore() -> None:
    document = json.loads(sign_statement(STATEMENT, key("acme")))
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
    signer = OtherSigner(b"")

    with pytest.raises(FormatError) as error:
        sign_statement(data, signer)

    assert error.value.code == code
    assert signer.asked == []


def test_a_statement_too_large_for_a_bundle_is_refused() -> None:
    large = Statement(
        subjects=(Subject.of("sha256:" + "ab" * 32),),
        predicate_type="t",
        predicate={"text": "x" * (7 * 1024 * 1024)},
    )

    with pytest.raises(FormatError, match="bundle is too large") as error:
        sign_statement(large.to_bytes(), key("acme"))

    assert error.value.code == "too-large"


def test_a_signature_that_does_not_verify_is_not_used() -> None:
    for answer in (b"", b"the signature", key("stranger").sign(b"data")):
        signer = BrokenSigner(answer)

        with pytest.raises(EnvironmentalError, match="the service") as error:
            sign_statement(STATEMENT, signer)

        assert error.value.code == "signature-wrong"
        assert error.value.found == key("acme").hint


@pytest.mark.parametrize(
    ("payload", "payload_type"),
    [(STATEMENT + b" ", IN_TOTO_PAYLOAD_TYPE), (STATEMENT, "application/json")],
    ids=["payload", "payload type"],
)
def test_a_bundle_about_something_else_is_not_used(payload: bytes, payload_type: str) -> None:
    envelope = Envelope(payload=payload, payload_type=payload_type, signatures=(b"s",))

    with pytest.raises(EnvironmentalError, match="something else") as error:
        sign_statement(STATEMENT, OtherSigner(Bundle(envelope=envelope).to_bytes()))

    assert error.value.code == "signature-wrong"


@pytest.mark.parametrize("data", [b"", b"{}", b"no json"])
def test_what_is_no_bundle_is_not_used(data: bytes) -> None:
    with pytest.raises(EnvironmentalError, match="unreadable") as error:
        sign_statement(STATEMENT, OtherSigner(data))

    assert error.value.code == "signature-wrong"


def test_a_key_is_known_by_its_hint_and_public_half() -> None:
    signer = key("acme")

    assert signer.identity == KeyIdentity(hint=signer.hint, public_pem=signer.public_pem)
    assert signer.name == f"the key {signer.hint}"
    assert signer.identity.to_json() == {"key": signer.hint, "issuer": None, "identity": None}
