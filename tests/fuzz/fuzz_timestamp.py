"""Timestamps: any bytes in place of a good one are refused, in keyless bundles and beside keys."""

import json
from contextlib import suppress

from fuzz.fuzz_keyless import BUNDLE, FAKE, SIGNED, VERIFIER
from kit.fakesigstore import Json, b64, pem, spki
from miniseal.formats.errors import MinisealError
from miniseal.verifier.evidence import SIGNATURE_INVALID
from miniseal.verifier.signatures.blob import Blob, verify_blob_with_key
from miniseal.verifier.signatures.keys import PublicKey

CONTENT = b"a file"
MANAGED = FAKE.managed()
BESIDE_KEY = json.dumps(FAKE.message(MANAGED, CONTENT, rekor=2)).encode()
KEY = PublicKey.from_pem(pem(spki(MANAGED.key), "PUBLIC KEY"), what="key", code=SIGNATURE_INVALID)
ROOT = json.dumps(FAKE.trusted_root()).encode()
SEEDS = [FAKE.timestamp(b"x"), FAKE.timestamp(b"x", embed=False)]


def stamped(bundle: bytes, data: bytes) -> bytes:
    value: Json = json.loads(bundle)
    stamps = {"rfc3161Timestamps": [{"signedTimestamp": b64(data)}]}
    value["verificationMaterial"]["timestampVerificationData"] = stamps
    return json.dumps(value).encode()


def fuzz_one(data: bytes) -> None:
    """Nothing but a MinisealError may come of any `data`, or else what was signed."""
    with suppress(MinisealError):
        assert VERIFIER.verify(stamped(BUNDLE, data)) == SIGNED
    with suppress(MinisealError):
        verify_blob_with_key(stamped(BESIDE_KEY, data), Blob.of(CONTENT), KEY, ROOT)
