"""What a scan reads of strangers' bytes: reports, bills, Go's lists, and a packed database."""

import tempfile
from contextlib import suppress
from pathlib import Path

from kit.packages import wasm_module
from miniseal.formats.errors import MinisealError
from miniseal.pipeline.trivy import report
from miniseal.pipeline.trivy.artifact import layer_of, unpack
from miniseal.pipeline.trivy.bills import purls
from miniseal.pipeline.trivy.golang import bill_of, modules
from miniseal.registry import LayoutStore

_START, _END = (
    bytes.fromhex(text)
    for text in ("3077af0c9274080241e1c107e6d618e6", "f932433186182072008242104116d8f2")
)


def fuzz_one(data: bytes) -> None:
    """Nothing but a MinisealError may come of any `data`."""
    with suppress(MinisealError):
        scan = report.from_bytes(data)
        assert scan.joined(scan) == scan.moved(lambda target: target) == scan
    with suppress(MinisealError):
        assert all(isinstance(url, str) for url in purls(data, "a bill"))
    with suppress(MinisealError):
        found = modules(_with_data(_START + data[:1000] + _END))
        assert len(bill_of(found)["components"]) == len(found)  # type: ignore[arg-type]
    with suppress(MinisealError):
        layer_of(data)


def fuzz_layer(data: bytes) -> None:
    """As `fuzz_one`, for a layer that is unpacked."""
    with tempfile.TemporaryDirectory() as name, suppress(MinisealError):
        store, folder = LayoutStore(f"{name}/layout"), Path(name, "out")
        folder.mkdir()
        layer = store.put(data, "application/octet-stream")
        unpack(store, layer, folder)
        assert {path.name for path in folder.iterdir()} == {"trivy.db", "metadata.json"}


def _with_data(data: bytes) -> bytes:
    """A module with one passive data segment of less than 16 KiB."""
    segment = b"\x01\x01" + _leb(len(data)) + data
    return wasm_module() + b"\x0b" + _leb(len(segment)) + segment


def _leb(number: int) -> bytes:
    return bytes([number & 0x7F | 0x80, number >> 7])
