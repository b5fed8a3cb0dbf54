"""Writing the host's state: under a lock, each file whole, the head last.

A file is written beside its place, synced, renamed, and its folder synced; the head names
everything else, so whatever a crash leaves, the state reads as before or as after. No link in a
folder's place is followed: what is written and deleted is the state's own. What is read comes
through `reader.StateReader`. Nothing is decided here.
"""

import os
from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path

from miniseal.formats.digest import sha256
from miniseal.formats.errors import Code, EnvironmentalError, MinisealError
from miniseal.formats.strictjson import canonical
from miniseal.verifier.host.audit import Anchor, append
from miniseal.verifier.host.files import STATE_UNREADABLE, read
from miniseal.verifier.host.head import Head, PolicyMark
from miniseal.verifier.host.mac import KEY_SIZE, seal
from miniseal.verifier.host.reader import StateReader, record_name
from miniseal.verifier.host.record import Record

__all__ = ["STATE_BUSY", "State"]

STATE_BUSY = Code(
    "state-busy",
    EnvironmentalError,
    meaning="another process holds the lock of the host's state",
    cause="an admission or removal that has not come to an end",
    remedy="try again; the lock goes with the process that holds it",
)

_LOCK_SECONDS = 60.0
_RECORDS = "records"
_BLOBS = "blobs/sha256"
_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC


class State:
    """One state folder, to be changed.

    Attributes:
        root: the folder.
        reader: reads it.
    """

    def __init__(self, path: str, reader: StateReader, random: Callable[[int], bytes]) -> None:
        """Keep the collaborators; nothing is read or made."""
        self.root = Path(path)
        self.reader = reader
        self._random = random

    @contextmanager
    def locked(self, *, seconds: float = _LOCK_SECONDS) -> Generator[None]:
        """Hold the state's lock, which other processes and threads respect.

        Raises:
            EnvironmentalError: `state-busy`, `state-unreadable`.
        """
        from filelock import FileLock, Timeout  # a host that only loads needs none

        with self._writing():
            self.root.mkdir(mode=0o700, parents=True, exist_ok=True)
            lock = FileLock(self.root / "lock", timeout=seconds, mode=0o600)
            try:
                lock.acquire()
            except Timeout as error:
                raise STATE_BUSY("the state is locked", found=str(self.root)) from error
        try:
            yield
        finally:
            lock.release()

    def head(self, mark: PolicyMark) -> Head:
        """The head; of a folder without any state a first one, for the policy of `mark`.

        Raises:
            VerificationError, EnvironmentalError: as `StateReader.head`.
        """
        if not os.path.lexists(self.root / "records") and not os.path.lexists(
            self.root / "head.json"
        ):
            self._begin(mark)
        return self.reader.head()

    def write_blob(self, data: bytes) -> None:
        """Keep content; a file that is there already is replaced if it is not the same."""
        name = sha256(data).removeprefix("sha256:")
        with suppress(MinisealError):
            if read(f"{self.root}/{_BLOBS}/{name}", len(data), "a blob") == data:
                return
        self._replace(_BLOBS, name, data)

    def write_record(self, record: Record) -> str:
        """Put a record beside the current one, and return its digest for the head."""
        payload = record.to_payload()
        name = record_name(record.app_id, record.generation)
        self._replace(_RECORDS, name, seal(payload, self.reader.keys()[1], "record"))
        return sha256(payload)

    def write_own(self, name: str, data: bytes) -> None:
        """Put a file into the state's own folder, readable by nobody else."""
        self._replace("", name, data)

    def write_head(self, head: Head) -> None:
        """Make everything that was written before the current state."""
        key = self.reader.keys()[0]
        self._replace("", "head.json", seal(head.to_payload(), key, "head"))

    def log(self, anchor: Anchor, members: Mapping[str, object], *, repeat: bool = True) -> Anchor:
        """Write one line of the audit log, and return where the log ends then; see `audit.append`.

        Raises:
            EnvironmentalError: `state-unreadable`.
        """
        with self._writing():
            return append(str(self.root / "audit.jsonl"), anchor, members, repeat=repeat)

    def sweep(self, head: Head) -> None:
        """Delete records and blobs that the head does not lead to; never fails.

        Where a current record cannot be read nothing is deleted.
        """
        with suppress(MinisealError, OSError):
            current = [each for each, app in head.apps.items() if app.record is not None]
            kept = {record_name(each, head.apps[each].generation) for each in current}
            blobs = {head.trust.digest} if head.trust else set[str]()
            for each in current:
                blobs |= self.reader.record(head, each).blobs()
            self._delete_others(_RECORDS, kept)
            self._delete_others(_BLOBS, {blob.removeprefix("sha256:") for blob in blobs})

    def _delete_others(self, folder: str, kept: set[str]) -> None:
        with self._folder(folder) as place:
            for name in set(os.listdir(place)) - kept:  # noqa: PTH208 - by descriptor
                os.unlink(name, dir_fd=place)

    def _begin(self, mark: PolicyMark) -> None:
        """Make the host's key and id, then a head that leads to nothing."""
        self._replace("", "mac.key", self._random(KEY_SIZE))
        host = self._random(16).hex()
        self._replace("", "host.json", canonical({"format": 1, "id": host}))
        self.reader.forget()
        self.write_head(
            Head(
                host=host,
                generation=0,
                policy=mark,
                time=0,
                apps={},
                audit=(0, None),
            )
        )

    def _replace(self, folder: str, name: str, data: bytes) -> None:
        """Write a file as a whole, readable by nobody else."""
        temporary = f".{name}.tmp"
        with self._writing(), self._folder(folder) as place:
            flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC | os.O_NOFOLLOW
            file = os.open(temporary, flags, 0o600, dir_fd=place)
            try:
                view = memoryview(data)
                while view:
                    view = view[os.write(file, view) :]
                os.fsync(file)
            finally:
                os.close(file)
            os.rename(temporary, name, src_dir_fd=place, dst_dir_fd=place)
            os.fsync(place)

    @contextmanager
    def _folder(self, path: str) -> Generator[int]:
        """Open a folder of the state by its relative path, made where it is missing."""
        place = os.open(self.root, _FOLDER)
        try:
            for name in path.split("/") if path else ():
                inner = _open(name, place)
                os.close(place)
                place = inner
            yield place
        finally:
            os.close(place)

    @contextmanager
    def _writing(self) -> Generator[None]:
        try:
            yield
        except OSError as error:
            raise STATE_UNREADABLE(
                f"the state cannot be written: {error.strerror}", found=str(self.root)
            ) from error


def _open(name: str, place: int) -> int:
    """Open the folder `name` in `place`, made and synced first if it is not there."""
    try:
        return os.open(name, _FOLDER | os.O_NOFOLLOW, dir_fd=place)
    except FileNotFoundError:
        os.mkdir(name, 0o700, dir_fd=place)
        os.fsync(place)
        return os.open(name, _FOLDER | os.O_NOFOLLOW, dir_fd=place)
