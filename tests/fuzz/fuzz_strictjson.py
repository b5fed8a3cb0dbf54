"""Strict JSON: any bytes are read or refused, and what is read has one canonical form."""

from contextlib import suppress

from miniseal.formats.errors import MinisealError
from miniseal.formats.strictjson import canonical, loads


def fuzz_one(data: bytes) -> None:
    """Nothing but a MinisealError may come of any `data`."""
    with suppress(MinisealError):
        loads(data, limit=1 << 20, what="document", floats=True)
    with suppress(MinisealError):
        value = loads(data, limit=1 << 20, what="document")
        assert loads(canonical(value), limit=1 << 22, what="document") == value
