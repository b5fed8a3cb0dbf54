"""The audit log: one JSON line per decision, each naming the digest of the line before it.

The head holds count and digest of the log as of the last admission decision (`anchor`), so lines up
to there can be neither changed nor taken away. Later lines, which refused loads write without
touching the head, are chained but can still be cut off until the next decision. A line that a crash
left unfinished is cut off by the next one.
"""

import os
from collections import deque
from collections.abc import Generator, Iterable, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import BinaryIO

from miniseal.formats.digest import sha256
from miniseal.formats.errors import Code, FormatError, MinisealError, VerificationError
from miniseal.formats.members import Members
from miniseal.formats.strictjson import canonical, loads
from miniseal.formats.times import to_text
from miniseal.verifier.host.files import STATE_UNREADABLE

TYPE_CHECKING = False
if TYPE_CHECKING:
    from miniseal.verifier.host.reader import StateReader

__all__ = ["AUDIT_BROKEN", "NOTHING", "Anchor", "Audit", "append", "entry", "refusal"]

AUDIT_BROKEN = Code(
    "audit-broken",
    VerificationError,
    meaning="the audit log is not the one that this host wrote",
    cause="lines were changed, inserted or taken away",
    remedy="find out who can write to the state; keep the log as it is",
)

Anchor = tuple[int, str | None]
"""How many lines, and the digest of the last one."""
NOTHING: Anchor = (0, None)
"""The end of a log without lines."""

_LINE_LIMIT = 64 * 1024
_TIMELESS = {"time": None, "seq": None, "previous": None}


@dataclass(frozen=True, slots=True, kw_only=True)
class Audit:
    """A log that was read and found whole.

    Attributes:
        count: of its lines.
        digest: of the last of them, or None where there is none.
        anchored: up to this line the head vouches for it; what follows are refused loads.
        generation: of the head.
        entries: the lines that were asked for, oldest first.
    """

    count: int
    digest: str | None
    anchored: int
    generation: int
    entries: tuple[dict[str, object], ...]

    @classmethod
    def read(
        cls,
        state: str,
        reader: "StateReader",
        *,
        app_id: str | None = None,
        last: int | None = None,
        anchors: Iterable[Anchor] = (),
    ) -> "Audit":
        """Read the log of a state and check it against the head; see `Verifier.audit`."""
        head = reader.head()  # first: the log is always ahead of it
        kept: deque[dict[str, object]] = deque(maxlen=last)
        count, digest = NOTHING
        with _opened(f"{state}/audit.jsonl") as lines:
            for line in _chained(lines, (head.audit, *anchors)):
                count, digest = line.end
                if app_id is None or line.members.get("app_id") == app_id:
                    kept.append(line.members)
        return cls(
            count=count,
            digest=digest,
            anchored=head.audit[0],
            generation=head.generation,
            entries=tuple(kept),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Line:
    members: dict[str, object]
    end: Anchor


def entry(
    event: str, app_id: str | None, outcome: str, now: int, **details: str | int
) -> dict[str, object]:
    """The members of a line: what was decided, when (seconds since 1970), about which program.

    A line about none has no `app_id`.
    """
    about = {} if app_id is None else {"app_id": app_id[:300]}
    return {"time": to_text(now), "event": event, **about, "outcome": outcome, **details}


def refusal(
    event: str, app_id: str | None, error: MinisealError, now: int, **details: str | int
) -> dict[str, object]:
    """The members of a line about something that `error` refused."""
    message = error.message[:500]
    return entry(event, app_id, "refused", now, error=error.code, message=message, **details)


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
        if os.fstat(file).st_size == 0:
            _sync_folder(path)  # the head must not come to name a log that a crash takes away
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


def _chained(lines: Iterable[bytes], anchors: Iterable[Anchor]) -> Generator["_Line"]:
    """Each line, while it follows from the one before; in the end every anchor must be reached."""
    expected: dict[int, set[str | None]] = {}
    for count, digest in anchors:
        if count:
            expected.setdefault(count, set()).add(digest)
    number, previous = 0, None
    for number, line in enumerate(lines, 1):
        found = _entry(line)
        if found is None or found["seq"] != number or found["previous"] != previous:
            raise AUDIT_BROKEN(
                "a line of the audit log is not the next one", found=f"line {number}"
            )
        previous = sha256(line)
        wrong = expected.get(number, set()) - {previous}
        if wrong:
            raise AUDIT_BROKEN(
                "the audit log is not the one that was anchored",
                found=f"line {number}, {previous}",
                expected=str(wrong.pop()),
            )
        yield _Line(members=found, end=(number, previous))
    if number < max(expected, default=0):
        raise AUDIT_BROKEN(
            "the audit log was cut",
            found=f"{number} lines",
            expected=f"at least {max(expected)}",
        )


def _lines(stream: BinaryIO, size: int) -> Generator[bytes]:
    """The whole lines among the first `size` bytes: a log may grow while it is read."""
    while (line := stream.readline(min(size, _LINE_LIMIT + 1))).endswith(b"\n"):
        size -= len(line)
        yield line[:-1]
    if len(line) > _LINE_LIMIT:
        yield line


@contextmanager
def _opened(path: str) -> Generator[Iterable[bytes]]:
    """The lines of the log; none where it is not there, and the head says whether that can be."""
    try:
        if not os.path.lexists(path):
            yield ()
            return
        flags = os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK
        with os.fdopen(os.open(path, flags), "rb") as stream:
            yield _lines(stream, os.fstat(stream.fileno()).st_size)
    except OSError as error:
        raise STATE_UNREADABLE(
            f"the audit log cannot be read: {error.strerror}", found=path
        ) from error


def _last_line(file: int) -> bytes:
    """The log's last line; what a crash left behind that line's end is cut off."""
    size = os.fstat(file).st_size
    start = max(0, size - 2 * _LINE_LIMIT)
    tail = os.pread(file, size - start, start)
    whole, _, rest = tail.rpartition(b"\n")
    if rest:
        os.ftruncate(file, size - len(rest))
    return whole.rpartition(b"\n")[2]


def _sync_folder(path: str) -> None:
    folder = os.open(os.path.dirname(path), os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)  # noqa: PTH120 - no pathlib here
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


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
