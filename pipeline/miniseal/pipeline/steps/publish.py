"""push, verify, tag: everything by digest first, the host's own verifier, and only then the tags.

A release that is interrupted here leaves untagged content that nobody resolves; the next run writes
the same content again and completes.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from miniseal.formats.errors import EnvironmentalError
from miniseal.formats.oci import Descriptor
from miniseal.packager import Packed
from miniseal.registry import Store
from miniseal.registry.attach import attach
from miniseal.registry.store import CONTENT_MISSING, TAG_EXISTS

__all__ = ["Signed", "is_tagged", "push", "push_evidence", "tag", "tags_of"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Signed:
    """A Sigstore bundle to attach.

    Attributes:
        predicate_type: of the statement in it.
        bundle: its bytes.
        everywhere: whether the wasm artifact and the image carry it too.
    """

    predicate_type: str
    bundle: bytes
    everywhere: bool


def push(store: Store, packed: Packed) -> None:
    """Write the blobs and the three manifests; nothing gets a tag."""
    for data, media_type in packed.blobs.values():
        store.put(data, media_type)
    for built in (packed.wasm, packed.image, packed.package):
        store.put_manifest(built.manifest)


def push_evidence(store: Store, packed: Packed, bundles: Sequence[Signed]) -> None:
    """Attach the bundles as referrers, to the package last: a host looks only there."""
    for signed in bundles:
        subjects = [packed.package.descriptor]
        if signed.everywhere:
            subjects = [packed.wasm.descriptor, packed.image.descriptor, *subjects]
        for subject in subjects:
            attach(store, subject, signed.bundle, signed.predicate_type)


def tags_of(packed: Packed) -> dict[str, Descriptor]:
    """The tags of a release, the package's last (FORMATS section 1)."""
    return {built.tag: built.descriptor for built in (packed.wasm, packed.image, packed.package)}


def is_tagged(store: Store, packed: Packed) -> bool:
    """Whether all tags name this content already; other content under one is refused early.

    Raises:
        UsageError: `tag-exists`, as `tag` would at the end.
    """
    tags = tags_of(packed)
    held = {name: _held(store, name) for name in tags}
    for name, descriptor in reversed(tags.items()):
        other = held[name]
        if other is not None and other.digest != descriptor.digest:
            raise TAG_EXISTS(
                f"{name} is published already, with other content",
                found=other.digest,
                expected=descriptor.digest,
            )
    return all(held.values())


def _held(store: Store, name: str) -> Descriptor | None:
    try:
        return store.resolve(name)
    except EnvironmentalError as error:
        if error.code != CONTENT_MISSING.name:
            raise
        return None


def tag(store: Store, packed: Packed) -> tuple[str, ...]:
    """Let the tags name the release; a tag that names other content is refused.

    Raises:
        UsageError: `tag-exists`.
    """
    tags = tags_of(packed)
    for name, descriptor in tags.items():
        store.tag(name, descriptor)
    return tuple(tags)
