"""A base image in a tar file: which image it is, before anything else looks at it.

Reads an OCI image layout in an uncompressed tar, as skopeo, crane, buildah and docker write it:
`index.json`, an index that it may name, and manifests and configs of a few kilobytes. Whatever is
read has the digest by which it was named. Nothing is unpacked.

Another reader may take another image from the same tar, by a name that it writes otherwise or a
platform that the index claims. So what is handed on is a copy that holds this one alone.
"""

import hashlib
import io
import json
import platform as machine
import tarfile
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from miniseal.formats.digest import DIGEST_MISMATCH, check_content
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
_MANIFEST_TYPE = "application/vnd.oci.image.manifest.v1+json"
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
        with _documents(path) as documents:
            return _archive(documents, path, platform)

    @classmethod
    def copy(cls, path: Path, platform: str, target: Path) -> "Archive":
        """Find the image of this platform, and write a layout with nothing else to `target`.

        Raises:
            FormatError: `base-image-malformed`.
            VerificationError: `digest-mismatch`.
            OSError: the file cannot be read, or `target` not be written.
        """
        with _documents(path) as documents, tarfile.open(target, "w") as out:
            found = _archive(documents, path, platform)
            descriptor = documents.descriptors[found.digest]
            manifest = documents.blob(descriptor)
            plain = {"mediaType": _MANIFEST_TYPE, **_descriptor(descriptor)}
            if (stated := manifest.values.get("mediaType")) is not None:
                plain["mediaType"] = stated
            _add(out, "oci-layout", {"imageLayoutVersion": "1.0.0"})
            _add(out, "index.json", {"schemaVersion": 2, "manifests": [plain]})
            parts = [descriptor, manifest.child("config"), *manifest.children("layers")]
            for part in {each.digest("digest"): each for each in parts}.values():
                documents.copy(part, out)
        return found


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


@contextmanager
def _documents(path: Path) -> "Generator[_Documents]":
    try:
        with tarfile.open(path, "r:") as file:
            yield _Documents(file)
    except tarfile.TarError as error:
        raise BASE_IMAGE_MALFORMED(
            f"{path.name} is not an uncompressed tar", found=str(error)
        ) from error


def _archive(documents: "_Documents", path: Path, platform: str) -> Archive:
    found: dict[str, frozenset[str]] = {}
    for digest, names in _images(documents, documents.index(), platform, frozenset(), 0):
        found[digest] = found.get(digest, frozenset({digest})) | names
    if len(found) != 1:
        raise BASE_IMAGE_MALFORMED(
            f"{path.name} has no single image for {platform}", found=f"{len(found)} images"
        )
    ((digest, names),) = found.items()
    return Archive(digest=digest, names=names)


def _descriptor(members: Members) -> dict[str, object]:
    return {"digest": members.digest("digest"), "size": members.integer("size")}


def _add(out: tarfile.TarFile, name: str, value: object) -> None:
    data = json.dumps(value).encode()
    member = tarfile.TarInfo(name)
    member.size = len(data)
    out.addfile(member, io.BytesIO(data))


class _Documents:
    """The files of a layout in a tar, by their names.

    Attributes:
        descriptors: of the images that were looked at, by digest.
    """

    def __init__(self, file: tarfile.TarFile) -> None:
        self.descriptors: dict[str, Members] = {}
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

    def copy(self, descriptor: Members, out: tarfile.TarFile) -> None:
        """Add what a descriptor names to another tar, checked, whatever its size."""
        digest, size = descriptor.digest("digest"), descriptor.integer("size")
        name = f"blobs/{digest.replace(':', '/')}"
        held = self._members.get(name)
        file = self._file.extractfile(held) if held is not None and held.isreg() else None
        if held is None or file is None or held.size != size:
            raise BASE_IMAGE_MALFORMED(f"the archive has no file of {size} bytes as {name}")
        hashing = _Hashing(file)
        member = tarfile.TarInfo(name)
        member.size = size
        out.addfile(member, hashing)
        if hashing.digest != digest:
            raise DIGEST_MISMATCH(
                f"{descriptor.what} is something else", found=hashing.digest, expected=digest
            )

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


class _Hashing(io.RawIOBase):
    """A file that is hashed while it is read."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        self._hash = hashlib.sha256()

    @property
    def digest(self) -> str:
        return f"sha256:{self._hash.hexdigest()}"

    def read(self, size: int = -1, /) -> bytes:
        data = self._file.read(size)
        self._hash.update(data)
        return data


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
            documents.descriptors[digest] = descriptor
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
