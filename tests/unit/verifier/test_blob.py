import base64
import json

import pytest
from cryptography.hazmat.primitives.asymmetric import ed25519
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from kit.fakesigstore import NOW, FakeSigstore, Json, pem, spki
from miniseal.formats.errors import MinisealError
from miniseal.verifier.evidence import SIGNATURE_INVALID
from miniseal.verifier.signatures.blob import Blob, SignedBlob, verify_blob_with_key
from miniseal.verifier.signatures.keys import PublicKey

FAKE = FakeSigstore()
CONTENT = b"a file\n"
ROOT = json.dumps(FAKE.trusted_root()).encode()


def encode(value: Json) -> bytes:
    return json.dumps(value).encode()


def public(data: bytes) -> PublicKey:
    return PublicKey.from_pem(data, what="key", code=SIGNATURE_INVALID)


KEY = public(pem(spki(FAKE.managed().key), "PUBLIC KEY"))


def test_without_a_trusted_root_the_log_entry_of_a_key_is_ignored() -> None:
    bundle = FAKE.message(FAKE.managed(), CONTENT)
    bundle["verificationMaterial"]["tlogEntries"][0]["logIndex"] = "nonsense"

    signed = verify_blob_with_key(encode(bundle), Blob.of(CONTENT), KEY)

    assert signed == SignedBlob(identity=None, times=())


def test_with_one_it_is_verified() -> None:
    bundle = encode(FAKE.message(FAKE.managed(), CONTENT, stamped=True))

    assert verify_blob_with_key(bundle, Blob.of(CONTENT), KEY, ROOT).times == (NOW,)


def test_a_key_bundles_trusted_root_may_be_unusable() -> None:
    root = FAKE.trusted_root()
    root["mediaType"] = "application/json"

    with pytest.raises(MinisealError) as caught:
        verify_blob_with_key(
            encode(FAKE.message(FAKE.managed(), CONTENT)), Blob.of(CONTENT), KEY, encode(root)
        )

    assert caught.value.code == "trusted-root-invalid"


def test_a_timestamp_beside_a_key_may_be_garbage() -> None:
    bundle = FAKE.message(FAKE.managed(), CONTENT, rekor=2)
    stamps = {"rfc3161Timestamps": [{"signedTimestamp": "AAAA"}]}
    bundle["verificationMaterial"]["timestampVerificationData"] = stamps

    with pytest.raises(MinisealError) as caught:
        verify_blob_with_key(encode(bundle), Blob.of(CONTENT), KEY, ROOT)

    assert caught.value.code == "timestamp-invalid"


@pytest.fixture
def edwards() -> tuple[bytes, PublicKey]:
    key = ed25519.Ed25519PrivateKey.from_private_bytes(bytes(32))
    data = key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    bundle: Json = FAKE.message(FAKE.managed(), CONTENT)
    bundle["messageSignature"]["signature"] = base64.b64encode(key.sign(CONTENT)).decode()
    return encode(bundle), public(data)


def test_ed25519_verifies_a_file(edwards: tuple[bytes, PublicKey]) -> None:
    data, key = edwards

    assert verify_blob_with_key(data, Blob.of(CONTENT), key).identity is None


def test_ed25519_cannot_verify_a_digest_and_says_so(edwards: tuple[bytes, PublicKey]) -> None:
    data, key = edwards

    with pytest.raises(MinisealError, match="did not make") as caught:
        verify_blob_with_key(data, Blob.named(Blob.of(CONTENT).digest), key)

    assert caught.value.code == "signature-invalid"
    assert "Ed25519" in str(caught.value.hint)


def test_a_blob_is_named_by_a_digest_alone() -> None:
    with pytest.raises(MinisealError) as caught:
        Blob.named("sha512:00")

    assert caught.value.code == "digest-malformed"
