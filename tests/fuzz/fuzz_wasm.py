"""Wasm modules: any bytes are read or refused, whole and by their data segments."""

from contextlib import suppress

from miniseal.formats.errors import MinisealError
from miniseal.formats.wasm.inspect import data_segments, inspect


def fuzz_one(data: bytes) -> None:
    """Nothing but a MinisealError may come of any `data`."""
    with suppress(MinisealError):
        module = inspect(data)
        named = {(item.module, item.name) for item in module.imports}
        listed = [(one.name, name) for one in module.import_modules() for name in one.functions]
        assert listed == sorted(named)
    with suppress(MinisealError):
        assert sum(map(len, data_segments(data))) <= len(data)
