import pytest

from kit.packages import wasm_module
from miniseal.pipeline.steps import scan

TEXT = "ghp_0123456789"


def _module(text: bytes) -> bytes:
    """A module with one passive data segment, of at most 100 bytes."""
    segment = b"\x01\x01" + bytes([len(text)]) + text
    return wasm_module() + b"\x0b" + bytes([len(segment)]) + segment


@pytest.mark.parametrize("encoding", ["ascii", "utf-16-le"])
def test_texts_of_a_module_are_laid_out_for_the_scanner(encoding: str) -> None:
    module = _module(b"\x01\x02" + TEXT.encode(encoding) + b"\xff")

    assert scan._strings(module) == TEXT.encode() + b"\n"


@pytest.mark.parametrize(
    ("assets", "expected"),
    [
        ((), "app.wasm.strings.txt"),
        (("app.wasm.strings.txt",), "app.wasm.strings.txt_"),
        (("app.wasm.strings.txt/a", "app.wasm.strings.txt_"), "app.wasm.strings.txt__"),
    ],
)
def test_no_asset_is_hidden_by_the_texts_of_a_module(
    assets: tuple[str, ...], expected: str
) -> None:
    assert scan._free("app.wasm.strings.txt", assets) == expected
