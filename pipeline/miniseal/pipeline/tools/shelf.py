"""One place of the tool cache: a folder that appears whole, and the record of what was put there.

    tools/KEY/NAME/           the tool
    tools/KEY/.content.json   digest and size of that folder; its time is when it was last used
    tools/KEY/.lock           held by whoever fills or empties the place; never removed

The record is written before the folder appears, so that a process killed in between leaves no
folder without one. Whoever can write into the cache can write the record too: it shows damage, and
is no signature.
"""

import contextlib
import json
import os
import shutil
import tempfile
import threading
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from miniseal.pipeline.tools.content import Content, content_of

__all__ = ["Busy", "Entry", "Shelf", "State"]

State = Literal["there", "absent", "damaged"]

_RECORD = ".content.json"  # no tool has a name with a dot at its start
_LOCK = ".lock"
_SCRATCH = ".scratch-"
_POLL_SECONDS = 0.2


class Busy(Exception):  # noqa: N818 - it is no error: somebody else is at work
    """Somebody else holds the lock, and waiting for it was ended."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """A place that holds something.

    Attributes:
        path: its folder.
        name: of the tool.
        size: in bytes.
        used: when it was last asked for, seconds since the epoch.
    """

    path: Path
    name: str
    size: int
    used: float


@dataclass(frozen=True, slots=True)
class Shelf:
    """One place.

    Attributes:
        path: its folder.
    """

    path: Path

    def state(self, name: str) -> State:
        """Whether tool `name` is there, as it was put there; all of it is read."""
        place, record = self.path / name, self.path / _RECORD
        if not place.is_dir():
            return "absent"
        try:
            return "there" if content_of(place) == _read(record) else "damaged"
        except (OSError, ValueError):  # unreadable is damaged too, and JSON's error is a ValueError
            return "damaged"

    def use(self) -> None:
        """Note that it was asked for; a cache that cannot be written is used all the same."""
        with contextlib.suppress(OSError):
            os.utime(self.path / _RECORD)

    @contextmanager
    def locked(self, stop: threading.Event) -> Generator[None]:
        """Be the only one to change it; raises `Busy` when `stop` is set while waiting."""
        from filelock import FileLock, Timeout  # what is there already needs no lock

        self.path.mkdir(parents=True, exist_ok=True)
        lock = FileLock(self.path / _LOCK)
        while True:
            try:
                lock.acquire(timeout=_POLL_SECONDS)
                break
            except Timeout:
                if stop.is_set():
                    raise Busy from None
        try:
            yield
        finally:
            lock.release()

    @contextmanager
    def scratch(self) -> Generator[Path]:
        """A folder beside the place, while it is `locked`; what killed processes left goes too."""
        for left in self.path.glob(f"{_SCRATCH}*"):
            shutil.rmtree(left, ignore_errors=True)
        with tempfile.TemporaryDirectory(
            prefix=_SCRATCH, dir=self.path, ignore_cleanup_errors=True
        ) as folder:
            yield Path(folder)

    def put(self, made: Path, scratch: Path) -> None:
        """Have `made`, a folder of `scratch`, in the place of whatever is there."""
        content, place = content_of(made), self.path / made.name
        note = scratch / _RECORD
        note.write_text(
            json.dumps({"digest": content.digest, "size": content.size}), encoding="ascii"
        )
        note.replace(self.path / _RECORD)
        if place.is_dir():
            place.rename(scratch / ".damaged")
        made.rename(place)

    def empty(self) -> None:
        """Remove all but the lock, while it is `locked`: out of sight first, then for good."""
        with self.scratch() as scratch:
            for path in [*self.path.iterdir()]:
                if path != scratch and path.name != _LOCK:
                    path.rename(scratch / path.name)

    def entry(self) -> Entry | None:
        """What it holds; None where that is nothing."""
        names = sorted(path.name for path in self.path.iterdir() if path.is_dir())
        if not names:
            return None
        record = self.path / _RECORD
        try:
            size, used = _read(record).size, record.stat().st_mtime
        except (OSError, ValueError):  # of an older Miniseal, or left by a killed process
            size = sum(path.lstat().st_size for path in self.path.rglob("*"))
            used = self.path.stat().st_mtime
        return Entry(path=self.path, name=names[-1], size=size, used=used)


def _read(record: Path) -> Content:
    """What was recorded; raises `OSError` or `ValueError`."""
    match json.loads(record.read_bytes()):
        case {"digest": str() as digest, "size": int() as size}:
            return Content(digest=digest, size=size)
        case _:
            raise ValueError("not a record")
