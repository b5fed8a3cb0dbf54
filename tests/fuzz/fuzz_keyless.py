"""Keyless bundles: any bytes are refused, or prove what the one good bundle proves."""

import json
from contextlib import suppress

from kit.fakesigstore import FakeSigstore
from miniseal.formats.errors import MinisealError
from miniseal.verifier.signatures.keyless import KeylessVerifier

FAKE = FakeSigstore("fuzz")
BUNDLE = json.dumps(FAKE.dsse(FAKE.leaf(), b'{"a":1}', stamped=True)).encode()
VERIFIER = KeylessVerifier(json.dumps(FAKE.trusted_root()).encode())
SEEDS = [BUNDLE]
SIGNED = VERIFIER.verify(BUNDLE)


def fuzz_one(data: bytes) -> None:
    """Nothing but a MinisealError may come of any `data`, or else what was signed."""
    with suppress(MinisealError):
        assert VERIFIER.verify(data) == SIGNED
