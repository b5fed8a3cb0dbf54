"""Writing a large file while more of it is fetched and hashed, and to the disk all along."""

import os
from collections import deque
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack
from types import TracebackType
from typing import Self

from miniseal.registry.files import write_all

__all__ = ["SYNC_AFTER", "Behind"]

SYNC_AFTER = 32 * 1024 * 1024
"""Bytes after which what was written is sent to the disk, if it is not busy with that."""

_AT_ONCE = 512 * 1024
_MOST_WAITING = 2


class Behind:
    """Writes by a thread of its own; use it in a `with`, at whose end all of it is written.

    Every method may raise what an earlier write met.
    """

    def __init__(self, fd: int) -> None:
        """Write to an open file, where it ends."""
        self._fd = fd
        self._stack = ExitStack()
        self._writer = self._stack.enter_context(ThreadPoolExecutor(1))
        self._syncer = self._stack.enter_context(ThreadPoolExecutor(1))
        self._held: list[bytes] = []
        self._size = self._unsynced = 0
        self._writes: deque[Future[None]] = deque()
        self._synced: Future[None] | None = None

    def __enter__(self) -> Self:
        """Itself."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Write the rest, unless there was an error; then end the threads."""
        with self._stack:
            if error is None:
                self._pass_on()
                self._wait(0)
                if self._synced is not None:  # a failure is told to one sync alone
                    self._synced.result()

    def write(self, chunk: bytes) -> None:
        """Write it soon, in its turn."""
        self._held.append(chunk)
        self._size += len(chunk)
        if self._size < _AT_ONCE:
            return
        self._pass_on()
        self._wait(_MOST_WAITING)
        if self._unsynced >= SYNC_AFTER and (self._synced is None or self._synced.done()):
            if self._synced is not None:
                self._synced.result()
            self._synced = self._syncer.submit(getattr(os, "fdatasync", os.fsync), self._fd)
            self._unsynced = 0

    def _pass_on(self) -> None:
        held, self._held = self._held, []
        self._writes.append(self._writer.submit(write_all, self._fd, held))
        self._unsynced += self._size
        self._size = 0

    def _wait(self, most: int) -> None:
        while len(self._writes) > most:
            self._writes.popleft().result()
