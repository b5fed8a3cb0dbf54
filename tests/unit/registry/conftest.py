import json
from collections.abc import Callable
from pathlib import Path

import pytest

from miniseal.formats.oci import EMPTY_CONFIG, EMPTY_CONFIG_TYPE, Descriptor, Manifest
from miniseal.registry import LayoutStore


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Where a layout will be."""
    return tmp_path / "layout"


@pytest.fixture
def store(path: Path) -> LayoutStore:
    return LayoutStore(path)


@pytest.fixture
def manifest() -> Callable[..., bytes]:
    """Makes the bytes of a manifest; other content, other bytes."""

    def make(content: bytes = b"content", subject: Descriptor | None = None) -> bytes:
        return Manifest(
            artifact_type="application/vnd.test",
            config=Descriptor.of(EMPTY_CONFIG, EMPTY_CONFIG_TYPE),
            layers=(Descriptor.of(content, "text/plain"),),
            subject=subject,
            annotations={"kind": content.decode()} if subject else {},
        ).to_bytes()

    return make


@pytest.fixture
def entries(path: Path) -> Callable[[], list[dict[str, object]]]:
    """Reads the entries of index.json."""

    def read() -> list[dict[str, object]]:
        found: list[dict[str, object]] = json.loads((path / "index.json").read_bytes())["manifests"]
        return found

    return read


@pytest.fixture
def blob(path: Path) -> Callable[[Descriptor], Path]:
    """Where a layout keeps the content of a descriptor."""
    return lambda descriptor: path / "blobs" / "sha256" / descriptor.digest.removeprefix("sha256:")
