"""A store in one file: an OCI image layout in a tar, as `skopeo` and `docker save` write it.

Reading takes no unpacking: the archive is walked once, and blobs are read where they lie. Writing
makes the whole archive anew and then puts it in the old one's place, so that there is never half
of one; who has much to write does it within `ArchiveStore.batch`.
"""

import fcntl
import os
import stat
import threading
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path

from miniseal.formats.errors import Code, EnvironmentalError
from miniseal.formats.tar import TAR_MALFORMED
from miniseal.registry.files import LAYOUT_MALFORMED, STORAGE_FAILED, storage
from miniseal.registry.folder import LayoutFolder, create
from miniseal.registry.layout import LayoutStore
from miniseal.registry.lock import LAYOUT_LOCKED
from miniseal.registry.stage import ArchivePlace, Stage
from miniseal.registry.tar import Member, members

__all__ = ["ARCHIVE_CHANGED", "ArchiveStore"]

ARCHIVE_CHANGED = Code(
    "archive-changed",
    EnvironmentalError,
    meaning="somebody else wrote an archive while something was being put into it",
    cause="two processes that write to one archive, or a copy over it",
    remedy="run the command again; the archive is as the other one left it",
)

_MARK = "oci-layout"
_FIRST = (_MARK, "index.json")
_POLL = 0.01


@dataclass(frozen=True, slots=True, kw_only=True)
class _Opened:
    """An archive that is open.

    Attributes:
        fd: None where there is no file.
        state: what changes when somebody writes to it, or None.
        members: its files.
    """

    fd: int | None
    state: tuple[int, ...] | None
    members: dict[str, Member]


class ArchiveStore(LayoutStore):
    """The content of an OCI layout in a tar; satisfies `Store`.

    A file that does not exist is `content-missing` to whoever reads. A blob is in the file as soon
    as a manifest or a tag is put after it, or a batch ends; one that nothing follows is dropped.
    Besides what `LayoutStore` raises, every method may raise `tar-malformed`, `tar-refused` and
    `tar-compressed`.
    """

    def __init__(
        self,
        path: str | Path,
        *,
        lock_seconds: float = 60.0,
        clock: Callable[[], float] = time.time,
    ) -> None:
        """Name an archive; nothing is opened yet.

        Args:
            path: its file.
            lock_seconds: how long a write waits for another process.
            clock: seconds since 1970.
        """
        super().__init__(path, lock_seconds=lock_seconds, clock=clock)
        self._file = Path(self._path)
        self._mutex = threading.RLock()
        self._stage: Stage | None = None
        self._batch: _Opened | None = None
        self._known: _Opened | None = None

    @contextmanager
    def batch(self) -> Generator[None]:
        """Put all that is written in the block into the file at its end, or none of it.

        Raises:
            EnvironmentalError: `archive-changed`, and what else writing raises.
        """
        if self._batch is not None:
            yield
            return
        with self._open() as opened:
            self._batch = opened
            try:
                yield
                if self._stage:
                    self._place(opened).save(self._file, self._unchanged(opened))
            finally:
                self._batch = None
                self._drop()

    @contextmanager
    def _reading(self) -> Generator[LayoutFolder]:
        with self._open() as opened:
            yield LayoutFolder(self._place(opened), self._memory)

    @contextmanager
    def _writing(self) -> Generator[LayoutFolder]:
        with self._mutex:
            stage = self._staged()
        with self._open() as opened:
            place = self._place(opened)
            with self._mutex:
                if opened.fd is None and _MARK not in stage.written:
                    create(place)
            yield LayoutFolder(place, self._memory)

    @contextmanager
    def _locked(self) -> Generator[LayoutFolder]:
        if self._batch is not None:
            with self._mutex, self._reading() as folder:
                yield folder
            return
        with self._mutex:
            try:
                with self._lock(), self._open() as opened:
                    if opened.fd is not None:
                        # what was made where there was no file yet hides what there is now
                        for name in _FIRST:
                            self._staged().remove(name, everywhere=False)
                    place = self._place(opened)
                    yield LayoutFolder(place, self._memory)
                    if self._stage:
                        place.save(self._file, nullcontext())
            finally:
                self._drop()

    def _staged(self) -> Stage:
        if self._stage is None:
            with storage(f"make the folder {self._file.parent}"):
                self._file.parent.mkdir(parents=True, exist_ok=True)
            self._stage = Stage(self._file.parent)
        return self._stage

    def _drop(self) -> None:
        stage, self._stage = self._stage, None
        if stage is not None:
            stage.drop()

    def _place(self, opened: _Opened) -> ArchivePlace:
        return ArchivePlace(self._path, opened.fd, opened.members, self._stage)

    @contextmanager
    def _open(self) -> Generator[_Opened]:
        """The archive as it is now; within a batch, as it was when that began."""
        if self._batch is not None:
            yield self._batch
            return
        try:
            # not to hang on a pipe
            fd = os.open(self._path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        except FileNotFoundError:
            yield _Opened(fd=None, state=None, members={})
            return
        except OSError as error:
            raise _unreadable(self._path, error) from error
        try:
            yield self._walked(fd)
        finally:
            os.close(fd)

    def _walked(self, fd: int) -> _Opened:
        """What is in the open file; one that has not changed is not walked again."""
        status = os.fstat(fd)
        if not stat.S_ISREG(status.st_mode):
            raise TAR_MALFORMED(f"{self._path} is not a regular file")
        state, known = _state(status), self._known
        if known is None or known.state != state:
            with storage(f"read {self._path}"):
                found = members(fd, status.st_size)
            if _MARK not in found:
                raise LAYOUT_MALFORMED(
                    f"{self._path} holds no OCI layout",
                    found="a tar without oci-layout at its top",
                    hint="write it with `miniseal copy`, skopeo, or `docker save` from 25 on",
                )
            known = self._known = _Opened(fd=None, state=state, members=found)
        return _Opened(fd=fd, state=state, members=known.members)

    @contextmanager
    def _unchanged(self, opened: _Opened) -> Generator[None]:
        """Hold the lock, and see that the archive is the one that was opened."""
        with self._lock():
            try:
                state = _state(self._file.stat())
            except FileNotFoundError:
                state = None
            if state != opened.state:
                raise ARCHIVE_CHANGED(f"{self._path} was written by somebody else meanwhile")
            yield

    @contextmanager
    def _lock(self) -> Generator[None]:
        """Hold the lock of the folder that the archive is in: a replaced file cannot be locked."""
        with storage(f"lock {self._file.parent}"):
            try:
                fd = os.open(self._file.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
            except FileNotFoundError:
                fd = None
        if fd is None:  # and no archive in it
            yield
            return
        try:
            self._wait(fd)
            yield
        finally:
            os.close(fd)

    def _wait(self, fd: int) -> None:
        until = time.monotonic() + self._lock_seconds
        with storage(f"lock {self._file.parent}"):
            while True:
                try:
                    fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
                except BlockingIOError as error:
                    if time.monotonic() > until:
                        raise LAYOUT_LOCKED(
                            f"{self._file.parent} is locked by another process",
                            found=f"waited {self._lock_seconds:g} seconds",
                        ) from error
                    time.sleep(_POLL)
                else:
                    return


def _state(status: os.stat_result) -> tuple[int, ...]:
    return (
        *(status.st_dev, status.st_ino, status.st_size),
        *(status.st_mtime_ns, status.st_ctime_ns),
    )


def _unreadable(path: str, error: OSError) -> Exception:
    return STORAGE_FAILED(f"cannot read {path}", found=error.strerror or type(error).__name__)
