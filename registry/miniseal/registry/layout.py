"""A store in an OCI image layout on disk: one folder is one repository.

Any number of processes may use one layout at once. Blobs are written without a lock, names are
changed under it, readers take none. What a writer was told is done, is on the disk. Other tools may
read the layout meanwhile; those that write (oras, regctl, skopeo) take no lock, so they may not.
"""

import time
from collections.abc import Callable, Generator
from contextlib import contextmanager
from dataclasses import replace

from miniseal.formats.digest import check_digest
from miniseal.formats.errors import (
    EnvironmentalError,
    FormatError,
    MinisealError,
    VerificationError,
)
from miniseal.formats.members import Members
from miniseal.formats.oci import (
    INDEX_TYPE,
    MANIFEST_LIMIT,
    MANIFEST_TYPE,
    OCI_MALFORMED,
    Descriptor,
    Index,
    Manifest,
)
from miniseal.formats.strictjson import loads
from miniseal.registry import referrers
from miniseal.registry.folder import LayoutFolder, create, prepare
from miniseal.registry.index import LayoutIndex
from miniseal.registry.lock import LAYOUT_LOCKED, locked
from miniseal.registry.store import (
    CONTENT_MISSING,
    TAG_EXISTS,
    TAG_REFUSED,
    check_tag,
    is_content_tag,
)

__all__ = ["LayoutStore"]

_MANIFEST_TYPES = frozenset({MANIFEST_TYPE, INDEX_TYPE})
_REREADS = 100


class LayoutStore:
    """The content of an OCI layout; satisfies `Store`.

    A folder that does not exist is `content-missing` to whoever reads, and is made by the first
    write. Besides what `Store` names, every method may raise `layout-malformed` and
    `storage-failed`, and those that write `layout-locked`.
    """

    def __init__(
        self,
        path: str,
        *,
        lock_seconds: float = 60.0,
        clock: Callable[[], float] = time.time,
    ) -> None:
        """Name a layout; nothing is opened yet.

        Args:
            path: its folder.
            lock_seconds: how long a write waits for another process.
            clock: seconds since 1970; tells which temporary files are stray.
        """
        self._path = path
        self._lock_seconds = lock_seconds
        self._clock = clock
        self._swept = False

    def resolve(self, name: str) -> Descriptor:
        """The manifest that a tag or a digest names.

        A digest that `index.json` does not list is looked for among the blobs, as referrers and the
        parts of an index are.

        Raises:
            FormatError: `digest-malformed`.
            EnvironmentalError: `content-missing`.
        """
        with LayoutFolder.open(self._path) as folder:
            index = folder.index()
            if ":" in name:
                found = index.by_digest(check_digest(name)) or _manifest(folder, name)
            else:
                found = index.find(name) if is_content_tag(name) else None
        if found is None:
            raise CONTENT_MISSING(f"{self._path} does not have it", found=repr(name)[:160])
        return found

    def read(self, descriptor: Descriptor, *, limit: int) -> bytes:
        """The content of a descriptor of at most `limit` bytes, its size and digest checked.

        Raises:
            FormatError: `too-large`, before anything is read.
            VerificationError: `digest-mismatch`.
            EnvironmentalError: `content-missing`.
        """
        with LayoutFolder.open(self._path) as folder:
            return folder.read(descriptor, limit=limit)

    def has(self, descriptor: Descriptor) -> bool:
        """Whether content of this digest and size is there; its bytes are not read."""
        try:
            with LayoutFolder.open(self._path) as folder:
                return folder.size(descriptor.digest) == descriptor.size
        except EnvironmentalError as error:
            _unless_missing(error)
            return False

    def put(self, data: bytes, media_type: str) -> Descriptor:
        """Store a blob; damaged content in its place is replaced. `index.json` is not touched."""
        descriptor = Descriptor.of(data, media_type)
        self._store(descriptor, data)
        return descriptor

    def put_manifest(self, data: bytes, media_type: str = MANIFEST_TYPE) -> Descriptor:
        """Store a manifest or an index, and list it: under its subject, or without a name.

        Raises:
            FormatError: `oci-malformed`, `json-malformed`, `digest-malformed`, `too-large`.
            EnvironmentalError: `referrers-limit`.
        """
        descriptor, subject = _describe(data, media_type)
        self._store(descriptor, data)
        with self._locked() as folder:
            index = folder.index()
            if subject is None:
                _write(folder, index, index.with_manifest(descriptor))
            else:
                _refer(folder, index, subject, descriptor)
        return descriptor

    def referrers(self, subject: Descriptor) -> tuple[Descriptor, ...]:
        """The image manifests whose subject has the digest of `subject`, by digest.

        Each is read and its subject compared; type and annotations are the manifest's own, not the
        list's. An entry whose manifest is missing, damaged or somebody else's is left out; a list
        that is itself missing or damaged is an error.

        Raises:
            EnvironmentalError: `referrers-limit`; `content-missing`, also where there is no layout.
        """
        with LayoutFolder.open(self._path) as folder:
            index, lists = _lists(folder, subject.digest)
            listed = {d.digest: d for data in lists for d in referrers.candidates(data)}
            # oras lists referrers in index.json itself, as it lists every other manifest
            others = {
                e.descriptor.digest: e.descriptor
                for e in index.entries
                if e.descriptor.media_type == MANIFEST_TYPE
            }
            all_of_them = {**others, **listed}
            referrers.check_bounds(len(listed), sum(d.size for d in all_of_them.values()))
            found = [_referrer(folder, d, subject.digest) for d in all_of_them.values()]
        result = sorted((d for d in found if d), key=lambda d: d.digest)
        referrers.check_bounds(len(result), 0)
        return tuple(result)

    def tag(self, name: str, descriptor: Descriptor, *, force: bool = False) -> None:
        """Let a tag name a manifest that is in the layout, whole.

        Raises:
            UsageError: `tag-exists`, `tag-refused`.
            VerificationError: `digest-mismatch`.
            EnvironmentalError: `content-missing`.
        """
        check_tag(name)
        if descriptor.media_type not in _MANIFEST_TYPES:
            raise TAG_REFUSED("only manifests can be tagged", found=descriptor.media_type[:100])
        with self._locked() as folder:
            data = folder.read(descriptor, limit=MANIFEST_LIMIT)
            described, _ = _describe(data, descriptor.media_type)
            index = folder.index()
            before = index.find(name)
            if before and before.digest != descriptor.digest and not force:
                raise TAG_EXISTS(
                    f"tag {name} names other content",
                    found=before.digest,
                    expected=descriptor.digest,
                )
            _write(folder, index, index.with_name(name, described))

    def tags(self) -> dict[str, Descriptor]:
        """Every tag and what it names, by name; names that are no tags are left out.

        Raises:
            EnvironmentalError: `content-missing`, there is no layout.
        """
        with LayoutFolder.open(self._path) as folder:
            return folder.index().tags()

    def _store(self, descriptor: Descriptor, data: bytes) -> None:
        try:
            with LayoutFolder.open(self._path) as folder:
                folder.write(descriptor, data)
        except EnvironmentalError as error:
            _unless_missing(error)
            prepare(self._path)
            with locked(self._path, seconds=self._lock_seconds):
                create(self._path)
            with LayoutFolder.open(self._path) as folder:
                folder.write(descriptor, data)

    @contextmanager
    def _locked(self) -> Generator[LayoutFolder]:
        with (
            LayoutFolder.open(self._path) as folder,
            locked(self._path, seconds=self._lock_seconds),
        ):
            if not self._swept:
                folder.sweep(self._clock())
                self._swept = True
            yield folder


def _describe(data: bytes, media_type: str) -> tuple[Descriptor, Descriptor | None]:
    """How a manifest is listed, and its subject."""
    if media_type == MANIFEST_TYPE:
        manifest = Manifest.from_bytes(data)
        if manifest.subject:
            return referrers.describe(data, manifest), manifest.subject
        plain = Descriptor.of(data, media_type)
        return replace(plain, artifact_type=manifest.artifact_type), None
    if media_type == INDEX_TYPE:
        Index.from_bytes(data)
        return Descriptor.of(data, media_type), None
    raise OCI_MALFORMED("not a kind of manifest", found=media_type[:100], expected=MANIFEST_TYPE)


def _manifest(folder: LayoutFolder, digest: str) -> Descriptor | None:
    """The manifest among the blobs that has this digest, if there is one."""
    size = folder.size(digest)
    if size is None or size > MANIFEST_LIMIT:
        return None
    data = folder.read(Descriptor(media_type="", digest=digest, size=size), limit=MANIFEST_LIMIT)
    try:
        value = loads(data, limit=MANIFEST_LIMIT, what="manifest", floats=True)
        media_type = Members(value, "manifest", OCI_MALFORMED).string("mediaType")
        return _describe(data, media_type)[0]
    except FormatError:
        return None


def _lists(folder: LayoutFolder, subject: str) -> tuple[LayoutIndex, list[bytes]]:
    """`index.json`, and the lists of referrers that it names for the digest `subject`."""
    index = folder.index()
    for _ in range(_REREADS):
        names = referrers.fallback_tag(subject)
        # cosign copy puts the subject itself under this name: not a list, so no referrers in it
        found = [d for d in index.under(names) if d.media_type == INDEX_TYPE]
        try:
            return index, [folder.read(d, limit=MANIFEST_LIMIT) for d in found]
        except EnvironmentalError as error:
            _unless_missing(error)
            # a writer may have replaced the list since index.json was read
            before, index = index, folder.index()
            if index == before:
                raise
    raise LAYOUT_LOCKED("a list of referrers changes faster than it can be read")


def _referrer(folder: LayoutFolder, candidate: Descriptor, subject: str) -> Descriptor | None:
    """The referrer as its own manifest describes it, or None if it is not one of `subject`."""
    try:
        data = folder.read(candidate, limit=MANIFEST_LIMIT)
        # cheaper than parsing every manifest of a large layout
        manifest = Manifest.from_bytes(data) if subject.encode() in data else None
    except (FormatError, VerificationError):
        return None
    except EnvironmentalError as error:
        _unless_missing(error)
        return None
    if manifest is None or manifest.subject is None or manifest.subject.digest != subject:
        return None
    return referrers.describe(data, manifest)


def _refer(
    folder: LayoutFolder, index: LayoutIndex, subject: Descriptor, referrer: Descriptor
) -> None:
    """List a referrer under its subject; the lock is held."""
    name = referrers.fallback_tag(subject.digest)
    old = [d for d in index.under(name) if d.media_type == INDEX_TYPE]
    changed = referrers.add([folder.read(d, limit=MANIFEST_LIMIT) for d in old], referrer)
    if changed is None:
        return
    new = Descriptor.of(changed, INDEX_TYPE)
    folder.write(new, changed)
    after = index.with_name(name, new, drop=[d.digest for d in old])
    _write(folder, index, after)
    for descriptor in old:
        # superseded lists would soon outweigh the content
        if not after.by_digest(descriptor.digest):
            folder.remove(descriptor.digest)


def _write(folder: LayoutFolder, before: LayoutIndex, after: LayoutIndex) -> None:
    if after is not before:
        folder.write_index(after)


def _unless_missing(error: MinisealError) -> None:
    """Let every error but `content-missing` go on."""
    if error.code != CONTENT_MISSING.name:
        raise error
