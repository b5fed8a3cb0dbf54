"""OCI manifests and indexes: any bytes are read or refused, and none are read as both."""

from contextlib import suppress

from miniseal.formats.errors import MinisealError
from miniseal.formats.oci import Index, Manifest


def fuzz_one(data: bytes) -> None:
    """Nothing but a MinisealError may come of any `data`."""
    manifest: Manifest | None = None
    with suppress(MinisealError):
        manifest = Manifest.from_bytes(data)
        assert Manifest.from_bytes(manifest.to_bytes()) == manifest
    with suppress(MinisealError):
        index = Index.from_bytes(data)
        assert Index.from_bytes(index.to_bytes()) == index
        assert manifest is None
