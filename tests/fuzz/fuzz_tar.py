"""Tar archives with a layout: any bytes are read where they lie, or refused."""

import os
import tempfile
from contextlib import suppress
from pathlib import Path

from kit.tars import END, layout, member, pax, tar
from miniseal.formats.errors import MinisealError
from miniseal.formats.oci import MANIFEST_LIMIT
from miniseal.formats.tar import pax_records
from miniseal.registry.archive import ArchiveStore
from miniseal.registry.tar import members

SEEDS = [
    tar(layout()),
    tar(layout(), 1),
    pax({"path": "a", "size": "3"}) + member(b"b", b"abc") + END,
    member(b"L", b"long\0", b"L") + member(b"b", b"abc") + END,
]


def fuzz_one(data: bytes) -> None:
    """Nothing but a MinisealError may come of any `data`, and no member lies outside of it."""
    with suppress(MinisealError):
        pax_records(data, 0)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "a.tar"
        path.write_bytes(data)
        fd = os.open(path, os.O_RDONLY)
        try:
            with suppress(MinisealError):
                found = members(fd, len(data))
                assert all(at > 0 and at + size <= len(data) for at, size in found.values())
        finally:
            os.close(fd)
        with suppress(MinisealError):
            store = ArchiveStore(path)
            for descriptor in store.tags().values():
                store.read(descriptor, limit=MANIFEST_LIMIT)
        assert path.read_bytes() == data
