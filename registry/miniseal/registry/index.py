"""A layout's `index.json`: which manifests it holds, and under which names (image-layout.md).

An entry with the annotation `org.opencontainers.image.ref.name` is a name; one without keeps a
manifest that has no name. What other tools wrote into an entry is kept. Pure.
"""

import gc
import json
import re
from collections.abc import Generator, Iterable
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

from miniseal.formats.errors import FormatError
from miniseal.formats.members import Members
from miniseal.formats.oci import (
    INDEX_TYPE,
    MEDIA_TYPE_LIMIT,
    OCI_MALFORMED,
    REF_NAME,
    Descriptor,
)
from miniseal.formats.strictjson import MAX_INTEGER, TOO_LARGE, loads, most_values
from miniseal.registry.files import LAYOUT_MALFORMED
from miniseal.registry.store import is_content_tag

__all__ = ["INDEX_LIMIT", "INDEX_VALUES", "Entry", "LayoutIndex"]

INDEX_LIMIT = 32 * 1024 * 1024
"""Bytes of an `index.json`: of twenty thousand releases, each of which is six entries."""
INDEX_VALUES = 1_000_000
"""Of JSON in those bytes, so that reading them takes no more memory than such an index does."""

_DIGEST = re.compile(r"sha256:[0-9a-f]{64}")
_NONE: dict[str, str] = {}
_TEXT = {str}
_TIGHT = (",", ":")


class Entry(NamedTuple):
    """One descriptor of `index.json`; light, as there may be very many.

    Attributes:
        name: its `ref.name`, or None.
        digest: of the manifest.
        value: as it is written, foreign members included.
    """

    name: str | None
    digest: str
    value: dict[str, object]

    @classmethod
    def from_json(cls, value: object) -> "Entry":
        """Read an entry.

        Raises:
            FormatError: `oci-malformed`, `digest-malformed`.
        """
        usual = _usual(value)
        if usual is not None:
            return usual
        read = Descriptor.from_json(value)  # says what is wrong with it, or takes what is rare
        name = read.annotations.get(REF_NAME)
        return cls(name=name, digest=read.digest, value=Members(value, "", OCI_MALFORMED).values)

    @property
    def descriptor(self) -> Descriptor:
        """Without the `ref.name`."""
        read = Descriptor.from_json(self.value)
        others = {k: v for k, v in read.annotations.items() if k != REF_NAME}
        return replace(read, annotations=others)

    @property
    def media_type(self) -> object:
        """Of the manifest."""
        return self.value["mediaType"]

    def named(self, name: str | None) -> "Entry":
        """The same entry under another name, or under none."""
        annotations = dict(self.descriptor.annotations)
        if name is not None:
            annotations[REF_NAME] = name
        value = {k: v for k, v in self.value.items() if k != "annotations"}
        if annotations:
            value["annotations"] = annotations
        return self._replace(name=name, value=value)


@dataclass(frozen=True, slots=True, kw_only=True)
class LayoutIndex:
    """The entries of `index.json`, and its other members as they were."""

    entries: tuple[Entry, ...] = ()
    others: dict[str, object]

    @classmethod
    def empty(cls) -> "LayoutIndex":
        """The index of a layout that holds nothing."""
        return cls(others={"schemaVersion": 2, "mediaType": INDEX_TYPE})

    @classmethod
    def from_bytes(cls, data: bytes) -> "LayoutIndex":
        """Read `index.json`.

        Raises:
            FormatError: `layout-malformed`.
        """
        try:
            with _all_stays():
                value = loads(
                    data, limit=INDEX_LIMIT, values=INDEX_VALUES, what="index.json", floats=True
                )
                members = Members(value, "index.json", LAYOUT_MALFORMED)
                members.integer("schemaVersion", least=2, most=2)
                entries = tuple(map(Entry.from_json, members.items("manifests")))
        except FormatError as error:
            raise LAYOUT_MALFORMED(f"index.json is malformed: {error}") from error
        others = {k: v for k, v in members.values.items() if k != "manifests"}
        return cls(entries=entries, others=others)

    def ordered(self) -> "LayoutIndex":
        """The same with its entries by name and digest: what comes back when it was written."""
        entries = sorted(self.entries, key=lambda e: (e.name or "", e.digest))
        return replace(self, entries=tuple(entries))

    def to_bytes(self) -> bytes:
        """JSON, members by name, and the entries by name and digest.

        Raises:
            FormatError: `too-large`, for an index that no client would read.
        """
        return self.ordered().as_it_is()

    def as_it_is(self) -> bytes:
        """As `to_bytes`, for what is `ordered`."""
        values = [entry.value for entry in self.entries]
        # Nobody digests it, and it has to be written with every change: RFC 8785 takes ten times
        # as long.
        text = json.dumps({**self.others, "manifests": values}, sort_keys=True, separators=_TIGHT)
        data = text.encode("ascii")
        if len(data) > INDEX_LIMIT or most_values(data) > INDEX_VALUES:
            raise TOO_LARGE(
                "index.json is full",
                found=f"{len(data)} bytes, about {most_values(data)} values",
                expected=f"at most {INDEX_LIMIT} bytes, {INDEX_VALUES} values",
                hint="use another layout, or remove tags that are not needed",
            )
        return data

    def under(self, name: str) -> tuple[Descriptor, ...]:
        """What carries this name."""
        return tuple(entry.descriptor for entry in self.entries if entry.name == name)

    def find(self, name: str) -> Descriptor | None:
        """What this tag names; None if nothing has it.

        Raises:
            FormatError: `layout-malformed`, it names two things.
        """
        return _unambiguous(entry for entry in self.entries if entry.name == name).get(name)

    def tags(self) -> dict[str, Descriptor]:
        """Every tag of content and what it names, by name.

        Raises:
            FormatError: `layout-malformed`, one names two things.
        """
        tagged = (entry for entry in self.entries if entry.name and is_content_tag(entry.name))
        return dict(sorted(_unambiguous(tagged).items()))

    def by_digest(self, digest: str) -> Descriptor | None:
        """The entry of this digest, whatever its name; None if there is none."""
        return next((e.descriptor for e in self.entries if e.digest == digest), None)

    def with_manifest(self, descriptor: Descriptor) -> "LayoutIndex":
        """An index that holds this manifest, without a name if it had no entry yet."""
        if self.by_digest(descriptor.digest):
            return self
        return replace(self, entries=(*self.entries, _entry(descriptor)))

    def with_name(
        self, name: str, descriptor: Descriptor, *, drop: Iterable[str] = ()
    ) -> "LayoutIndex":
        """An index in which `name` names `descriptor` and nothing else.

        What it named before stays, without a name if that was its only one, unless its digest is in
        `drop`.
        """
        before = [e for e in self.entries if e.name == name]
        if [e.digest for e in before] == [descriptor.digest]:
            return self
        known = [e for e in self.entries if e.digest == descriptor.digest]
        entry = (known[0] if known else _entry(descriptor)).named(name)
        dropped = {*drop, descriptor.digest}
        kept = [e for e in self.entries if e.name != name and (e.name or e not in known)]
        bare = [e.named(None) for e in before if e.digest not in dropped]
        result = replace(self, entries=(*kept, entry))
        for old in bare:
            if not result.by_digest(old.digest):
                result = replace(result, entries=(*result.entries, old))
        return result

    def without_name(self, name: str) -> "LayoutIndex":
        """An index in which nothing is named so; what was, stays."""
        named = [e for e in self.entries if e.name == name]
        result = replace(self, entries=tuple(e for e in self.entries if e.name != name))
        for entry in named:
            if not result.by_digest(entry.digest):
                result = replace(result, entries=(*result.entries, entry.named(None)))
        return result

    def without(self, digest: str) -> "LayoutIndex":
        """An index that does not hold this manifest, under any name."""
        kept = tuple(e for e in self.entries if e.digest != digest)
        return replace(self, entries=kept)


@contextmanager
def _all_stays() -> Generator[None]:
    """Look for no garbage within the block: to look through so much takes as long as to read it."""
    before = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if before:
            gc.enable()


def _usual(value: object) -> Entry | None:
    """An entry such as nearly all are, read in a sixth of the time; None for any other value."""
    if not isinstance(value, dict):
        return None
    entry: dict[str, object] = value  # pyright: ignore[reportUnknownVariableType]
    kind, digest, size = entry.get("mediaType"), entry.get("digest"), entry.get("size")
    artifact_type = entry.get("artifactType", "")
    annotations: Any = entry.get("annotations", _NONE)
    if (
        type(kind) is str
        and 0 < len(kind) <= MEDIA_TYPE_LIMIT
        and type(digest) is str
        and _DIGEST.fullmatch(digest)
        and type(size) is int
        and 0 <= size <= MAX_INTEGER
        and type(artifact_type) is str
        and len(artifact_type) <= MEDIA_TYPE_LIMIT
        and annotations.__class__ is dict
        and {*map(type, annotations.values())} <= _TEXT
    ):
        return Entry(annotations.get(REF_NAME), digest, entry)
    return None


def _entry(descriptor: Descriptor) -> Entry:
    return Entry.from_json(descriptor.to_json()).named(None)


def _unambiguous(entries: Iterable[Entry]) -> dict[str, Descriptor]:
    found: dict[str, Descriptor] = {}
    for entry in entries:
        name, descriptor = entry.name or "", entry.descriptor
        if found.setdefault(name, descriptor).digest != descriptor.digest:
            raise LAYOUT_MALFORMED(
                "index.json gives one name to two manifests", found=repr(name)[:160]
            )
    return found
