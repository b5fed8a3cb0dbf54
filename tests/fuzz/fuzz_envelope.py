"""DSSE envelopes: any bytes are read or refused, and what is read is written so that it reads."""

from contextlib import suppress

from miniseal.formats.dsse import ENVELOPE_MALFORMED, Envelope
from miniseal.formats.errors import MinisealError
from miniseal.formats.members import Members
from miniseal.formats.strictjson import loads


def fuzz_one(data: bytes) -> None:
    """Nothing but a MinisealError may come of any `data`."""
    with suppress(MinisealError):
        value = loads(data, limit=1 << 20, what="envelope", floats=True)
        envelope = Envelope.from_members(Members(value, "envelope", ENVELOPE_MALFORMED))
        again = Members(envelope.to_json(), "envelope", ENVELOPE_MALFORMED)
        assert Envelope.from_members(again) == envelope
