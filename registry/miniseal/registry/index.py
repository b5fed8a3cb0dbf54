"""A layout's `index.json`: which manifests it holds, and under which names (image-layout.md).

An entry with the annotation `org.opencontainers.image.ref.name` is a name; one without keeps a
manifest that has no name. What other tools wrote into an entry is kept. Pure.
"""

import json
from collections.abc import Iterable
from dataclasses import dataclass, replace

from miniseal.formats.errors import FormatError
from miniseal.formats.members import Members
from miniseal.formats.oci import INDEX_TYPE, REF_NAME, Descriptor
from miniseal.formats.strictjson import TOO_LARGE, loads, most_values
from miniseal.registry.files import LAYOUT_MALFORMED
from miniseal.registry.store import is_content_tag

__all__ = ["INDEX_LIMIT", "INDEX_VALUES", "Entry", "LayoutIndex"]

INDEX_LIMIT = 32 * 1024 * 1024
"""Bytes of an `index.json`: of twenty thousand releases, each of which is six entries."""
INDEX_VALUES = 1_000_000
"""Of JSON in those bytes, so that reading them takes no more memory than such an index does."""

_TIGHT = (",", ":")


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One descriptor of `index.json`.

    Attributes:
        name: its `ref.name`, or None.
        descriptor: without the `ref.name`.
        value: as it is written, foreign members included.
    """

    name: str | None
    descriptor: Descriptor
    value: dict[str, object]

    @classmethod
    def from_json(cls, value: dict[str, object]) -> "Entry":
        """Read an entry.

        Raises:
            FormatError: `oci-malformed`, `digest-malformed`.
        """
        descriptor = Descriptor.from_json(value)
        others = {k: v for k, v in descriptor.annotations.items() if k != REF_NAME}
        return cls(
            name=descriptor.annotations.get(REF_NAME),
            descriptor=replace(descriptor, annotations=others),
            value=value,
        )

    def named(self, name: str | None) -> "Entry":
        """The same entry under another name, or under none."""
        annotations = dict(self.descriptor.annotations)
        if name is not None:
            annotations[REF_NAME] = name
        value = {k: v for k, v in self.value.items() if k != "annotations"}
        if annotations:
            value["annotations"] = annotations
        return replace(self, name=name, value=value)


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
            value = loads(
                data, limit=INDEX_LIMIT, values=INDEX_VALUES, what="index.json", floats=True
            )
            members = Members(value, "index.json", LAYOUT_MALFORMED)
            members.integer("schemaVersion", least=2, most=2)
            entries = tuple(
                Entry.from_json(child.values) for child in members.children("manifests")
            )
        except FormatError as error:
            raise LAYOUT_MALFORMED(f"index.json is malformed: {error}") from error
        others = {k: v for k, v in members.values.items() if k != "manifests"}
        return cls(entries=entries, others=others)

    def ordered(self) -> "LayoutIndex":
        """The same with its entries by name and digest: what comes back when it was written."""
        entries = sorted(self.entries, key=lambda e: (e.name or "", e.descriptor.digest))
        return replace(self, entries=tuple(entries))

    def to_bytes(self) -> bytes:
        """JSON, members by name, and the entries by name and digest.

        Raises:
            FormatError: `too-large`, for an index that no client would read.
        """
        values = [entry.value for entry in self.ordered().entries]
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
        return next((e.descriptor for e in self.entries if e.descriptor.digest == digest), None)

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
        if [e.descriptor.digest for e in before] == [descriptor.digest]:
            return self
        known = [e for e in self.entries if e.descriptor.digest == descriptor.digest]
        entry = (known[0] if known else _entry(descriptor)).named(name)
        dropped = {*drop, descriptor.digest}
        kept = [e for e in self.entries if e.name != name and (e.name or e not in known)]
        bare = [e.named(None) for e in before if e.descriptor.digest not in dropped]
        result = replace(self, entries=(*kept, entry))
        for old in bare:
            if not result.by_digest(old.descriptor.digest):
                result = replace(result, entries=(*result.entries, old))
        return result

    def without_name(self, name: str) -> "LayoutIndex":
        """An index in which nothing is named so; what was, stays."""
        named = [e for e in self.entries if e.name == name]
        result = replace(self, entries=tuple(e for e in self.entries if e.name != name))
        for entry in named:
            if not result.by_digest(entry.descriptor.digest):
                result = replace(result, entries=(*result.entries, entry.named(None)))
        return result

    def without(self, digest: str) -> "LayoutIndex":
        """An index that does not hold this manifest, under any name."""
        kept = tuple(e for e in self.entries if e.descriptor.digest != digest)
        return replace(self, entries=kept)


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
