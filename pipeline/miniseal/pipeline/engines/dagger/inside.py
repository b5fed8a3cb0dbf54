"""The first program of a container: it runs the command through `jail.py` and writes down the rest.

A program: `python -I -S -B inside.py`, beside `jail.py` and `plan.json`, as an unprivileged user in
a container without a network. The command ends as it does in the local sandbox, since `jail.py`
starts it, counts its exit code and kills what it leaves behind; this one bounds its time, keeps the
ends of what it prints, sends lines on where somebody listens, and measures the outputs, so that
nothing too large is carried away. With this one the container ends. What it writes down is no
proof: the command runs as the same user and could have written it too. It needs Python 3.11 and the
standard library alone.
"""

# It runs in somebody else's image, and imports as little of it as can be.
# ruff: noqa: PTH100, PTH101, PTH112, PTH120, PTH123, PTH208

import binascii
import contextlib
import json
import os
import select
import socket
import stat
import subprocess
import sys
import time
from typing import TypedDict

STREAM_LIMIT = 100 * 1024
ENTRIES_LIMIT = 200_000
DEPTH_LIMIT = 65
_CHUNK = 65536
_LINE_LIMIT = 4096
_QUEUE_LIMIT = 256 * 1024
_SEND_SECONDS = 1.0
_GRACE_SECONDS = 5.0


class Plan(TypedDict):
    """What is in `plan.json`."""

    jail: dict[str, object]
    seconds: float
    aged: dict[str, int]
    outputs: list[str]
    answer: str
    lines: str


class Size(TypedDict):
    """How much an output holds; `folder` is whether it still is one, and in its place.

    A socket is told by its name, since it would be left out without a word.
    """

    folder: bool
    bytes: int
    entries: int
    depth: int
    socket: str | None


def main() -> int:
    """Run the plan beside this file; 0 when all that is to be known is written down."""
    here = os.path.dirname(os.path.abspath(__file__))
    with open(f"{here}/plan.json", encoding="utf-8") as file:
        plan: Plan = json.load(file)
    for path, seconds in plan["aged"].items():  # a layer keeps all but the folder's own time
        os.utime(path, (seconds, seconds))
    tails = (bytearray(), bytearray())
    lines = Lines(plan["lines"])
    answer = _run([sys.executable, "-I", "-S", "-B", f"{here}/jail.py"], plan, tails, lines)
    lines.close()
    answer["sizes"] = {path: _measure(path) for path in plan["outputs"]}
    answer["stdout"], answer["stderr"] = (
        binascii.b2a_base64(tail, newline=False).decode() for tail in tails
    )
    with open(plan["answer"], "w", encoding="utf-8") as file:
        json.dump(answer, file)
    return 0


class Lines:
    """Whole lines for somebody outside. Nothing waits for them, and what is too much is lost."""

    def __init__(self, path: str) -> None:
        """Connect, if somebody listens."""
        self._link: socket.socket | None = socket.socket(socket.AF_UNIX)
        self._parts: dict[int, bytes] = {}
        self._queue = bytearray()
        try:
            self._link.connect(path)
            self._link.setblocking(False)
        except OSError:
            self._link = None

    def add(self, number: int, chunk: bytes) -> None:
        """Take what a stream said."""
        if self._link is None:
            return
        *whole, rest = (self._parts.get(number, b"") + chunk).split(b"\n")
        self._parts[number] = rest[-_LINE_LIMIT:]
        for line in whole:
            if len(self._queue) < _QUEUE_LIMIT:
                self._queue += line[:_LINE_LIMIT] + b"\n"
        self.send()

    def send(self) -> bool:
        """Send what can be sent now; whether something is left."""
        try:
            while self._link is not None and self._queue:
                del self._queue[: self._link.send(self._queue)]
        except BlockingIOError:
            pass
        except OSError:
            self._link = None
        return self._link is not None and bool(self._queue)

    def close(self) -> None:
        """Send the rest, lines without an end included, for a moment at most."""
        for number, rest in tuple(self._parts.items()):
            if rest:
                self.add(number, b"\n")
        until = time.monotonic() + _SEND_SECONDS
        while self.send() and time.monotonic() < until:
            time.sleep(0.01)
        if self._link is not None:
            self._link.close()


def _run(
    argv: list[str], plan: Plan, tails: tuple[bytearray, bytearray], lines: Lines
) -> dict[str, object]:
    """Start the jail, hand it its plan, and read until it has answered or time is up."""
    ours, theirs = socket.socketpair()
    ours.sendall(json.dumps(plan["jail"]).encode() + b"\n")
    pipes = [os.pipe(), os.pipe()]
    child = subprocess.Popen(
        argv, stdin=theirs.fileno(), stdout=pipes[0][1], stderr=pipes[1][1], env={}, cwd="/"
    )
    theirs.close()
    for _, end in pipes:
        os.close(end)
    streams = {pipes[number][0]: tails[number] for number in range(2)}
    if not _watch(ours, streams, lines, time.monotonic() + plan["seconds"]):
        ours.close()  # this is how the jail is told to end it all
        with contextlib.suppress(subprocess.TimeoutExpired):
            child.wait(_GRACE_SECONDS)
        return {"timeout": True}
    try:
        answer: dict[str, object] = json.loads(ours.recv(_CHUNK))
    except (OSError, ValueError):
        answer = {"error": "what started the command was killed"}
    return answer


def _watch(link: socket.socket, streams: dict[int, bytearray], lines: Lines, until: float) -> bool:
    """Read the streams until the link has something to say; False if time is up before."""
    poll = select.poll()
    for number in (link.fileno(), *streams):
        poll.register(number, select.POLLIN)
    while (left := until - time.monotonic()) > 0:
        wait = min(left, 0.05 if lines.send() else 60.0)
        ready = [number for number, _ in poll.poll(wait * 1000 + 1)]
        for number in ready:
            if number in streams and not _keep(number, streams[number], lines):
                poll.unregister(number)
        if link.fileno() in ready:
            for number, tail in streams.items():
                os.set_blocking(number, False)
                with contextlib.suppress(BlockingIOError):
                    while _keep(number, tail, lines):
                        pass
            return True
    return False


def _keep(number: int, tail: bytearray, lines: Lines) -> bool:
    chunk = os.read(number, _CHUNK)
    tail += chunk
    del tail[:-STREAM_LIMIT]
    lines.add(number, chunk)
    return bool(chunk)


def _measure(path: str) -> Size:
    """Add up an output, and make its folders readable for whoever carries it away."""
    size: Size = {"folder": False, "bytes": 0, "entries": 0, "depth": 0, "socket": None}
    if os.path.realpath(path) != path or not os.path.isdir(path):
        return size
    size["folder"] = True
    pending = [(path, 1)]
    while pending and size["entries"] <= ENTRIES_LIMIT:
        folder, depth = pending.pop()
        size["depth"] = max(size["depth"], depth)
        if depth > DEPTH_LIMIT:
            break
        with contextlib.suppress(PermissionError):
            os.chmod(folder, stat.S_IMODE(os.lstat(folder).st_mode) | 0o700)
        for name in os.listdir(folder):
            status = os.lstat(f"{folder}/{name}")
            size["entries"] += 1
            if stat.S_ISDIR(status.st_mode):
                pending.append((f"{folder}/{name}", depth + 1))
            elif stat.S_ISREG(status.st_mode):
                size["bytes"] += status.st_size
            elif stat.S_ISSOCK(status.st_mode):
                size["socket"] = f"{folder}/{name}".encode("utf-8", "replace").decode()
    return size


if __name__ == "__main__":
    sys.exit(main())
