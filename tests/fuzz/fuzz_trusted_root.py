"""Trusted roots: with any bytes a good bundle is refused, or proves what it does prove."""

import json
from contextlib import suppress

from kit.fakesigstore import FakeSigstore
from miniseal.formats.errors import MinisealError
from miniseal.verifier.signatures.keyless import KeylessVerifier

FAKE = FakeSigstore("fuzz")
BUNDLE = json.dumps(FAKE.dsse(FAKE.leaf(), b'{"a":1}', stamped=True)).encode()
ROOT = json.dumps(FAKE.trusted_root()).encode()
SEEDS = [ROOT]
SIGNED = KeylessVerifier(ROOT).verify(BUNDLE)


def fuzz_one(data: bytes) -> None:
    """Nothing but a MinisealError may come of any `data`, or else what was signed."""
    with suppress(MinisealError):
        assert KeylessVerifier(data).verify(BUNDLE) == SIGNED
