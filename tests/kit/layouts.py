"""What a layout holds, read as any OCI client would: JSON and digests, nothing of ours verified."""

import hashlib
import json
from base64 import b64decode
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from miniseal.formats.oci import MANIFEST_LIMIT
from miniseal.registry import LayoutStore

__all__ = ["Attached", "attached", "blob", "snapshot", "tags"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Attached:
    """A Sigstore bundle that a referrer carries."""

    kind: str
    bundle: dict[str, Any]
    payload: bytes

    @property
    def statement(self) -> dict[str, Any]:
        """The in-toto statement."""
        value: dict[str, Any] = json.loads(self.payload)
        return value


def tags(layout: Path) -> dict[str, str]:
    """The digests by tag; none where there is no layout."""
    if not (layout / "oci-layout").is_file():
        return {}
    return {name: found.digest for name, found in LayoutStore(layout).tags().items()}


def blob(layout: Path, digest: str) -> bytes:
    """A blob, which must have its digest."""
    data = (layout / "blobs" / "sha256" / digest.removeprefix("sha256:")).read_bytes()
    assert f"sha256:{hashlib.sha256(data).hexdigest()}" == digest
    return data


def attached(layout: Path, digest: str) -> list[Attached]:
    """The bundles attached to a manifest, sorted by kind and content."""
    store = LayoutStore(layout)
    found: list[Attached] = []
    for referrer in store.referrers(store.resolve(digest)):
        manifest = json.loads(store.read(referrer, limit=MANIFEST_LIMIT))
        bundle = json.loads(blob(layout, manifest["layers"][0]["digest"]))
        found.append(
            Attached(
                kind=manifest["annotations"]["dev.sigstore.bundle.predicateType"],
                bundle=bundle,
                payload=b64decode(bundle["dsseEnvelope"]["payload"]),
            )
        )
    return sorted(found, key=lambda each: (each.kind, each.payload))


def snapshot(folder: Path) -> dict[str, bytes]:
    """Every file below a folder."""
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }
