"""A base image in a tar file: which image it is, before anything else looks at it.

Reads an OCI image layout in an uncompressed tar, as skopeo, crane, buildah and docker write it:
`index.json`, an index that it may name, and manifests and configs of a few kilobytes. Whatever is
read has the digest by which it was named; layers are not read. Nothing is unpacked.
"""

import platform as machine
import tarfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from miniseal.formats.digest import check_content
from miniseal.formats.errors import Code, FormatError
from miniseal.formats.members import Members
from miniseal.formats.reference import REFERENCE_MALFORMED, Reference
from miniseal.formats.strictjson import loads
from miniseal.packager.lock import OCI_ARCHIVE, BaseImage

__all__ = ["BASE_IMAGE_MALFORMED", "Archive", "named", "platform"]

BASE_IMAGE_MALFORMED = Code(
    "base-image-malformed",
    FormatError,
    meaning="a file is not an OCI archive with one image for this platform",
    cause="an archive of `docker save`, a compressed tar, an image of another platform, or a "
    "damaged file",
    remedy="write it with `skopeo copy docker://IMAGE oci-archive:FILE`, or another OCI client",
)

_MEMBERS_LIMIT = 10_000
_DOCUMENT_LIMIT = 4 * 1024 * 1024
_DEPTH_LIMIT = 2
_INDEX_TYPES = frozenset(
    {
        "application/vnd.oci.image.index.v1+json",
        "application/vnd.docker.distribution.manifest.list.v2+json",
    }
)
_ARCHITECTURES = {
    "x86_64": "amd64",
    "AMD64": "amd64",
    "aarch64": "arm64",
    "armv7l": "arm/v7",
    "i686": "386",
}


def platform() -> str:
    """This machine's platform for containers, as OCI writes it."""
    name = machine.machine()
    return f"linux/{_ARCHITECTURES.get(name, name)}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Archive:
    """The image of one platform in an archive.

    Attributes:
        digest: of its manifest.
        names: every digest by which a registry could name it: the manifest's, and the index's that
            lists it.
    """

    digest: str
    names: frozenset[str]

    @classmethod
    def read(cls, path: Path, platform: str) -> "Archive":
        """Find the image of this platform.

        Raises:
            FormatError: `base-image-malformed`.
            VerificationError: `digest-mismatch`.
            OSError: the file cannot be read.
        """
        try:
            with tarfile.open(path, "r:") as file:
                documents = _Documents(file)
                found = set(_images(documents, documents.index(), platform, frozenset(), 0))
        except tarfile.TarError as error:
            raise BASE_IMAGE_MALFORMED(
                f"{path.name} is not an uncompressed tar", found=str(error)
            ) from error
        if len(found) != 1:
            raise BASE_IMAGE_MALFORMED(
                f"{path.name} has no single image for {platform}", found=f"{len(found)} images"
            )
        digest, names = found.pop()
        return cls(digest=digest, names=names | {digest})


def named(text: str, platform: str) -> BaseImage:
    """The base image that a person names: `HOST/NAME@sha256:...`, or `oci-archive:FILE`.

    Raises:
        UsageError: `reference-malformed`.
        FormatError: `base-image-malformed`.
        VerificationError: `digest-mismatch`.
        OSError: the file cannot be read.
    """
    reference = Reference.parse(text)
    if reference.transport == "oci-archive":
        digest = Archive.read(Path(reference.location), platform).digest
        return BaseImage(name=OCI_ARCHIVE, digest=digest, platform=platform)
    if reference.transport != "registry" or reference.digest is None:
        raise REFERENCE_MALFORMED(
            "a base image is named by its digest",
            found=text[:200],
            expected="HOST/NAME@sha256:..., or oci-archive:FILE",
        )
    return BaseImage(name=reference.location, digest=reference.digest, platform=platform)


class _Documents:
    """The small files of a layout in a tar, by their names."""

    def __init__(self, file: tarfile.TarFile) -> None:
        self._file = file
        self._members: dict[str, tarfile.TarInfo] = {}
        for member in file:
            name = member.name.removeprefix("./")
            if name in self._members:  # readers differ in which of the two they take
                raise BASE_IMAGE_MALFORMED(f"the archive has {name[:200]!r} twice")
            if len(self._members) == _MEMBERS_LIMIT:
                raise BASE_IMAGE_MALFORMED("the archive has too many files")
            self._members[name] = member
        self._read("oci-layout")  # without it, readers take the archive for Docker's

    def index(self) -> Members:
        """`index.json`."""
        return self._parse(self._read("index.json"), "index.json")

    def blob(self, descriptor: Members) -> Members:
        """What a descriptor names, checked."""
        digest = descriptor.digest("digest")
        data = self._read(f"blobs/{digest.replace(':', '/')}")
        size = descriptor.integer("size")
        return self._parse(check_content(data, digest, size, descriptor.what), digest)

    def _read(self, name: str) -> bytes:
        member = self._members.get(name)
        if member is None or not member.isreg() or member.size > _DOCUMENT_LIMIT:
            what = "lacks" if member is None else "has no small file as"
            raise BASE_IMAGE_MALFORMED(f"the archive {what} {name}")
        file = self._file.extractfile(member)
        return file.read() if file else b""

    @staticmethod
    def _parse(data: bytes, what: str) -> Members:
        try:
            value = loads(data, limit=_DOCUMENT_LIMIT, what=what)
        except FormatError as error:
            raise BASE_IMAGE_MALFORMED(f"{what} is not JSON", found=error.message) from error
        return Members(value, what, BASE_IMAGE_MALFORMED)


def _images(
    documents: _Documents, index: Members, platform: str, names: frozenset[str], depth: int
) -> Iterator[tuple[str, frozenset[str]]]:
    """The manifests for a platform in an index and those it names, with the indexes on the way."""
    for descriptor in index.children("manifests"):
        digest = descriptor.digest("digest")
        if descriptor.values.get("mediaType") in _INDEX_TYPES:
            if depth == _DEPTH_LIMIT:
                raise BASE_IMAGE_MALFORMED("the archive's indexes are nested too deeply")
            inner = documents.blob(descriptor)
            yield from _images(documents, inner, platform, names | {digest}, depth + 1)
        elif _platform_of(documents, descriptor) == platform:
            yield digest, names


def _platform_of(documents: _Documents, descriptor: Members) -> str | None:
    """The config's platform, which is what runs; None where this is no image."""
    manifest = documents.blob(descriptor)
    if "config" not in manifest:
        return None
    config = documents.blob(manifest.child("config")).values
    parts = [config.get("os"), config.get("architecture")]
    if not all(isinstance(part, str) for part in parts):
        return None
    variant = config.get("variant")
    known = isinstance(variant, str) and parts[1] == "arm"  # arm64 has one that matters
    return "/".join(map(str, [*parts, variant] if known else parts))
