"""Small content for stores: a package, and what is attached to it."""

import json

from miniseal.formats.oci import EMPTY_CONFIG, EMPTY_CONFIG_TYPE, Descriptor, Manifest
from miniseal.registry import Store, attach

__all__ = ["KIND", "attach_note", "content", "publish"]

KIND = "https://example.com/note/v1"
"""The predicateType of what is attached."""


def publish(store: Store, text: str, tag: str | None = None) -> Descriptor:
    """A package of one layer, with a tag if there is one."""
    config = store.put(EMPTY_CONFIG, EMPTY_CONFIG_TYPE)
    layer = store.put(text.encode(), "text/plain")
    manifest = Manifest(artifact_type="application/vnd.test", config=config, layers=(layer,))
    package = store.put_manifest(manifest.to_bytes())
    if tag:
        store.tag(tag, package)
    return package


def attach_note(store: Store, subject: Descriptor, text: str) -> Descriptor:
    """Something attached to a package."""
    return attach(store, subject, text.encode(), KIND)


def content(store: Store, digest: str) -> dict[str, bytes]:
    """A manifest and what it consists of, each checked, by digest."""
    found = store.resolve(digest)
    data = store.read(found, limit=found.size)
    parts = Manifest.from_bytes(data)
    every = {found.digest: data}
    for part in (parts.config, *parts.layers):
        with store.stream(part) as chunks:
            every[part.digest] = b"".join(chunks)
    assert json.loads(data)["schemaVersion"] == 2
    return every
