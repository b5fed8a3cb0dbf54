"""A layout's folder that stays open while much is read from it or written to it."""

import threading
from collections.abc import Generator, Iterable
from contextlib import AbstractContextManager, ExitStack, contextmanager, suppress
from types import TracebackType
from typing import BinaryIO, Self

from miniseal.formats.errors import MinisealError
from miniseal.registry.files import Folder
from miniseal.registry.pending import Pending

__all__ = ["Kept"]


class Kept:
    """A folder and those in it, as `Place`; threads may share it.

    What is written in chunks may wait to be put on the disk. It is there before anything that is
    written whole: `index.json` and manifests, which name it.

    Attributes:
        path: how errors call it.
    """

    __slots__ = ("_children", "_folder", "_lock", "_pending", "_root", "_stack", "path")

    def __init__(self, folder: Folder, stack: ExitStack, root: "Kept | None" = None) -> None:
        """Use an open folder, which is in `root` unless it is that; `stack` closes those in it."""
        self.path = folder.path
        self._folder = folder
        self._stack = stack
        self._root = root or self
        self._pending = Pending(folder)
        self._children: dict[str, Kept] = {}
        self._lock = threading.Lock()

    @classmethod
    @contextmanager
    def open(cls, path: str) -> "Generator[Kept]":
        """Keep the folder `path` open for the block; at its end nothing waits any more.

        Raises:
            FileNotFoundError: there is none.
            FormatError: `layout-malformed`, it is something else.
            EnvironmentalError: `storage-failed`.
        """
        with Folder(path) as folder, ExitStack() as stack:
            root = cls(folder, stack)
            try:
                yield root
            except BaseException:
                with suppress(MinisealError):  # what is whole need not be sent again
                    root.settle()
                raise
            root.settle()

    def __enter__(self) -> Self:
        """The folder itself."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """It stays open."""

    def child(self, name: str, *, create: bool = False) -> "Kept":
        """As `Folder.child`; the same one each time."""
        with self._lock:
            if name not in self._children:
                folder = self._stack.enter_context(self._folder.child(name, create=create))
                self._children[name] = Kept(folder, self._stack, self._root)
            return self._children[name]

    def file(self, name: str) -> AbstractContextManager[tuple[BinaryIO, int]]:
        """As `Folder.file`."""
        self._settle_one(name)
        return self._folder.file(name)

    def size(self, name: str) -> int:
        """As `Folder.size`; the file may wait to be put on the disk."""
        waiting = self._pending.size(name)
        return self._folder.size(name) if waiting is None else waiting

    def write(self, name: str, data: bytes) -> None:
        """As `Folder.write`, after all that waits."""
        self._root.settle()
        self._folder.write(name, data)

    def write_chunks(self, name: str, chunks: Iterable[bytes]) -> None:
        """As `Folder.write_chunks`, and it may wait."""
        self._pending.put(name, chunks)

    def remove(self, name: str) -> None:
        """As `Folder.remove`."""
        self._settle_one(name)
        self._folder.remove(name)

    def names(self) -> list[str]:
        """As `Folder.names`."""
        self._pending.settle()
        return self._folder.names()

    def sweep(self, before: float) -> None:
        """As `Folder.sweep`."""
        self._folder.sweep(before)

    def settle(self) -> None:
        """Have all that waits on the disk, and at its place, here and below.

        Raises:
            EnvironmentalError: `storage-failed`.
        """
        with self._lock:
            children = list(self._children.values())
        for child in children:
            child.settle()
        self._pending.settle()

    def _settle_one(self, name: str) -> None:
        if self._pending.size(name) is not None:
            self._pending.settle()
