"""Certificates: any bytes are read or refused, and what is read names somebody."""

from contextlib import suppress

from kit.fakesigstore import FakeSigstore
from miniseal.formats.errors import MinisealError
from miniseal.verifier.signatures.certificate import CertificateIdentity

SEEDS = [FakeSigstore().leaf().certificate or b""]


def fuzz_one(data: bytes) -> None:
    """Nothing but a MinisealError may come of any `data`."""
    with suppress(MinisealError):
        identity = CertificateIdentity.from_der(data)
        assert identity.subject
        assert identity.issuer
        assert identity.digest.startswith("sha256:")
