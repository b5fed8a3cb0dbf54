"""What is published in a repository: the packages that its tags name.

A tag is a package's if the manifest that it names says so; the same program's wasm artifact and
image have tags of their own, which are left out. Nothing about a package is checked here.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from miniseal.formats.errors import FormatError, MinisealError
from miniseal.formats.oci import MANIFEST_LIMIT, MANIFEST_TYPE, Descriptor, Manifest
from miniseal.formats.package import PACKAGE_TYPE
from miniseal.formats.reference import Reference
from miniseal.registry import Store, open_store

__all__ = ["Target", "targets"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """One package, or a place where one could not be looked for.

    Attributes:
        reference: how to call it: the reference that was asked for, or the repository with a tag.
        store: holds it.
        name: the tag or the digest to ask the store for; empty where there is an error.
        tags: that name it, as far as they were asked for.
        error: why it cannot be looked at, or None.
    """

    reference: str
    store: Store
    name: str
    tags: tuple[str, ...] = ()
    error: MinisealError | None = None


def targets(text: str, reach: Callable[[Reference], Store] = open_store) -> Iterator[Target]:
    """The package at a reference, or, where it has no tag and no digest, all of the repository.

    Of a whole repository every package comes once, by its digest, in the order of the tags. What
    cannot be read comes too, with its error: it may have been a package.

    Args:
        text: the reference.
        reach: gives the store that it names.

    Raises:
        UsageError: `reference-malformed`.
    """
    reference = Reference.parse(text)
    store = reach(reference)
    if name := reference.digest or reference.tag:
        tags = (reference.tag,) if reference.tag else ()
        yield Target(reference=text, store=store, name=name, tags=tags)
        return
    try:
        named = store.tags()
    except MinisealError as error:
        yield Target(reference=text, store=store, name="", error=error)
        return
    kept: dict[str, list[str]] = {}
    for tag, descriptor in sorted(named.items()):
        try:
            if _is_package(store, descriptor):
                kept.setdefault(descriptor.digest, []).append(tag)
        except MinisealError as error:
            place = str(reference.at(tag=tag))
            yield Target(reference=place, store=store, name="", tags=(tag,), error=error)
    for digest, names in kept.items():
        place = str(reference.at(tag=names[0]))
        yield Target(reference=place, store=store, name=digest, tags=tuple(names))


def _is_package(store: Store, descriptor: Descriptor) -> bool:
    if descriptor.media_type != MANIFEST_TYPE:
        return False
    data = store.read(descriptor, limit=MANIFEST_LIMIT)
    try:
        return Manifest.from_bytes(data).artifact_type == PACKAGE_TYPE
    except FormatError:
        return False
