"""Files of one folder, reached through the folder's descriptor.

Reading opens regular files only and follows no symlink; writing is a temporary file, a sync and a
rename, so that a reader sees the old content or the new, and a crash leaves at most a stray
temporary file. A missing file is Python's own `FileNotFoundError`: what it means is for the caller
to say.
"""

import errno
import os
import secrets
import stat
from collections.abc import Generator, Iterable, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from types import TracebackType
from typing import BinaryIO, Self

from miniseal.formats.errors import Code, EnvironmentalError, FormatError

__all__ = [
    "LAYOUT_MALFORMED",
    "STORAGE_FAILED",
    "TEMPORARY",
    "Folder",
    "Prepared",
    "storage",
    "write_all",
]

LAYOUT_MALFORMED = Code(
    "layout-malformed",
    FormatError,
    meaning="a folder is not an OCI image layout",
    cause="a file is missing, damaged, of another version, or something else lies in its place",
    remedy="write the layout again with an OCI client, into a folder of its own",
)
STORAGE_FAILED = Code(
    "storage-failed",
    EnvironmentalError,
    meaning="the operating system refused to read or write a store's file",
    cause="a full disk, a missing permission, or a failing device",
    remedy="make room or correct the permissions, then try again; nothing is left half written",
)

TEMPORARY = ".miniseal-"
"""How the names of temporary files begin."""

_READ = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
_CREATE = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC
_SYNCS = 4
_LARGE = 4 * 1024 * 1024
# What opening a symlink, a socket, or a file in place of a folder (or the reverse) answers.
_WRONG_KIND = frozenset({errno.ELOOP, errno.ENOTDIR, errno.EISDIR, errno.ENXIO})


@dataclass(frozen=True, slots=True, kw_only=True)
class Prepared:
    """A file that is written under another name, and open.

    Attributes:
        name: that it is to have.
        temporary: that it has.
        fd: its descriptor.
        size: in bytes.
    """

    name: str
    temporary: str
    fd: int
    size: int


@contextmanager
def storage(doing: str) -> Generator[None]:
    """Turn an operating system's refusal within the block into `storage-failed`."""
    try:
        yield
    except OSError as error:
        raise _failed(doing, error) from error


class Folder:
    """An open folder; close it by leaving its `with` block.

    Attributes:
        fd: its descriptor.
        path: how errors call it.
    """

    __slots__ = ("fd", "path")

    fd: int
    path: str

    def __init__(self, path: str, *, within: "Folder | None" = None) -> None:
        """Open the folder `path`, or the one of that name in `within`, which may be no symlink.

        Raises:
            FileNotFoundError: there is none.
            FormatError: `layout-malformed`, it is something else.
            EnvironmentalError: `storage-failed`.
        """
        self.path = f"{within.path}/{path}" if within else path
        flags = _FOLDER | (os.O_NOFOLLOW if within else 0)
        with _reading(self.path):
            self.fd = os.open(path, flags, dir_fd=within.fd if within else None)

    def __enter__(self) -> Self:
        """The folder itself."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Close it."""
        self.close()

    def close(self) -> None:
        """Let go of it."""
        os.close(self.fd)

    def child(self, name: str, *, create: bool = False) -> "Folder":
        """Open a folder inside, made first if it is not there and `create` says so.

        Raises:
            FileNotFoundError, FormatError, EnvironmentalError: as for opening a folder.
        """
        if create:
            with storage(f"write {self.path}"), suppress(FileExistsError):
                os.mkdir(name, dir_fd=self.fd)
                os.fsync(self.fd)
        return Folder(name, within=self)

    @contextmanager
    def file(self, name: str) -> Generator[tuple[BinaryIO, int]]:
        """Open a regular file for reading; gives it and its size in bytes.

        Raises:
            FileNotFoundError: there is none.
            FormatError: `layout-malformed`, it is something else.
            EnvironmentalError: `storage-failed`.
        """
        path = f"{self.path}/{name}"

        def opener(_: str, __: int) -> int:
            return os.open(name, _READ, dir_fd=self.fd)

        with _reading(path), open(name, "rb", opener=opener) as file:
            status = os.fstat(file.fileno())
            if not stat.S_ISREG(status.st_mode):
                raise _wrong_kind(path)
            yield file, status.st_size

    def size(self, name: str) -> int:
        """The size of a regular file in bytes; raises as `file`."""
        with self.file(name) as (_, size):
            return size

    def write(self, name: str, data: bytes, *, mode: int = 0o666) -> None:
        """Put a file there, whole or not at all, and on the disk when this returns.

        Raises:
            EnvironmentalError: `storage-failed`.
        """
        self.write_chunks(name, (data,), mode=mode)

    def write_chunks(self, name: str, chunks: Iterable[bytes], *, mode: int = 0o666) -> None:
        """As `write`, for what comes in chunks; what they raise leaves nothing behind.

        Raises:
            EnvironmentalError: `storage-failed`.
        """
        self.place([self.prepare(name, chunks, mode=mode)])

    def prepare(self, name: str, chunks: Iterable[bytes], *, mode: int = 0o666) -> Prepared:
        """Write a file that is not at its place yet, nor surely on the disk; for `place` alone.

        Raises:
            EnvironmentalError: `storage-failed`.
        """
        temporary = f"{TEMPORARY}{secrets.token_hex(8)}"
        with storage(f"write {name} in {self.path}"):
            fd = os.open(temporary, _CREATE, mode, dir_fd=self.fd)
            try:
                size = _fill(fd, chunks)
            except BaseException:
                self.drop(Prepared(name=name, temporary=temporary, fd=fd, size=0))
                raise
        return Prepared(name=name, temporary=temporary, fd=fd, size=size)

    def place(self, files: Sequence[Prepared]) -> None:
        """Put files at their places, on the disk; after an error some are there, none is left over.

        Every file is synced before the first is renamed, the folder after the last. Several are
        synced at a time: a disk that waits for one waits for others alike.

        Raises:
            EnvironmentalError: `storage-failed`.
        """
        left = list(files)
        with storage(f"write {', '.join([each.name for each in files][:2])} in {self.path}"):
            try:
                _sync([each.fd for each in files])
                while left:
                    done = left[-1]
                    os.rename(done.temporary, done.name, src_dir_fd=self.fd, dst_dir_fd=self.fd)
                    os.close(left.pop().fd)
            except BaseException:
                for each in left:
                    self.drop(each)
                raise
            os.fsync(self.fd)

    def drop(self, file: Prepared) -> None:
        """Remove a file that was prepared, in place of putting it to its place."""
        with suppress(OSError):
            os.close(file.fd)
        with suppress(OSError):
            os.unlink(file.temporary, dir_fd=self.fd)

    def remove(self, name: str) -> None:
        """Remove a file, if it is there.

        Raises:
            EnvironmentalError: `storage-failed`.
        """
        with storage(f"remove {name} from {self.path}"), suppress(FileNotFoundError):
            os.unlink(name, dir_fd=self.fd)

    def names(self) -> list[str]:
        """The names of what is inside.

        Raises:
            EnvironmentalError: `storage-failed`.
        """
        with storage(f"list {self.path}"):
            return os.listdir(self.fd)  # noqa: PTH208 - by descriptor

    def sweep(self, before: float) -> None:
        """Remove temporary files last written before a time, in seconds since 1970.

        Raises:
            EnvironmentalError: `storage-failed`.
        """
        for name in self.names():
            if name.startswith(TEMPORARY) and self._written(name) < before:
                self.remove(name)

    def _written(self, name: str) -> float:
        with storage(f"read {name} in {self.path}"):
            try:
                return os.stat(name, dir_fd=self.fd, follow_symlinks=False).st_mtime
            except FileNotFoundError:
                return float("inf")


@contextmanager
def _reading(path: str) -> Generator[None]:
    try:
        yield
    except FileNotFoundError:
        raise
    except OSError as error:
        if error.errno in _WRONG_KIND:
            raise _wrong_kind(path) from error
        raise _failed(f"read {path}", error) from error


def write_all(fd: int, chunks: Iterable[bytes]) -> None:
    """Write chunks to the end of an open file.

    Raises:
        OSError: it cannot be.
    """
    for chunk in chunks:
        left = memoryview(chunk)
        while left:
            left = left[os.write(fd, left) :]


def _fill(fd: int, chunks: Iterable[bytes]) -> int:
    """Write chunks to a new file; how many bytes they were."""
    size, left = 0, iter(chunks)
    for chunk in left:
        write_all(fd, (chunk,))
        size += len(chunk)
        if size > _LARGE:
            break
    else:
        return size
    from miniseal.registry.behind import Behind  # what is small does without

    with Behind(fd) as behind:
        for chunk in left:
            behind.write(chunk)
            size += len(chunk)
    return size


def _sync(fds: Sequence[int]) -> None:
    if len(fds) == 1:
        os.fsync(fds[0])
        return
    from concurrent.futures import ThreadPoolExecutor  # few writers have several

    with ThreadPoolExecutor(_SYNCS) as pool:
        for _ in pool.map(os.fsync, fds):
            pass


def _failed(doing: str, error: OSError) -> Exception:
    name = errno.errorcode.get(error.errno or 0, "unknown")
    return STORAGE_FAILED(f"cannot {doing}", found=f"{name}, {error.strerror}")


def _wrong_kind(path: str) -> Exception:
    return LAYOUT_MALFORMED(
        f"{path} is not what a layout has there",
        found="a symlink, a folder, a file or a special file in place of another",
    )
