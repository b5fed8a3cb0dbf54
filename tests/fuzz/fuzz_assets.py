"""Assets: every content has a kind or none, and no name takes a kind away."""

from miniseal.formats.assets import ASSET_KINDS, classify


def fuzz_one(data: bytes) -> None:
    """Nothing may be raised for any `data`."""
    kind = classify("asset", data)
    assert kind is None or kind in ASSET_KINDS
    for name in ("asset.json", "asset.png", "asset.js", "asset.html", "asset.wasm"):
        assert kind is None or classify(name, data) is not None
