"""Sigstore bundles: any bytes are read or refused, and what is read is written so that it reads."""

from contextlib import suppress

from miniseal.formats.bundle import Bundle
from miniseal.formats.errors import MinisealError


def fuzz_one(data: bytes) -> None:
    """Nothing but a MinisealError may come of any `data`."""
    with suppress(MinisealError):
        bundle = Bundle.from_bytes(data)
        if bundle.certificate is None and not bundle.has_log_entries:
            assert Bundle.from_bytes(bundle.to_bytes()) == bundle
