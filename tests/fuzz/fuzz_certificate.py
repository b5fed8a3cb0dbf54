"""Certificates: any bytes are read or refused, and what is read names somebody.

In a keyless bundle, in place of the one that signed, any others are refused.
"""

import json
from contextlib import suppress

from fuzz.fuzz_keyless import BUNDLE, FAKE, SIGNED, VERIFIER
from kit.fakesigstore import b64
from miniseal.formats.errors import MinisealError
from miniseal.verifier.signatures.certificate import CertificateIdentity

SEEDS = [FAKE.leaf().certificate or b""]


def fuzz_one(data: bytes) -> None:
    """Nothing but a MinisealError may come of any `data`."""
    with suppress(MinisealError):
        identity = CertificateIdentity.from_der(data)
        assert identity.subject
        assert identity.issuer
        assert identity.digest.startswith("sha256:")
    bundle = json.loads(BUNDLE)
    bundle["verificationMaterial"]["certificate"]["rawBytes"] = b64(data)
    with suppress(MinisealError):
        assert VERIFIER.verify(json.dumps(bundle).encode()) == SIGNED
