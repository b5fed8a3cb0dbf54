"""The first program of a container: it runs the command through `jail.py` and writes down the rest.

A program: `python -I -S -B inside.py`, beside `jail.py` and `plan.json`, as an unprivileged user in
a container without a network. The command ends as it does in the local sandbox, since `jail.py`
starts it, counts its exit code and kills what it leaves behind; this one bounds its time, keeps the
ends of what it prints and measures the outputs, so that nothing too large is carried away. With
this one the container ends. What it writes down is no proof: the command runs as the same user and
could have written it too. It needs Python 3.11 and the standard library alone.
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
_GRACE_SECONDS = 5.0


class Plan(TypedDict):
    """What is in `plan.json`."""

    jail: dict[str, object]
    seconds: float
    time: int
    aged: list[str]
    outputs: list[str]
    answer: str


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
    for path in plan["aged"]:  # a layer keeps the times of all but the folder it was copied to
        os.utime(path, (plan["time"], plan["time"]))
    tails = (bytearray(), bytearray())
    answer = _run([sys.executable, "-I", "-S", "-B", f"{here}/jail.py"], plan, tails)
    answer["sizes"] = {path: _measure(path) for path in plan["outputs"]}
    answer["stdout"], answer["stderr"] = (
        binascii.b2a_base64(tail, newline=False).decode() for tail in tails
    )
    with open(plan["answer"], "w", encoding="utf-8") as file:
        json.dump(answer, file)
    return 0


def _run(argv: list[str], plan: Plan, tails: tuple[bytearray, bytearray]) -> dict[str, object]:
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
    if not _watch(ours, streams, time.monotonic() + plan["seconds"]):
        ours.close()  # this is how the jail is told to end it all
        with contextlib.suppress(subprocess.TimeoutExpired):
            child.wait(_GRACE_SECONDS)
        return {"timeout": True}
    try:
        answer: dict[str, object] = json.loads(ours.recv(_CHUNK))
    except (OSError, ValueError):
        answer = {"error": "what started the command was killed"}
    return answer


def _watch(link: socket.socket, streams: dict[int, bytearray], until: float) -> bool:
    """Read the streams until the link has something to say; False if time is up before."""
    poll = select.poll()
    for number in (link.fileno(), *streams):
        poll.register(number, select.POLLIN)
    while (left := until - time.monotonic()) > 0:
        ready = [number for number, _ in poll.poll(min(left, 60.0) * 1000 + 1)]
        for number in ready:
            if number in streams and not _keep(number, streams[number]):
                poll.unregister(number)
        if link.fileno() in ready:
            for number, tail in streams.items():
                os.set_blocking(number, False)
                with contextlib.suppress(BlockingIOError):
                    while _keep(number, tail):
                        pass
            return True
    return False


def _keep(number: int, tail: bytearray) -> bool:
    chunk = os.read(number, _CHUNK)
    tail += chunk
    del tail[:-STREAM_LIMIT]
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
