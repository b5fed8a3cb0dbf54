"""What is to go into an archive, and the archive that it is to go into, as one folder.

Blobs wait in a temporary folder beside the archive; the archive itself is only read, where it
lies. `write` puts both into a new archive: one form for one content, whole or not at all.
"""

import errno
import io
import os
import re
import secrets
import shutil
import threading
import time
from collections.abc import Generator, Iterable
from contextlib import AbstractContextManager, contextmanager, suppress
from pathlib import Path
from tempfile import mkdtemp
from types import TracebackType
from typing import BinaryIO, Self, cast
from weakref import finalize

from miniseal.formats import ustar
from miniseal.formats.tar import BLOCK, TAR_REFUSED
from miniseal.registry.checked import CHUNK
from miniseal.registry.files import TEMPORARY, storage
from miniseal.registry.tar import Member

__all__ = ["ArchivePlace", "Stage"]

_FIRST = ("oci-layout", "index.json")
_KEPT = {*_FIRST, "manifest.json", "repositories"}
_BLOB = re.compile(r"blobs/sha256/[0-9a-f]{64}")
_END = bytes(2 * BLOCK)
_MOST_MOVED = 64 * 1024 * 1024
# Between file systems, or on one that cannot.
_NOT_MOVED = {errno.EXDEV, errno.EINVAL, errno.ENOSYS, errno.EOPNOTSUPP, errno.EPERM}
_STRAY_AFTER = 24 * 3600.0
_MARK = f"{TEMPORARY}archive-"


class Stage:
    """Files that are written, and paths that are removed, before any of it is in an archive.

    Several threads may write at once.
    """

    def __init__(self, beside: Path) -> None:
        """Begin with nothing, in a new temporary folder in the folder `beside`.

        What a process that was killed has left there a day ago is removed.

        Raises:
            EnvironmentalError: `storage-failed`.
        """
        with storage(f"write in {beside}"):
            _sweep(beside)
            self._folder = Path(mkdtemp(prefix=_MARK, dir=beside))
        self._finalizer = finalize(self, shutil.rmtree, self._folder, ignore_errors=True)
        self._lock = threading.Lock()
        self.written: dict[str, Path] = {}
        self.removed: set[str] = set()

    def __bool__(self) -> bool:
        """Whether there is anything to be put into an archive."""
        return bool(self.written or self.removed)

    def put(self, path: str, chunks: Iterable[bytes]) -> None:
        """Put a file under `path`, in place of the one that is there.

        Raises:
            EnvironmentalError: `storage-failed`.
        """
        place = self._folder / secrets.token_hex(16)
        with storage(f"write {place}"):
            try:
                with place.open("xb") as file:
                    for chunk in chunks:
                        file.write(chunk)
            except BaseException:
                place.unlink(missing_ok=True)
                raise
            with self._lock:
                before = self.written.get(path)
                self.written[path] = place
                self.removed.discard(path)
            if before:
                before.unlink()

    def remove(self, path: str, *, everywhere: bool) -> None:
        """Let there be no file under `path`: `everywhere`, also where the archive has it."""
        with self._lock:
            place = self.written.pop(path, None)
            if everywhere:
                self.removed.add(path)
        if place:
            with storage(f"remove {place}"):
                place.unlink()

    def drop(self) -> None:
        """Forget everything."""
        self._finalizer()


class ArchivePlace:
    """A folder of an archive, as `Place`: what is staged lies over what the archive has.

    Attributes:
        path: how errors call it.
    """

    __slots__ = ("_fd", "_members", "_prefix", "_stage", "path")

    def __init__(
        self,
        path: str,
        fd: int | None,
        members: dict[str, Member],
        stage: Stage | None,
        prefix: str = "",
    ) -> None:
        """Name the folder.

        Args:
            path: how errors call it.
            fd: the open archive; None if there is none yet.
            members: the archive's files.
            stage: where writes go; None for reading alone.
            prefix: of the names of what is in this folder.
        """
        self.path = path
        self._fd = fd
        self._members = members
        self._stage = stage
        self._prefix = prefix

    def __enter__(self) -> Self:
        """The folder itself."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Whoever opened the archive closes it."""

    def child(self, name: str, *, create: bool = False) -> "ArchivePlace":
        """The folder inside; there is one of every name."""
        del create
        prefix = f"{self._prefix}{name}/"
        return ArchivePlace(
            f"{self.path}/{name}", self._fd, self._members, self._stage, prefix=prefix
        )

    @contextmanager
    def file(self, name: str) -> Generator[tuple[BinaryIO, int]]:
        """Open a file for reading; gives it and its size in bytes.

        Raises:
            FileNotFoundError: there is none.
            EnvironmentalError: `storage-failed`.
        """
        path = f"{self._prefix}{name}"
        staged = self._stage.written.get(path) if self._stage else None
        if staged is not None:
            with staged.open("rb") as file:
                yield file, os.fstat(file.fileno()).st_size
            return
        member = self._members.get(path)
        if member is None or self._fd is None or (self._stage and path in self._stage.removed):
            raise FileNotFoundError(path)
        with storage(f"read {self.path}/{name}"):
            yield cast("BinaryIO", _Window(self._fd, member)), member.size

    def size(self, name: str) -> int:
        """The size of a file in bytes; raises as `file`."""
        with self.file(name) as (_, size):
            return size

    def write(self, name: str, data: bytes) -> None:
        """Stage a file.

        Raises:
            EnvironmentalError: `storage-failed`.
        """
        self.write_chunks(name, (data,))

    def write_chunks(self, name: str, chunks: Iterable[bytes]) -> None:
        """As `write`, for what comes in chunks.

        Raises:
            EnvironmentalError: `storage-failed`.
        """
        self._staging.put(f"{self._prefix}{name}", chunks)

    def remove(self, name: str) -> None:
        """Let there be no such file.

        Raises:
            EnvironmentalError: `storage-failed`.
        """
        path = f"{self._prefix}{name}"
        self._staging.remove(path, everywhere=path in self._members)

    def names(self) -> list[str]:
        """The names of what is inside."""
        paths = self._paths()
        size = len(self._prefix)
        return sorted({p[size:].partition("/")[0] for p in paths if p.startswith(self._prefix)})

    def sweep(self, before: float) -> None:
        """An archive has nothing that was left behind."""

    def save(self, target: Path, renaming: AbstractContextManager[None]) -> None:
        """Write all of it as the archive `target`: a temporary file, a sync and a rename.

        Of what is no part of a layout only docker's own lists are kept.

        Args:
            target: where to.
            renaming: is entered for the rename alone, and may refuse it.

        Raises:
            FormatError: `archive-malformed`, a blob is too large for USTAR (8 GiB); `tar-refused`,
                a blob has another digest than SHA-256.
            EnvironmentalError: `storage-failed`.
        """
        paths = _ordered(self._paths())
        temporary = target.with_name(f"{TEMPORARY}{secrets.token_hex(8)}")
        with storage(f"write {target}"):
            try:
                with temporary.open("xb", buffering=0) as file:
                    for path in paths:
                        with self._source(path) as (source, member):
                            file.write(ustar.header(path.encode(), member.size))
                            _append(file.fileno(), source, member)
                            file.write(bytes(-member.size % BLOCK))
                    file.write(_END)
                    os.fsync(file.fileno())
                with renaming:
                    temporary.rename(target)
            except BaseException:
                with suppress(OSError):
                    temporary.unlink()
                raise
            _sync(target.parent)

    @contextmanager
    def _source(self, path: str) -> Generator[tuple[int, Member]]:
        """The open file that `path` is in, and where in it."""
        staged = self._stage.written.get(path) if self._stage else None
        if staged is not None:
            with staged.open("rb") as file:
                yield file.fileno(), Member(0, os.fstat(file.fileno()).st_size)
        elif self._fd is not None:
            yield self._fd, self._members[path]

    def _paths(self) -> set[str]:
        if self._stage is None:
            return set(self._members)
        return {*self._members, *self._stage.written} - self._stage.removed

    @property
    def _staging(self) -> Stage:
        if self._stage is None:
            raise io.UnsupportedOperation(self.path)
        return self._stage


class _Window:
    """A member of an archive, read as a file is: a `BinaryIO` as far as layouts use one."""

    __slots__ = ("_at", "_fd", "_left")

    def __init__(self, fd: int, member: Member) -> None:
        self._fd = fd
        self._at, self._left = member

    def read(self, size: int) -> bytes:
        data = os.pread(self._fd, min(size, self._left), self._at)
        self._at += len(data)
        self._left -= len(data)
        return data


def _append(target: int, source: int, member: Member) -> None:
    """Write a part of one file to the end of another; one that is too short is an error."""
    at, left = member
    while left:
        done = _move(target, source, at, left)
        if not done:
            raise OSError(errno.EIO, "a file became shorter while it was read")
        at += done
        left -= done


def _move(target: int, source: int, at: int, size: int) -> int:
    """Bytes that were moved: by the system itself where it can, which is several times as fast."""
    if hasattr(os, "copy_file_range"):
        try:
            return os.copy_file_range(source, target, min(size, _MOST_MOVED), at)
        except OSError as error:
            if error.errno not in _NOT_MOVED:
                raise
    return os.write(target, os.pread(source, min(size, CHUNK), at))


def _ordered(paths: Iterable[str]) -> list[str]:
    """What is written: what a layout begins with comes first, the rest by name."""
    kept = {path for path in paths if path.startswith("blobs/") or path in _KEPT}
    for path in kept.difference(_KEPT):
        if not _BLOB.fullmatch(path):
            raise TAR_REFUSED(
                "archive holds a blob that it cannot be written with again",
                found=repr(path)[:200],
                expected="blobs/sha256/<64 hex>",
            )
    return [*(name for name in _FIRST if name in kept), *sorted(kept.difference(_FIRST))]


def _sync(folder: Path) -> None:
    fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)


def _sweep(folder: Path) -> None:
    before = time.time() - _STRAY_AFTER
    for found in folder.glob(f"{_MARK}*"):
        with suppress(OSError):
            if found.is_dir() and not found.is_symlink() and found.stat().st_mtime < before:
                shutil.rmtree(found, ignore_errors=True)
