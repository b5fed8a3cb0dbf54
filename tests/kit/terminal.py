"""A terminal for tests: a pseudo-terminal of a given size, and a screen that obeys what it gets.

The screen knows what a line-based view uses (line ends, cursor up, erasing, colours, the cursor's
visibility) and nothing else: another sequence is an error, so that what is not looked at cannot
hide.
"""

import fcntl
import os
import pty
import re
import select
import struct
import subprocess
import termios
import time
from collections.abc import Callable, Mapping
from unicodedata import east_asian_width

__all__ = ["Screen", "run_in_terminal"]

_SEQUENCE = re.compile(r"\x1b\[(?P<words>[?0-9;]*)(?P<verb>[A-Za-z])")


class Screen:
    """What a terminal would show, all that scrolled off included.

    Attributes:
        lines: as far as anything was written.
        cursor: whether it is visible.
        widest: the longest line that was ever written, in cells.
        styled: whether anything had a colour or another style.
    """

    def __init__(self, columns: int) -> None:
        self.columns = columns
        self.lines = [""]
        self.cursor = True
        self.widest = 0
        self.styled = False
        self._row = 0
        self._column = 0

    @property
    def text(self) -> str:
        """All lines without spaces at their ends."""
        return "\n".join(line.rstrip() for line in self.lines).rstrip("\n")

    def feed(self, text: str) -> None:
        """Take what a program wrote."""
        at = 0
        while at < len(text):
            match = _SEQUENCE.match(text, at)
            if match:
                self._obey(match["words"], match["verb"])
                at = match.end()
            else:
                self._put(text[at])
                at += 1

    def print(self, text: str) -> None:
        """Take what a program wrote, through a terminal's driver: a line end is also a return."""
        self.feed(text.replace("\n", "\r\n"))

    def _obey(self, words: str, verb: str) -> None:
        if verb == "A":
            self._row = max(0, self._row - int(words or 1))
        elif verb == "K" and words == "2":
            self.lines[self._row] = ""
        elif verb == "m":
            self.styled |= words not in {"", "0"}
        elif verb in "hl" and words == "?25":
            self.cursor = verb == "h"
        else:
            raise AssertionError(f"the screen does not know CSI {words}{verb}")

    def _put(self, char: str) -> None:
        if char == "\r":
            self._column = 0
        elif char == "\n":
            self._row += 1
            self.lines += [""] * (self._row + 1 - len(self.lines))
        else:
            assert char.isprintable(), f"{char!r} reached the terminal"
            line = self.lines[self._row]
            self.lines[self._row] = line[: self._column].ljust(self._column) + char
            self._column += 1
            self.widest = max(self.widest, _cells(self.lines[self._row]))


def _cells(line: str) -> int:
    return sum(2 if east_asian_width(char) in "WF" else 1 for char in line)


def run_in_terminal(
    command: list[str],
    *,
    columns: int,
    rows: int = 40,
    env: Mapping[str, str] | None = None,
    act: Callable[[int, Screen], None] | None = None,
    seconds: float = 30,
) -> tuple[int, Screen]:
    """Run a program whose stdin and stderr are a terminal; its stdout is a pipe to nowhere.

    Args:
        command: the program.
        columns: of the terminal.
        rows: of the terminal.
        env: more of the environment; an empty text removes a variable.
        act: is called with the program's process id and the screen each time something came.
        seconds: after which the test fails.

    Returns:
        The exit code and the screen.
    """
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
    plain = {
        "TERM": "xterm-256color",
        "CI": "",
        "COLUMNS": "",
        "LINES": "",
    }  # the size is the pty's
    environ = {**os.environ, **plain, **(env or {})}
    environ = {name: text for name, text in environ.items() if text}
    screen = Screen(columns)
    with subprocess.Popen(
        command, stdin=theirs, stderr=theirs, stdout=subprocess.DEVNULL, env=environ
    ) as process:
        os.close(theirs)
        try:
            _follow(ours, screen, process.pid, act, time.monotonic() + seconds)
        finally:
            os.close(ours)
            if process.poll() is None:
                try:
                    process.wait(5)
                except subprocess.TimeoutExpired:
                    process.kill()
                    raise
    return process.returncode, screen


def _follow(
    terminal: int,
    screen: Screen,
    pid: int,
    act: Callable[[int, Screen], None] | None,
    until: float,
) -> None:
    kept = b""
    while True:
        assert time.monotonic() < until, f"the program does not end:\n{screen.text}"
        if not select.select([terminal], [], [], 0.5)[0]:
            continue
        try:
            data = os.read(terminal, 65536)
        except OSError:  # what Linux says when the other side is closed
            return
        kept += data
        text, kept = _whole(kept)
        screen.feed(text)
        if act is not None:
            act(pid, screen)


def _whole(data: bytes) -> tuple[str, bytes]:
    """The text of `data`, and what is kept: the start of a character or of a sequence."""
    start = data.rfind(b"\x1b")
    whole = start < 0 or re.match(rb"\x1b\[[?0-9;]*[A-Za-z]", data[start:])
    ready, kept = (data, b"") if whole else (data[:start], data[start:])
    for cut in range(4):
        try:
            return ready[: len(ready) - cut].decode(), ready[len(ready) - cut :] + kept
        except UnicodeDecodeError:
            continue
    raise AssertionError(f"not UTF-8: {data!r}")
