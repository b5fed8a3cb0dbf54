"""The state's files as verified content: head, records and blobs, each behind its MAC or digest.

Admission and `load` read the state through this and in no other way. What was verified once is not
parsed again while its bytes stay the same. Standard library alone, and no file is written.
"""

import hashlib
import os

from miniseal.formats.digest import DIGEST_MISMATCH
from miniseal.formats.errors import Code, EnvironmentalError, VerificationError
from miniseal.verifier.host.files import read
from miniseal.verifier.host.head import Head
from miniseal.verifier.host.mac import KEY_SIZE, SEALED_LIMIT, derive, unseal
from miniseal.verifier.host.record import Blob, Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import TypeVar

    T = TypeVar("T")

__all__ = [
    "KEY_EXPOSED",
    "NOT_INSTALLED",
    "RECORD_MISMATCH",
    "RECORD_STALE",
    "StateReader",
    "record_name",
    "record_of",
]

NOT_INSTALLED = Code(
    "not-installed",
    VerificationError,
    meaning="the host's state has no admitted version of this program",
    cause="it was never installed on this host, or it was removed",
    remedy="install it first",
)
RECORD_MISMATCH = Code(
    "record-mismatch",
    VerificationError,
    meaning="a program's record is about another program or another host",
    cause="a record was copied in place of another",
    remedy="find out who can write to the state; then install the program again",
)
RECORD_STALE = Code(
    "record-stale",
    VerificationError,
    meaning="a program's record is not the one that the head names",
    cause="an older record was put back in place of the current one",
    remedy="find out who can write to the state; then install the program again",
)
KEY_EXPOSED = Code(
    "mac-key-exposed",
    EnvironmentalError,
    meaning="the host's mac.key is not a secret of the host's own user",
    cause="others have rights to the file or own it, or it is not a key",
    remedy="chmod 600 mac.key if nobody else can have read it; else start from an empty state",
)

_NAME_LENGTH = 200
_TRIES = 8  # who meets another process's admission reads the new head


def record_of(app_id: str) -> "Callable[[Head], str | None]":
    """The part of a head that is about one program: the digest of its current record."""

    def part(head: Head) -> str | None:
        app = head.apps.get(app_id)
        return None if app is None else app.record

    return part


def record_name(app_id: str, generation: int) -> str:
    """The file in `records/` that was written under this generation of the head.

    A file per generation: while the head still names the old record, the new one is beside it. File
    systems want names of at most 255 bytes.
    """
    name = app_id if len(app_id) <= _NAME_LENGTH else hashlib.sha256(app_id.encode()).hexdigest()
    return f"{name}.{generation}.json"


class StateReader:
    """Reads one state folder.

    It keeps the keys, and the last head and records that it has verified; it keeps no content.
    """

    __slots__ = ("_head", "_keys", "_records", "_state")

    def __init__(self, state: str) -> None:
        """Keep the path; nothing is read."""
        self._state = state
        self._keys: tuple[bytes, bytes] | None = None
        self._head: tuple[bytes, Head] | None = None
        self._records: dict[str, tuple[bytes, str, Record]] = {}

    def head(self) -> Head:
        """The state's head, its MAC checked.

        Raises:
            VerificationError: `not-installed`, `state-damaged`, `mac-invalid`, `state-malformed`.
            EnvironmentalError: `state-unreadable`, `mac-key-exposed`.
        """
        data = self._read_own("head.json", SEALED_LIMIT)
        key, _ = self.keys()  # second: without a head the key may still be replaced
        if self._head is None or self._head[0] != data:
            self._head = (data, Head.from_payload(unseal(data, key, "head")))
        return self._head[1]

    def steadily(self, act: "Callable[[Head], T]", part: "Callable[[Head], object]") -> "T":
        """What `act` makes of the head, refused only by a head that holds still meanwhile.

        Another process may replace, and sweep, what the head leads to between two reads. Where the
        head's `part` that `act` is about has changed since, a refusal says nothing.

        Raises:
            VerificationError, EnvironmentalError: as `head` and `act`.
        """
        for _ in range(_TRIES - 1):
            head = self.head()
            try:
                return act(head)
            except VerificationError:
                if part(self.head()) == part(head):
                    raise
        return act(self.head())

    def record(self, head: Head, app_id: str) -> Record:
        """The current record of a program, checked against the head.

        Raises:
            VerificationError: `not-installed`, `mac-invalid`, `record-mismatch`, `record-stale`,
                `state-damaged`, `state-malformed`.
            EnvironmentalError: `state-unreadable`.
        """
        app = head.apps.get(app_id)
        if app is None or app.record is None:
            raise NOT_INSTALLED("program is not installed", found=repr(app_id)[:300])
        path = f"{self._state}/records/{record_name(app_id, app.generation)}"
        data = read(path, SEALED_LIMIT, f"the record of {app_id}")
        kept = self._records.get(app_id)
        if kept is None or kept[0] != data:
            payload = unseal(data, self.keys()[1], "record")
            digest = "sha256:" + hashlib.sha256(payload).hexdigest()
            kept = self._records[app_id] = (data, digest, Record.from_payload(payload))
        _check_record(kept[2], kept[1], app_id, head, app.record)
        return kept[2]

    def keys(self) -> tuple[bytes, bytes]:
        """The keys for head and records, from mac.key."""
        if self._keys is None:
            secret = self._read_own("mac.key", KEY_SIZE, check=_check_key)
            if len(secret) != KEY_SIZE:
                raise KEY_EXPOSED(
                    "mac.key is not a secret key",
                    found=f"{len(secret)} bytes",
                    expected=f"{KEY_SIZE} bytes",
                )
            self._keys = (derive(secret, "head"), derive(secret, "record"))
        return self._keys

    def blob(self, blob: Blob, what: str) -> bytes:
        """Content of the state, read once and hashed.

        Raises:
            VerificationError: `digest-mismatch`, `state-damaged`.
            EnvironmentalError: `state-unreadable`.
        """
        digits = blob.digest[7:]
        data = read(f"{self._state}/blobs/sha256/{digits}", blob.size, what, piece=blob.size + 1)
        found = hashlib.sha256(data).hexdigest()
        if found != digits:
            raise DIGEST_MISMATCH(
                f"{what} was changed after it was admitted",
                found=f"sha256:{found}",
                expected=blob.digest,
            )
        return data

    def forget(self) -> None:
        """Drop what is kept in memory: the state was made anew."""
        self._keys = None
        self._head = None
        self._records.clear()

    def _read_own(
        self, name: str, limit: int, *, check: "Callable[[os.stat_result], None] | None" = None
    ) -> bytes:
        try:
            return read(f"{self._state}/{name}", limit, name, check=check)
        except VerificationError:
            # The first admission makes the folder of records after everything else is there.
            if os.path.lexists(f"{self._state}/records"):
                raise
            raise NOT_INSTALLED(
                "nothing was installed into this state", found=self._state
            ) from None


def _check_key(status: os.stat_result) -> None:
    """Refuse a key that somebody else can read, or has put there: a privileged host reads all."""
    if status.st_mode & 0o077 or status.st_uid != os.geteuid():
        raise KEY_EXPOSED(
            "mac.key is not this user's alone",
            found=f"mode {status.st_mode & 0o777:04o}, owner {status.st_uid}",
            expected=f"mode 0600, owner {os.geteuid()}",
        )


def _check_record(record: Record, digest: str, app_id: str, head: Head, current: str) -> None:
    if record.app_id != app_id or record.host != head.host:
        raise RECORD_MISMATCH(
            "the record is of another program or host",
            found=f"{record.app_id} on {record.host}",
            expected=f"{app_id} on {head.host}",
        )
    if digest != current:
        raise RECORD_STALE("the record is not the current one", found=digest, expected=current)
