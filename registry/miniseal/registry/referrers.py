"""The referrers of a manifest, kept under the fallback tag (distribution-spec 1.1).

The referrers of `sha256:<hex>` are listed by an image index tagged `sha256-<hex>`. A list is a hint
and no more: whoever reads one reads each manifest again and compares its subject. So one entry that
cannot be read is left out of a listing, and stays where it is when the list is written again. Pure.
"""

from collections.abc import Iterable, Sequence
from dataclasses import replace

from miniseal.formats.digest import sha256
from miniseal.formats.errors import Code, EnvironmentalError, FormatError
from miniseal.formats.members import Members
from miniseal.formats.oci import (
    INDEX_TYPE,
    MANIFEST_LIMIT,
    MANIFEST_TYPE,
    MANIFEST_VALUES,
    OCI_MALFORMED,
    Descriptor,
    Index,
    Manifest,
)
from miniseal.formats.strictjson import canonical, loads, most_values

__all__ = [
    "MOST_BYTES",
    "MOST_REFERRERS",
    "REFERRERS_LIMIT",
    "REFERRER_TYPES",
    "add",
    "candidates",
    "check_bounds",
    "compose",
    "describe",
    "fallback_tag",
    "is_fallback_tag",
    "read",
    "weight",
]

REFERRER_TYPES = frozenset({MANIFEST_TYPE, INDEX_TYPE})
MOST_REFERRERS = 10_000
MOST_BYTES = 64 * 1024 * 1024
"""The manifests that one listing reads, in all, as `weight` counts them."""

REFERRERS_LIMIT = Code(
    "referrers-limit",
    EnvironmentalError,
    meaning="a manifest has more referrers than a store lists",
    cause="somebody floods the repository, or a job attaches without end",
    remedy="remove referrers that are not needed, and see who may write to the repository",
)

_PREFIX = "sha256-"
_VALUE = 64
_HEX = frozenset("0123456789abcdef")


def fallback_tag(digest: str) -> str:
    """The tag under which the referrers of `digest` are listed."""
    return digest.replace(":", "-", 1)


def is_fallback_tag(name: str) -> bool:
    """Whether `name` is kept for referrers: `sha256-` and 64 hex digits."""
    text = name.removeprefix(_PREFIX)
    return name.startswith(_PREFIX) and len(text) == 64 and _HEX.issuperset(text)


def describe(data: bytes, document: Manifest | Index) -> Descriptor:
    """The descriptor that lists `document`, whose bytes are `data`, as a referrer.

    Artifact type and annotations are its own (distribution-spec, "Listing Referrers").
    """
    if isinstance(document, Index):
        media_type, artifact_type = INDEX_TYPE, document.artifact_type
    else:
        media_type = MANIFEST_TYPE
        artifact_type = document.artifact_type or document.config.media_type
    return Descriptor(
        media_type=media_type,
        digest=sha256(data),
        size=len(data),
        artifact_type=artifact_type,
        annotations=document.annotations,
    )


def read(data: bytes) -> tuple[Descriptor, str] | None:
    """How a manifest or an index is listed as a referrer, and its subject's digest.

    None where it is neither, or has no subject.
    """
    for kind in (Manifest, Index):
        try:
            document = kind.from_bytes(data)
        except FormatError:
            continue
        subject = document.subject
        return None if subject is None else (describe(data, document), subject.digest)
    return None


def candidates(data: bytes) -> tuple[Descriptor, ...]:
    """The manifests and indexes that a list names; entries that are no descriptors are left out.

    Without what the list says about them: that is not believed, and may be long.

    Raises:
        FormatError: `oci-malformed`, `json-malformed`, `too-large`, for the list itself.
        EnvironmentalError: `referrers-limit`.
    """
    found: list[Descriptor] = []
    for item in _items(data):
        try:
            descriptor = Descriptor.from_json(item)
        except FormatError:
            continue
        if descriptor.media_type in REFERRER_TYPES:
            found.append(replace(descriptor, artifact_type=None, annotations={}))
    return tuple(found)


def add(lists: Sequence[bytes], *referrers: Descriptor) -> bytes | None:
    """One list of what is in `lists` (often one, or none yet) and of `referrers`.

    None if there is one list, and all of them are in it: nothing is to be written.

    Raises:
        FormatError: as `candidates`.
        EnvironmentalError: `referrers-limit`, rather than a list that nobody would read.
    """
    items: dict[str, object] = {_key(item): item for data in lists for item in _items(data)}
    if len(lists) == 1 and all(each.digest in items for each in referrers):
        return None
    for each in referrers:
        items.setdefault(each.digest, each.to_json())
    return _written(items)


def compose(referrers: Iterable[Descriptor]) -> bytes:
    """The list of these referrers and of nothing else.

    Raises:
        EnvironmentalError: `referrers-limit`.
    """
    return _written({each.digest: each.to_json() for each in referrers})


def check_bounds(count: int, size: int) -> None:
    """Refuse to list `count` referrers whose manifests have `size` bytes in all, if too many.

    Raises:
        EnvironmentalError: `referrers-limit`.
    """
    if count > MOST_REFERRERS or size > MOST_BYTES:
        raise REFERRERS_LIMIT(
            "too many referrers",
            found=f"{count} of {size} bytes",
            expected=f"at most {MOST_REFERRERS} of {MOST_BYTES} bytes",
        )


def weight(data: bytes) -> int:
    """What a manifest that is read counts among `MOST_BYTES`: about the memory that it takes."""
    return len(data) + _VALUE * most_values(data)


def _written(items: dict[str, object]) -> bytes:
    """A list of these entries, by digest."""
    data = canonical(
        {
            "schemaVersion": 2,
            "mediaType": INDEX_TYPE,
            "manifests": [items[k] for k in sorted(items)],
        }
    )
    check_bounds(len(items), 0)
    if len(data) > MANIFEST_LIMIT or most_values(data) > MANIFEST_VALUES:
        raise REFERRERS_LIMIT(
            "list of referrers is full",
            found=f"{len(data)} bytes, about {most_values(data)} values",
            expected=f"at most {MANIFEST_LIMIT} bytes, {MANIFEST_VALUES} values",
        )
    return data


def _items(data: bytes) -> list[object]:
    value = loads(
        data, limit=MANIFEST_LIMIT, values=MANIFEST_VALUES, what="list of referrers", floats=True
    )
    members = Members(value, "list of referrers", OCI_MALFORMED)
    if members.optional_string("mediaType") not in {None, INDEX_TYPE}:
        raise OCI_MALFORMED("list of referrers is not an OCI index")
    items = members.items("manifests")
    check_bounds(len(items), 0)
    return list(items)


def _key(item: object) -> str:
    try:
        return Members(item, "descriptor", OCI_MALFORMED).string("digest")
    except FormatError:
        return canonical(item).decode()
