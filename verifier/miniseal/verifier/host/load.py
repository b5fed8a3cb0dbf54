"""The hot path: from the state's files to a program in memory, or an error.

Everything was decided at admission; here is only checked that nothing has changed since: MACs, the
policy's files, the clock, and the digest of every byte that is returned. Nothing is read twice, so
what was hashed is what the host gets. Standard library alone; no file is written.
"""

import hashlib
import os

from miniseal.formats.errors import Code, EnvironmentalError, VerificationError
from miniseal.formats.times import to_text
from miniseal.verifier.host.files import read
from miniseal.verifier.host.head import Head
from miniseal.verifier.host.program import Program
from miniseal.verifier.host.reader import StateReader, record_of
from miniseal.verifier.host.record import Record

__all__ = [
    "ADMISSION_EXPIRED",
    "CLOCK_ROLLBACK",
    "CLOCK_SKEW",
    "POLICY_CHANGED",
    "POLICY_FILE",
    "POLICY_FILE_LIMIT",
    "STATE_ROLLBACK",
    "Loader",
    "check_clock",
]

CLOCK_SKEW = 300
"""Seconds that clocks may disagree by."""
POLICY_FILE = "policy.toml"
"""What the policy's own file is called among the policy's files, whatever it is called on disk."""
POLICY_FILE_LIMIT = 1024 * 1024
"""Bytes of one file of a policy."""

STATE_ROLLBACK = Code(
    "state-rollback",
    VerificationError,
    meaning="the head of the state is older than the caller's counter says it can be",
    cause="the state folder was restored from a backup, or an older head was put back",
    remedy="install the programs again; with a counter, only a newer head is accepted",
)
POLICY_CHANGED = Code(
    "policy-changed",
    VerificationError,
    meaning="the policy's files are not those that the program was admitted under",
    cause="the policy was edited or replaced after the program was admitted",
    remedy="readmit the program: its stored evidence is checked again under the new policy",
)
CLOCK_ROLLBACK = Code(
    "clock-rollback",
    VerificationError,
    meaning="the clock is behind a time at which this host has admitted a program",
    cause="the clock was set back, or was ahead when the last program was admitted",
    remedy="set the clock right",
)
ADMISSION_EXPIRED = Code(
    "admission-expired",
    VerificationError,
    meaning="the admission of a program is no longer valid",
    cause="the policy, its longest admission, a key or a scan has reached its end of life",
    remedy="install the program again with fresh evidence, under a current policy",
)


def check_clock(head: Head, now: int) -> None:
    """Refuse a clock that is behind what the host has seen.

    Raises:
        VerificationError: `clock-rollback`.
    """
    if now < head.time - CLOCK_SKEW:
        raise CLOCK_ROLLBACK(
            "the clock is behind the highest time that this host has trusted",
            found=to_text(now),
            expected=f"{to_text(head.time)} or later",
        )


class Loader:
    """Loads programs from one state under one policy."""

    __slots__ = ("_policy", "_reader")

    def __init__(self, policy: str, reader: StateReader) -> None:
        """Keep the policy's path and the reader of the state."""
        self._policy = policy
        self._reader = reader

    def load(self, app_id: str, *, now: int, floor: int | None = None) -> Program:
        """The program `app_id`, verified.

        Args:
            app_id: which.
            now: seconds since 1970.
            floor: the lowest generation of the head that is accepted: a host's own counter.

        Raises:
            VerificationError: `not-installed`, `mac-invalid`, `record-mismatch`, `record-stale`,
                `state-rollback`, `state-damaged`, `state-malformed`, `policy-changed`,
                `clock-rollback`, `admission-expired`, `digest-mismatch`.
            EnvironmentalError: `state-unreadable`, `mac-key-exposed`.
        """
        return self._reader.steadily(
            lambda head: self._load(head, app_id, now, floor), record_of(app_id)
        )

    def _load(self, head: Head, app_id: str, now: int, floor: int | None) -> Program:
        if floor is not None and head.generation < floor:
            raise STATE_ROLLBACK(
                "the state is older than it was",
                found=f"generation {head.generation}",
                expected=f"at least {floor}",
            )
        record = self._reader.record(head, app_id)
        self._check_policy(head, record)
        check_clock(head, now)
        if now >= record.expires:
            raise ADMISSION_EXPIRED(
                "the admission has expired", found=to_text(now), expected=to_text(record.expires)
            )
        return Program(
            record,
            generation=head.generation,
            wasm=self._reader.blob(record.wasm, "the wasm"),
            config=self._reader.blob(record.config, "the config"),
            assets=None
            if record.assets is None
            else self._reader.blob(record.assets, "the assets"),
        )

    def _check_policy(self, head: Head, record: Record) -> None:
        if record.policy_digest != head.policy.digest:
            raise POLICY_CHANGED(
                "the program was admitted under another policy",
                found=f"serial {record.policy_serial}",
                expected=f"serial {head.policy.serial}",
            )
        folder = os.path.dirname(self._policy)  # noqa: PTH120 - no pathlib here
        for name, digest in head.policy.files:
            own = name == POLICY_FILE
            path = self._policy if own else os.path.join(folder, name)  # noqa: PTH118 - as above
            try:
                data = read(path, POLICY_FILE_LIMIT, name, follow=True)
            except (VerificationError, EnvironmentalError) as error:
                raise POLICY_CHANGED(f"the policy's {name} is gone", found=path) from error
            if hashlib.sha256(data).hexdigest() != digest[7:]:
                raise POLICY_CHANGED(f"the policy's {name} has changed", found=path)
