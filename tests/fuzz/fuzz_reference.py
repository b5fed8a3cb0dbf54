"""References: any text is read or refused, and what is read is written as the same text."""

from contextlib import suppress

from miniseal.formats.errors import MinisealError
from miniseal.formats.reference import Reference


def fuzz_one(data: bytes) -> None:
    """Nothing but a MinisealError may come of any `data`."""
    text = data.decode("utf-8", "replace")
    with suppress(MinisealError):
        reference = Reference.parse(text)
        assert str(reference) == text
        assert Reference.parse(str(reference)) == reference
