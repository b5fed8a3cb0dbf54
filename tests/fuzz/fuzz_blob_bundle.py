"""Sigstore bundles of every version: any bytes are read or refused."""

from contextlib import suppress

from miniseal.formats.blob_bundle import BlobBundle
from miniseal.formats.errors import MinisealError


def fuzz_one(data: bytes) -> None:
    """Nothing but a MinisealError may come of any `data`."""
    with suppress(MinisealError):
        assert BlobBundle.from_bytes(data).signature
