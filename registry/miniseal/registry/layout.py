"""A store in an OCI image layout on disk: one folder is one repository.

Any number of processes may use one layout at once. Blobs are written without a lock, names are
changed under it, readers take none. What a writer was told is done, is on the disk; blobs within a
`LayoutStore.batch` are there before anything names them, and at its end. Other tools may read the
layout meanwhile; those that write (oras, regctl, skopeo) take no lock, so they may not.
"""

import threading
import time
from collections.abc import Callable, Generator, Iterable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext
from pathlib import Path
from types import TracebackType
from typing import Self

from miniseal.formats.digest import check_digest
from miniseal.formats.errors import EnvironmentalError
from miniseal.formats.oci import MANIFEST_LIMIT, MANIFEST_TYPE, MANIFEST_TYPES, Descriptor
from miniseal.registry.checked import checked
from miniseal.registry.files import Folder
from miniseal.registry.folder import LayoutFolder, Memory, create, is_missing, prepare
from miniseal.registry.index import LayoutIndex
from miniseal.registry.listing import list_anew, list_referrers, refer, remove_superseded, unlist
from miniseal.registry.lock import locked
from miniseal.registry.manifests import describe, find
from miniseal.registry.store import (
    CONTENT_MISSING,
    TAG_EXISTS,
    TAG_REFUSED,
    Content,
    check_tag,
    is_content_tag,
)

__all__ = ["LayoutStore"]


class LayoutStore:
    """The content of an OCI layout; satisfies `Store`.

    A folder that does not exist is `content-missing` to whoever reads, and is made by the first
    write. Besides what `Store` names, every method may raise `layout-malformed` and
    `storage-failed`, and those that write `layout-locked`.
    """

    def __init__(
        self,
        path: str | Path,
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
        self._path = str(Path(path).absolute())
        self._lock_seconds = lock_seconds
        self._clock = clock
        self._swept = False
        self._memory = Memory()
        self._kept: _Kept | None = None

    @contextmanager
    def batch(self) -> Generator[None]:
        """Keep the layout open for the block, for several threads that read and write much.

        What `put_stream` stores reaches the disk a group at a time: before a manifest or a tag
        does, and at the end of the block.

        Raises:
            EnvironmentalError: `storage-failed`.
        """
        if self._kept is not None:
            yield
            return
        with _Kept(self._path, self._memory) as kept:
            self._kept = kept
            try:
                yield
            finally:
                self._kept = None

    def resolve(self, name: str) -> Descriptor:
        """The manifest that a tag or a digest names.

        A digest that `index.json` does not list is looked for among the blobs, as referrers and the
        parts of an index are.

        Raises:
            FormatError: `digest-malformed`.
            EnvironmentalError: `content-missing`.
        """
        with self._reading() as folder:
            index = folder.index()
            if ":" in name:
                found = index.by_digest(check_digest(name)) or find(folder, name)
            else:
                found = index.find(name) if is_content_tag(name) else None
        if found is None:
            raise self._lacks(name)
        return found

    def read(self, descriptor: Descriptor, *, limit: int) -> bytes:
        """The content of a descriptor of at most `limit` bytes, its size and digest checked.

        Raises:
            FormatError: `too-large`, before anything is read.
            VerificationError: `digest-mismatch`.
            EnvironmentalError: `content-missing`.
        """
        with self._reading() as folder:
            return folder.read(descriptor, limit=limit)

    @contextmanager
    def stream(self, descriptor: Descriptor) -> Generator[Iterator[bytes]]:
        """The content of a descriptor in chunks, the last after size and digest were found right.

        Raises:
            VerificationError: `digest-mismatch`, also between chunks.
            EnvironmentalError: `content-missing`.
        """
        with self._reading() as folder, folder.stream(descriptor) as chunks:
            yield chunks

    def has(self, descriptor: Descriptor) -> bool:
        """Whether content of this digest and size is there; its bytes are not read."""
        try:
            with self._reading() as folder:
                return folder.size(descriptor.digest) == descriptor.size
        except EnvironmentalError as error:
            if not is_missing(error):
                raise
            return False

    def put(self, data: bytes, media_type: str) -> Descriptor:
        """Store a blob; damaged content in its place is replaced. `index.json` is not touched."""
        descriptor = Descriptor.of(data, media_type)
        self._store(descriptor, data)
        return descriptor

    def put_stream(self, descriptor: Descriptor, content: Content) -> None:
        """Store a blob of any size, as `put`; nothing of it is visible before all was checked.

        Raises:
            VerificationError: `digest-mismatch`.
        """
        with self._writing() as folder:
            if not folder.is_whole(descriptor):
                with content() as chunks:
                    folder.write_chunks(descriptor, checked(chunks, descriptor))

    def put_manifest(self, data: bytes, media_type: str = MANIFEST_TYPE) -> Descriptor:
        """Store a manifest or an index, and list it: under its subject, or without a name.

        Raises:
            FormatError: `oci-malformed`, `json-malformed`, `digest-malformed`, `too-large`.
            EnvironmentalError: `referrers-limit`.
        """
        descriptor, subject = describe(data, media_type)
        self._store(descriptor, data)
        with self._locked() as folder:
            index = folder.index()
            if subject is None:
                _write(folder, index, index.with_manifest(descriptor))
            else:
                refer(folder, index, subject, descriptor)
        return descriptor

    def referrers(self, subject: Descriptor) -> tuple[Descriptor, ...]:
        """The manifests and indexes whose subject has the digest of `subject`, by digest.

        Each is read and its subject compared; type and annotations are the manifest's own, not the
        list's. An entry whose manifest is missing, damaged or somebody else's is left out; a list
        that is itself missing or damaged is an error.

        Raises:
            EnvironmentalError: `referrers-limit`; `content-missing`, also where there is no layout.
        """
        with self._reading() as folder:
            return list_referrers(folder, subject.digest)

    def tag(self, name: str, descriptor: Descriptor, *, force: bool = False) -> None:
        """Let a tag name a manifest that is in the layout, whole.

        Raises:
            UsageError: `tag-exists`, `tag-refused`.
            VerificationError: `digest-mismatch`.
            EnvironmentalError: `content-missing`.
        """
        check_tag(name)
        if descriptor.media_type not in MANIFEST_TYPES:
            raise TAG_REFUSED(
                "only manifests can be tagged", found=repr(descriptor.media_type)[:100]
            )
        with self._locked() as folder:
            data = folder.read(descriptor, limit=MANIFEST_LIMIT)
            described, _ = describe(data, descriptor.media_type)
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
        with self._reading() as folder:
            return folder.index().tags()

    def repair(
        self, subject: Descriptor | None = None, known: Iterable[Descriptor] = ()
    ) -> tuple[Descriptor, ...]:
        """List the referrers of a manifest, or of all there are, anew, from what is there.

        Every small blob is read. Entries for what is missing or damaged are dropped, also where
        another tool wrote the list.

        Args:
            subject: None for all.
            known: what is there is found without.

        Returns:
            The referrers of `subject` that are listed now; nothing where it is None.

        Raises:
            EnvironmentalError: `referrers-limit`, `content-missing`.
        """
        del known
        with self._locked() as folder:
            list_anew(folder, None if subject is None else check_digest(subject.digest))
            return () if subject is None else list_referrers(folder, subject.digest)

    def delete(self, name: str) -> None:
        """Remove a tag alone, or a manifest by its digest, and its tags with it.

        A referrer is no longer listed. Blobs stay: another process may be about to name them.

        Raises:
            UsageError: `tag-refused`.
            EnvironmentalError: `content-missing`.
        """
        digest = check_digest(name) if ":" in name else None
        with self._locked() as folder:
            index = folder.index()
            if digest is None:
                if not index.under(check_tag(name)):
                    raise self._lacks(name)
                folder.write_index(index.without_name(name))
                return
            found = index.by_digest(digest) or find(folder, digest)
            if found is None:
                raise self._lacks(name)
            data = folder.read(found, limit=MANIFEST_LIMIT)
            _, subject = describe(data, found.media_type)
            after = index.without(digest)
            if subject is not None:
                after = unlist(folder, after, subject, digest)
            folder.write_index(after)
            remove_superseded(folder, index, after)
            folder.remove(digest)

    def _lacks(self, name: str) -> Exception:
        return CONTENT_MISSING(f"{self._path} does not have it", found=repr(name)[:160])

    def _store(self, descriptor: Descriptor, data: bytes) -> None:
        with self._writing() as folder:
            folder.write(descriptor, data)

    def _reading(self) -> AbstractContextManager[LayoutFolder]:
        """The layout for the block; `content-missing` if there is none."""
        if self._kept is not None:
            return nullcontext(self._kept.folder())
        return LayoutFolder.open(self._path, self._memory)

    @contextmanager
    def _writing(self) -> Generator[LayoutFolder]:
        """The layout for the block, which writes blobs; it is made first if there is none."""
        with ExitStack() as stack:
            try:
                folder = stack.enter_context(self._reading())
            except EnvironmentalError as error:
                if not is_missing(error):
                    raise
                prepare(self._path)
                with locked(self._path, seconds=self._lock_seconds), Folder(self._path) as root:
                    create(root)
                folder = stack.enter_context(self._reading())
            yield folder

    @contextmanager
    def _locked(self) -> Generator[LayoutFolder]:
        """The layout for the block, which changes names."""
        with self._reading() as folder, locked(self._path, seconds=self._lock_seconds):
            if not self._swept:
                folder.sweep(self._clock())
                self._swept = True
            yield folder


class _Kept:
    """A layout that is opened once, as soon as there is one; use it in a `with`."""

    def __init__(self, path: str, memory: Memory) -> None:
        self._path = path
        self._memory = memory
        self._lock = threading.Lock()
        self._stack = ExitStack()
        self._folder: LayoutFolder | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._stack.__exit__(kind, error, trace)

    def folder(self) -> LayoutFolder:
        with self._lock:
            if self._folder is None:
                opened = LayoutFolder.keep(self._path, self._memory)
                self._folder = self._stack.enter_context(opened)
            return self._folder


def _write(folder: LayoutFolder, before: LayoutIndex, after: LayoutIndex) -> None:
    if after is not before:
        folder.write_index(after)
