"""Blobs that are written, and on the disk a group at a time.

A sync for each of a thousand small files costs more than all the rest. So files wait under their
temporary names until there are enough of them, or some seconds are over, or somebody is about to
name one: then all of them are synced, and only then does any get the name by which it is found.
Whoever is killed before loses a group of content that nothing names yet; and a power cut leaves no
name with less than its content.
"""

import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence

from miniseal.formats.errors import MinisealError
from miniseal.registry.files import Folder, Prepared

__all__ = ["Pending"]

_MOST_FILES = 128
_MOST_BYTES = 64 * 1024 * 1024
_MOST_SECONDS = 5.0  # long before anybody takes a temporary file for a stray one


class Pending:
    """Files on their way into one folder; threads may share it."""

    def __init__(self, folder: Folder, *, clock: Callable[[], float] = time.monotonic) -> None:
        """Begin with none; `clock` gives seconds of any beginning."""
        self._folder = folder
        self._clock = clock
        self._files: dict[str, Prepared] = {}
        self._bytes = 0
        self._until = float("inf")
        self._failure: MinisealError | None = None
        self._lock = threading.Lock()
        self._settling = threading.Lock()

    def put(self, name: str, chunks: Iterable[bytes]) -> None:
        """Write a file, which is at its place after `settle` at the latest.

        Raises:
            EnvironmentalError: `storage-failed`.
        """
        made = self._folder.prepare(name, self._in_time(chunks))
        with self._lock:
            if name in self._files:  # two threads had the same content
                self._folder.drop(made)
                return
            self._files[name] = made
            self._bytes += made.size
            self._until = min(self._until, self._clock() + _MOST_SECONDS)
            full = len(self._files) >= _MOST_FILES or self._bytes >= _MOST_BYTES
        if full:
            self.settle()

    def size(self, name: str) -> int | None:
        """The size of a file that waits, in bytes; None if it does not."""
        with self._lock:
            waiting = self._files.get(name)
        return None if waiting is None else waiting.size

    def settle(self) -> None:
        """Put all that waits to its place, on the disk; wait for what another thread puts there.

        Raises:
            EnvironmentalError: `storage-failed`, also where it was so before: something is lost.
        """
        with self._settling:
            with self._lock:
                group = list(self._files.values())
                self._until = float("inf")
            try:
                self._place(group)
            finally:
                with self._lock:
                    for each in group:
                        del self._files[each.name]
                        self._bytes -= each.size

    def _place(self, group: Sequence[Prepared]) -> None:
        if self._failure is not None:
            for each in group:
                self._folder.drop(each)
            raise self._failure
        if not group:
            return
        try:
            self._folder.place(group)
        except MinisealError as error:
            self._failure = error
            raise

    def _in_time(self, chunks: Iterable[bytes]) -> Iterator[bytes]:
        """The chunks; between them, what has waited for long is settled."""
        for chunk in chunks:
            if self._clock() > self._until:
                self.settle()
            yield chunk
