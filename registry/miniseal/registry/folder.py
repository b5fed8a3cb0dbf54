"""An OCI image layout's folder: `oci-layout`, `index.json` and `blobs/` (image-layout.md 1.0.0).

How the bytes lie on the disk, and nothing of what they mean. Whoever changes `index.json` holds the
lock.
"""

import os
import re
from collections.abc import Generator, Iterable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from typing import BinaryIO, Protocol, Self

from miniseal.formats.digest import DIGEST_MISMATCH, check_content, check_digest
from miniseal.formats.errors import FormatError, MinisealError
from miniseal.formats.members import Members
from miniseal.formats.oci import Descriptor
from miniseal.formats.strictjson import TOO_LARGE, canonical, loads
from miniseal.registry.checked import CHUNK, checked
from miniseal.registry.files import LAYOUT_MALFORMED, TEMPORARY, Folder, storage
from miniseal.registry.index import INDEX_LIMIT, LayoutIndex
from miniseal.registry.kept import Kept
from miniseal.registry.lock import LOCK
from miniseal.registry.store import CONTENT_MISSING

__all__ = ["LayoutFolder", "Memory", "Place", "create", "is_missing", "prepare"]

_VERSION = "1.0.0"
_MARK = "oci-layout"
_INDEX = "index.json"
_MARK_LIMIT = 4096
_STRAY_AFTER = 3600.0
_HEX = re.compile(r"[0-9a-f]{64}")


class Memory:
    """What somebody who opens a layout again and again need not read again.

    Attributes:
        index: `index.json` as it was read or written last: the bytes, and what they say.
        plain: digests of manifests that were read, and have no subject.
    """

    __slots__ = ("index", "plain")

    def __init__(self) -> None:
        """Know nothing."""
        self.index: tuple[bytes, LayoutIndex] | None = None
        self.plain: set[str] = set()


class Place(Protocol):
    """What holds a layout's files: a `Folder`, or what is used like one.

    Attributes:
        path: how errors call it.
    """

    @property
    def path(self) -> str: ...  # noqa: D102 - said above

    def child(self, name: str, *, create: bool = False) -> AbstractContextManager[Self]:
        """A folder inside, made first if it is not there and `create` says so."""
        ...

    def file(self, name: str) -> AbstractContextManager[tuple[BinaryIO, int]]:
        """Open a file for reading; gives it and its size. `FileNotFoundError` if there is none."""
        ...

    def size(self, name: str) -> int:
        """The size of a file in bytes. `FileNotFoundError` if there is none."""
        ...

    def write(self, name: str, data: bytes) -> None:
        """Put a file there, whole or not at all, after all that was written in chunks."""
        ...

    def write_chunks(self, name: str, chunks: Iterable[bytes]) -> None:
        """Put a file there, in chunks; what they raise leaves nothing behind.

        It may wait to be there for others until another file is written whole.
        """
        ...

    def remove(self, name: str) -> None:
        """Remove a file, if it is there."""
        ...

    def names(self) -> list[str]:
        """The names of what is inside."""
        ...

    def sweep(self, before: float) -> None:
        """Remove what was left behind before a time, in seconds since 1970."""
        ...


class LayoutFolder:
    """An open layout of a version that is understood.

    Attributes:
        memory: of whoever opened it.
    """

    __slots__ = ("_root", "memory")

    def __init__(self, root: Place, memory: Memory | None = None) -> None:
        """Check the layout in `root`.

        Raises:
            FormatError: `layout-malformed`.
            EnvironmentalError: `content-missing`, there is no layout.
        """
        self._root = root
        self.memory = memory or Memory()
        try:
            mark = _read(root, _MARK, _MARK_LIMIT)
        except FileNotFoundError as error:
            raise CONTENT_MISSING(f"no OCI layout in {root.path}") from error
        try:
            value = loads(mark, limit=_MARK_LIMIT, what=_MARK)
        except FormatError as error:
            raise LAYOUT_MALFORMED(f"{_MARK} in {root.path} is malformed: {error}") from error
        found = Members(value, _MARK, LAYOUT_MALFORMED).string("imageLayoutVersion")
        if found != _VERSION:
            raise LAYOUT_MALFORMED(
                f"{root.path} is a layout of another version",
                found=repr(found)[:60],
                expected=_VERSION,
            )

    @classmethod
    @contextmanager
    def open(cls, path: str, memory: Memory | None = None) -> "Generator[LayoutFolder]":
        """Open the layout in the folder `path` for the block.

        Raises:
            FormatError: `layout-malformed`.
            EnvironmentalError: `content-missing`, `storage-failed`.
        """
        with ExitStack() as stack:
            try:
                root = stack.enter_context(Folder(path))
            except FileNotFoundError as error:
                raise CONTENT_MISSING(f"no OCI layout in {path}") from error
            yield cls(root, memory)

    @classmethod
    @contextmanager
    def keep(cls, path: str, memory: Memory) -> "Generator[LayoutFolder]":
        """As `open`, for several threads: what is written in chunks may wait to be on the disk.

        Raises:
            FormatError, EnvironmentalError: as `open`; `storage-failed` also at the end.
        """
        with ExitStack() as stack:
            try:
                root = stack.enter_context(Kept.open(path))
            except FileNotFoundError as error:
                raise CONTENT_MISSING(f"no OCI layout in {path}") from error
            yield cls(root, memory)

    def index(self) -> LayoutIndex:
        """Read `index.json`; the same bytes are not taken apart twice.

        Raises:
            FormatError: `layout-malformed`.
            EnvironmentalError: `storage-failed`.
        """
        try:
            data = _read(self._root, _INDEX, INDEX_LIMIT)
        except FileNotFoundError as error:
            raise LAYOUT_MALFORMED(f"{self._root.path} lacks {_INDEX}") from error
        known = self.memory.index
        if known is None or known[0] != data:
            known = self.memory.index = (data, LayoutIndex.from_bytes(data))
        return known[1]

    def write_index(self, index: LayoutIndex) -> None:
        """Replace `index.json`; the lock is held.

        Raises:
            FormatError: `too-large`.
            EnvironmentalError: `storage-failed`.
        """
        written = index.ordered()
        data = written.as_it_is()
        self._root.write(_INDEX, data)
        self.memory.index = (data, written)

    def size(self, digest: str) -> int | None:
        """The size of a blob in bytes, or None where there is none that could be read.

        Raises:
            FormatError: `digest-malformed`.
            EnvironmentalError: `storage-failed`.
        """
        name = _name(digest)
        try:
            with self._blobs() as blobs:
                return blobs.size(name)
        except (FileNotFoundError, FormatError):
            return None

    def read(self, descriptor: Descriptor, *, limit: int) -> bytes:
        """The content of a descriptor, its size and digest checked.

        Raises:
            FormatError: `too-large`, `layout-malformed`, `digest-malformed`.
            VerificationError: `digest-mismatch`.
            EnvironmentalError: `content-missing`, `storage-failed`.
        """
        name, what = _name(descriptor.digest), f"blob {descriptor.digest}"
        if descriptor.size > limit:
            raise TOO_LARGE(
                f"{what} is too large",
                found=f"{descriptor.size} bytes",
                expected=f"at most {limit}",
            )
        try:
            with self._blobs() as blobs, blobs.file(name) as (file, size):
                if size != descriptor.size:
                    raise DIGEST_MISMATCH(
                        f"{what} has the wrong size",
                        found=f"{size} bytes",
                        expected=f"{descriptor.size} bytes",
                    )
                data = file.read(size + 1)  # one more shows a file that grew
        except FileNotFoundError as error:
            raise CONTENT_MISSING(f"{self._root.path} lacks {what}") from error
        return check_content(data, descriptor.digest, descriptor.size, what)

    @contextmanager
    def stream(self, descriptor: Descriptor) -> Generator[Iterator[bytes]]:
        """The content of a descriptor in chunks, the last after size and digest were checked.

        Raises:
            FormatError: `layout-malformed`, `digest-malformed`.
            VerificationError: `digest-mismatch`.
            EnvironmentalError: `content-missing`, `storage-failed`.
        """
        name = _name(descriptor.digest)
        with self._blobs() as blobs, ExitStack() as stack:
            try:
                file, _ = stack.enter_context(blobs.file(name))
            except FileNotFoundError as error:
                what = f"blob {descriptor.digest}"
                raise CONTENT_MISSING(f"{self._root.path} lacks {what}") from error
            yield checked(iter(lambda: file.read(CHUNK), b""), descriptor)

    def write(self, descriptor: Descriptor, data: bytes) -> None:
        """Store the content of a descriptor, unless it is there whole.

        Raises:
            FormatError: `layout-malformed`.
            EnvironmentalError: `storage-failed`.
        """
        if not self.is_whole(descriptor):
            with self._made() as blobs:
                blobs.write(_name(descriptor.digest), data)

    def write_chunks(self, descriptor: Descriptor, chunks: Iterable[bytes]) -> None:
        """Store the content of a descriptor; whoever gives the chunks has checked it.

        Raises:
            FormatError: `layout-malformed`, `digest-malformed`.
            EnvironmentalError: `storage-failed`.
        """
        with self._made() as blobs:
            blobs.write_chunks(_name(descriptor.digest), chunks)

    def digests(self) -> Iterator[tuple[str, int]]:
        """The blobs that could be read, and their sizes.

        Raises:
            EnvironmentalError: `storage-failed`.
        """
        try:
            with self._blobs() as blobs:
                names = sorted(blobs.names())
        except FileNotFoundError:
            return
        for name in names:
            digest = f"sha256:{name}"
            if _HEX.fullmatch(name) and (size := self.size(digest)) is not None:
                yield digest, size

    def remove(self, digest: str) -> None:
        """Remove a blob that nothing names any more; the lock is held.

        Raises:
            FormatError: `layout-malformed`, `digest-malformed`.
            EnvironmentalError: `storage-failed`.
        """
        with self._blobs() as blobs:
            blobs.remove(_name(digest))

    def sweep(self, now: float) -> None:
        """Remove what writers that were cut off left behind an hour ago; the lock is held.

        Raises:
            FormatError: `layout-malformed`.
            EnvironmentalError: `storage-failed`.
        """
        self._root.sweep(now - _STRAY_AFTER)
        with self._blobs() as blobs:
            blobs.sweep(now - _STRAY_AFTER)

    def is_whole(self, descriptor: Descriptor) -> bool:
        """Whether the content of a descriptor is there, and is what it should be."""
        if self.size(descriptor.digest) != descriptor.size:
            return False
        try:
            with self.stream(descriptor) as chunks:
                for _ in chunks:
                    pass
        except MinisealError:
            return False
        return True

    @contextmanager
    def _made(self) -> Generator[Place]:
        with (
            self._root.child("blobs", create=True) as blobs,
            blobs.child("sha256", create=True) as content,
        ):
            yield content

    @contextmanager
    def _blobs(self) -> Generator[Place]:
        with self._root.child("blobs") as blobs, blobs.child("sha256") as content:
            yield content


def prepare(path: str) -> None:
    """Make the folder `path` and those above it; one that is there may hold nothing but a layout.

    Raises:
        FormatError: `layout-malformed`.
        EnvironmentalError: `storage-failed`.
    """
    with storage(f"make the folder {path}"):
        os.makedirs(path, exist_ok=True)  # noqa: PTH103 - paths are text here
    with Folder(path) as root:
        names = {name for name in root.names() if not name.startswith(TEMPORARY)}
    if foreign := sorted(names - {LOCK, "blobs", _INDEX, _MARK}):
        raise LAYOUT_MALFORMED(
            f"{path} holds something else than an OCI layout", found=repr(foreign[0])[:100]
        )


def create(root: Place) -> None:
    """Make a layout in a folder that was prepared; the lock is held.

    A layout that is there stays as it is. `oci-layout` comes last: until it is there, no reader
    takes the folder for a layout, and a creation that was cut off is done again.

    Raises:
        FormatError: `layout-malformed`.
        EnvironmentalError: `storage-failed`.
    """
    if _MARK in root.names():
        return
    with root.child("blobs", create=True) as blobs, blobs.child("sha256", create=True):
        root.write(_INDEX, LayoutIndex.empty().to_bytes())
        root.write(_MARK, canonical({"imageLayoutVersion": _VERSION}))


def is_missing(error: MinisealError) -> bool:
    """Whether `error` says that content, or the layout itself, is not there."""
    return error.code == CONTENT_MISSING.name


def _name(digest: str) -> str:
    return check_digest(digest).removeprefix("sha256:")


def _read(folder: Place, name: str, limit: int) -> bytes:
    with folder.file(name) as (file, size):
        if size > limit:
            raise LAYOUT_MALFORMED(
                f"{name} in {folder.path} is too large",
                found=f"{size} bytes",
                expected=f"at most {limit}",
            )
        return file.read(limit + 1)
