"""Processes that are killed in the middle of their work, and what they leave running.

Within `nothing_survives` every orphan becomes a child of this process (Linux: a child subreaper),
so that nothing which a killed command started can hide; at the end there must be none.
"""

import ctypes
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

__all__ = ["Moment", "kill_at", "kill_when", "nothing_survives"]

Moment = tuple[str, str]
"""A step, and what happens to it: `("push", "started")`."""

_PR_SET_CHILD_SUBREAPER = 36
_END_SECONDS = 15.0


@contextmanager
def nothing_survives() -> Generator[None]:
    """Whatever the block starts is gone a few seconds after its end."""
    known = _children()
    _adopt(orphans=True)
    try:
        yield
        left = _wait_for_the_end_of(known)
    finally:
        _adopt(orphans=False)
    assert left == [], "these still run: " + "; ".join(map(_words, left))


def kill_at(
    moment: Moment,
    words: Sequence[str],
    *,
    scratch: Path,
    delay: float = 0.0,
    by: signal.Signals = signal.SIGKILL,
) -> int:
    """Run `miniseal WORDS`, which shows its progress as JSON, and kill it at a moment of that.

    Args:
        moment: when.
        words: the command line.
        scratch: the TMPDIR of the command.
        delay: seconds after the moment.
        by: the signal.

    Returns:
        The exit code: after SIGKILL -9, unless the command was done first.
    """
    with _start(words, scratch) as process:
        assert process.stderr is not None
        for line in process.stderr:
            event = json.loads(line)
            if (event["step"], event["event"]) == moment:
                time.sleep(delay)
                process.send_signal(by)
                break
        process.wait()  # before its stderr is closed: it may still have something to say
    return process.returncode


def kill_when(happened: Callable[[], bool], words: Sequence[str], *, scratch: Path) -> int:
    """Run `miniseal WORDS` and kill it as soon as something has happened; the exit code."""
    with _start(words, scratch) as process:
        while process.poll() is None:
            if happened():
                process.kill()
    return process.returncode


def _start(words: Sequence[str], scratch: Path) -> subprocess.Popen[bytes]:
    scratch.mkdir(exist_ok=True)
    return subprocess.Popen(
        [sys.executable, "-m", "miniseal.cli", *words],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        env={**os.environ, "TMPDIR": str(scratch)},
    )


def _wait_for_the_end_of(known: set[int]) -> list[int]:
    end = time.monotonic() + _END_SECONDS
    while left := sorted(_children() - known):
        for child in left:
            with suppress(ChildProcessError):
                os.waitpid(child, os.WNOHANG)
        if time.monotonic() > end:
            for child in left:
                os.kill(child, signal.SIGKILL)
            break
        time.sleep(0.01)
    return left


def _children() -> set[int]:
    own = os.getpid()
    return {int(folder.name) for folder in Path("/proc").glob("[0-9]*") if _parent(folder) == own}


def _parent(folder: Path) -> int | None:
    try:
        # the name before it is in brackets, and may hold anything
        return int((folder / "stat").read_text().rpartition(")")[2].split()[1])
    except OSError:
        return None


def _words(process: int) -> str:
    with suppress(OSError):
        return Path(f"/proc/{process}/cmdline").read_text().replace("\0", " ")
    return str(process)


def _adopt(*, orphans: bool) -> None:
    done = ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_CHILD_SUBREAPER, int(orphans), 0, 0, 0)
    assert done == 0, os.strerror(ctypes.get_errno())
