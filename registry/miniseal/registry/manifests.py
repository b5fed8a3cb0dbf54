"""Manifests of a layout: how `index.json` and lists of referrers describe them."""

from dataclasses import replace

from miniseal.formats.errors import FormatError
from miniseal.formats.members import Members
from miniseal.formats.oci import (
    INDEX_TYPE,
    INDEX_TYPES,
    MANIFEST_LIMIT,
    MANIFEST_TYPE,
    MANIFEST_TYPES,
    MANIFEST_VALUES,
    OCI_MALFORMED,
    Descriptor,
    Index,
    Manifest,
)
from miniseal.formats.strictjson import loads
from miniseal.registry import referrers
from miniseal.registry.folder import LayoutFolder

__all__ = ["describe", "find"]


def describe(data: bytes, media_type: str) -> tuple[Descriptor, Descriptor | None]:
    """How a manifest or an index is listed, and its subject where it is a referrer.

    Raises:
        FormatError: `oci-malformed`, `json-malformed`, `digest-malformed`, `too-large`.
    """
    if media_type in INDEX_TYPES:
        index = Index.from_bytes(data, media_type)
        if index.subject and media_type == INDEX_TYPE:
            return referrers.describe(data, index), index.subject
        return Descriptor.of(data, media_type), None
    if media_type in MANIFEST_TYPES:
        manifest = Manifest.from_bytes(data, media_type)
        if manifest.subject and media_type == MANIFEST_TYPE:
            return referrers.describe(data, manifest), manifest.subject
        plain = Descriptor.of(data, media_type)
        return replace(plain, artifact_type=manifest.artifact_type), None
    raise OCI_MALFORMED(
        "not a kind of manifest", found=repr(media_type)[:100], expected=MANIFEST_TYPE
    )


def find(folder: LayoutFolder, digest: str) -> Descriptor | None:
    """The manifest or index among the blobs that has this digest; None if there is none.

    Raises:
        FormatError: `digest-malformed`.
        VerificationError: `digest-mismatch`.
        EnvironmentalError: `storage-failed`.
    """
    size = folder.size(digest)
    if size is None or size > MANIFEST_LIMIT:
        return None
    data = folder.read(Descriptor(media_type="", digest=digest, size=size), limit=MANIFEST_LIMIT)
    try:
        value = loads(
            data, limit=MANIFEST_LIMIT, values=MANIFEST_VALUES, what="manifest", floats=True
        )
        media_type = Members(value, "manifest", OCI_MALFORMED).string("mediaType")
        return describe(data, media_type)[0]
    except FormatError:
        return None
