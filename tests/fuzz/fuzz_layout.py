"""in-toto layouts: any bytes are read or refused, and what is read is a layout to in-toto too."""

import json
from contextlib import suppress

from in_toto.models.layout import Layout as InTotoLayout  # type: ignore[import-untyped]

from miniseal.formats.errors import MinisealError
from miniseal.formats.layout import Layout


def fuzz_one(data: bytes) -> None:
    """Nothing but a MinisealError may come of any `data`."""
    with suppress(MinisealError):
        layout = Layout.from_bytes(data)
        assert Layout.from_bytes(layout.to_bytes()) == layout
        InTotoLayout.read(json.loads(layout.to_bytes()))
