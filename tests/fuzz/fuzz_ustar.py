"""Assets archives: any bytes are read or refused, and what is read is written as the same bytes."""

from contextlib import suppress

from miniseal.formats import ustar
from miniseal.formats.errors import MinisealError


def fuzz_one(data: bytes) -> None:
    """Nothing but a MinisealError may come of any `data`."""
    with suppress(MinisealError):
        assert ustar.write(ustar.read(data)) == data
