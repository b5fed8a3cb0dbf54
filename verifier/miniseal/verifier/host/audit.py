"""The audit log: one JSON line per decision, each naming the digest of the line before it.

The head holds count and digest of the log as of the last admission decision (`anchor`), so lines up
to there can be neither changed nor taken away. Later lines, which refused loads write without
touching the head, are chained but can still be cut off until the next decision. A line that a crash
left unfinished is cut off by the next one.
"""

import os
from collections.abc import Mapping

from miniseal.formats.digest import sha256
from miniseal.formats.errors import Code, FormatError, VerificationError
from miniseal.formats.members import Members
from miniseal.formats.strictjson import canonical, loads
from miniseal.formats.times import to_text

__all__ = ["AUDIT_BROKEN", "Anchor", "append", "check_log", "entry"]

AUDIT_BROKEN = Code(
    "audit-broken",
    VerificationError,
    meaning="the audit log is not the one that this host wrote",
    cause="lines were changed, inserted or taken away",
    remedy="find out who can write to the state; keep the log as it is",
)

Anchor = tuple[int, str | None]
"""How many lines, and the digest of the last one."""

_LINE_LIMIT = 64 * 1024
_TIMELESS = {"time": None, "seq": None, "previous": None}


def entry(
    event: str, app_id: str, outcome: str, now: int, **details: str | int
) -> dict[str, object]:
    """The members of a line: what was decided about which program, when (seconds since 1970)."""
    return {
        "time": to_text(now),
        "event": event,
        "app_id": app_id[:300],
        "outcome": outcome,
        **details,
    }


def append(
    path: str, anchor: Anchor, members: Mapping[str, object], *, repeat: bool = True
) -> Anchor:
    """Write one line after the last, and return where the log ends then.

    The caller holds the state's lock. Where the log is shorter than its anchor, the line goes on
    from the anchor, so that the gap stays visible.

    Args:
        path: of the log.
        anchor: from the head.
        members: of the line, as `entry` makes them.
        repeat: whether to write a line that differs from the last in its time alone.

    Raises:
        OSError: if the log cannot be read or written.
    """
    file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    try:
        last = _last_line(file)
        found = _entry(last)
        if found is not None and not repeat and {**found, **_TIMELESS} == {**members, **_TIMELESS}:
            return _end(last)
        count, digest = max(anchor, _end(last), key=lambda each: each[0])
        line = canonical({**members, "seq": count + 1, "previous": digest})
        os.lseek(file, 0, os.SEEK_END)
        view = memoryview(line + b"\n")
        while view:
            view = view[os.write(file, view) :]
        os.fsync(file)
    finally:
        os.close(file)
    return count + 1, sha256(line)


def check_log(data: bytes, anchor: Anchor) -> tuple[dict[str, object], ...]:
    """The lines of a log, if they are chained and reach the anchor.

    Raises:
        VerificationError: `audit-broken`.
    """
    entries: list[dict[str, object]] = []
    previous: str | None = None
    count, digest = anchor
    whole, _, _ = data.rpartition(b"\n")
    for number, line in enumerate(whole.split(b"\n") if whole else (), 1):
        found = _entry(line)
        if found is None or found["seq"] != number or found["previous"] != previous:
            raise AUDIT_BROKEN(
                "a line of the audit log is not the next one", found=f"line {number}"
            )
        previous = sha256(line)
        if number == count and previous != digest:
            raise AUDIT_BROKEN(
                "the audit log differs from the head", found=f"line {number}", expected=digest
            )
        entries.append(found)
    if len(entries) < count:
        raise AUDIT_BROKEN(
            "the audit log was cut", found=f"{len(entries)} lines", expected=f"at least {count}"
        )
    return tuple(entries)


def _last_line(file: int) -> bytes:
    """The log's last line; what a crash left behind that line's end is cut off."""
    size = os.fstat(file).st_size
    start = max(0, size - 2 * _LINE_LIMIT)
    tail = os.pread(file, size - start, start)
    whole, _, rest = tail.rpartition(b"\n")
    if rest:
        os.ftruncate(file, size - len(rest))
    return whole.rpartition(b"\n")[2]


def _end(line: bytes) -> Anchor:
    found = _entry(line)
    sequence = found["seq"] if found else 0
    return (sequence, sha256(line)) if isinstance(sequence, int) and sequence else (0, None)


def _entry(line: bytes) -> dict[str, object] | None:
    try:
        members = Members(loads(line, limit=_LINE_LIMIT, what="line"), "line", AUDIT_BROKEN)
        members.integer("seq", least=1)
        members.value("previous")
    except (FormatError, VerificationError):
        return None
    return members.values
