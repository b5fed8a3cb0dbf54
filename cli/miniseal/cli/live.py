"""The live view: every step with its state and seconds, redrawn in place on a terminal.

Drawn from a recorder, so that it says what the other views say. Only this module needs `rich`, and
only a terminal needs this module.
"""

import threading
import time
from collections import Counter
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import groupby
from typing import TextIO

from rich.console import Console, ConsoleOptions, RenderResult
from rich.live import Live
from rich.text import Text

from miniseal.pipeline.events import Event, short
from miniseal.pipeline.printable import one_line, size
from miniseal.pipeline.report.recorder import Recorder, Run

__all__ = ["Board", "live"]

_FRAMES_A_SECOND = 10
_WAITING = frozenset({"waiting"})
_RESTING = frozenset({"waiting", "done", "cached"})
_WAYS = (
    *((4, shared) for shared in (frozenset[str](), _WAITING, _RESTING)),
    *((tail, _RESTING) for tail in (2, 1, 0)),
)
"""How many lines of output a running step shows, and which states share a line."""
_FINAL = ((0, _WAITING),)
_LEAST_NAME = 12
_SECONDS = 7
_BAR = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class _Marks:
    """What stands before a step."""

    states: dict[str, str]
    spinner: str
    waiting: str
    rail: str
    more: str
    bar: str


_UNICODE = _Marks(
    states={"done": "✓", "cached": "✓", "failed": "✗", "stopped": "■"},
    spinner="⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏",
    waiting="·",
    rail="│",
    more="…",
    bar="█░",
)
_ASCII = _Marks(
    states={"done": "+", "cached": "+", "failed": "x", "stopped": "#"},
    spinner="|/-\\",
    waiting=".",
    rail="|",
    more="...",
    bar="#.",
)
_STYLES = {
    "running": "cyan",
    "done": "green",
    "cached": "green",
    "failed": "bold red",
    "stopped": "yellow",
}


class Board:
    """What is drawn: steps in the graph's order, then those that the graph does not know."""

    def __init__(
        self, steps: Iterable[str] = (), *, clock: Callable[[], float] = time.time
    ) -> None:
        """Begin with `steps` waiting; `clock` is that of the events."""
        self.recorder = Recorder()
        self.final = False
        self._steps = tuple(steps)
        self._clock = clock
        self._lock = threading.Lock()  # the screen is drawn by a thread of its own

    def __call__(self, event: Event) -> None:
        """Take an event."""
        with self._lock:
            self.recorder(event)

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        """The lines of this moment, none wider or, until the end, more than the terminal holds."""
        marks = _ASCII if options.ascii_only else _UNICODE
        room = None if self.final else console.height - 1
        with self._lock:
            lines = self._fitted(marks, self._clock(), room)
        for line in lines:
            line.truncate(options.max_width, overflow="crop" if marks is _ASCII else "ellipsis")
            yield line

    def _fitted(self, marks: _Marks, now: float, room: int | None) -> list[Text]:
        """The first way to draw that has room: steps at rest share a line before output is cut."""
        ways = _FINAL if room is None else _WAYS
        drawn = (self._tree(marks, now, *way) for way in ways)
        lines = next((lines for lines in drawn if room is None or len(lines) <= room), None)
        if lines is None:
            lines = self._tree(marks, now, *_WAYS[-1])
            lines = [*lines[: max(0, (room or 1) - 1)], _quiet(f" {marks.more}")]
        return lines

    def _tree(self, marks: _Marks, now: float, tail: int, shared: frozenset[str]) -> list[Text]:
        runs = self.recorder.runs
        names = [*self._steps, *(name for name in runs if name not in self._steps)]
        width = max([_LEAST_NAME, *(len(one_line(name)) for name in names)])
        lines = [_note(text) for text in self.recorder.notes]
        for state, group in groupby(names, key=lambda name: self._kind(name, shared)):
            if state in shared:
                lines.append(_together(marks, state, [*group], over=self.final))
                continue
            for name in group:
                run = runs.get(name)
                if run is None:
                    lines.append(_quiet(f" {marks.waiting} {one_line(name)}"))
                else:
                    lines += _step(marks, run, self._state(name), now, width=width, tail=tail)
        lines.append(self._sum(now))
        return lines

    def _state(self, name: str) -> str:
        """As the recorder says, and two words more for what it does not know."""
        run = self.recorder.runs.get(name)
        if run is None:
            return "waiting"
        return "stopped" if self.final and run.state == "running" else run.state

    def _kind(self, name: str, shared: frozenset[str]) -> str:
        """The state, with the two that share a line if steps at rest do."""
        state = self._state(name)
        return "done" if state == "cached" and state in shared else state

    def _sum(self, now: float) -> Text:
        """How many steps did what, and how long all of it took."""
        runs = self.recorder.runs.values()
        counts = Counter(self._state(run.step) for run in runs)
        words = {"done": "ran", "running": "running", "cached": "cached"}
        words |= {"failed": "failed", "stopped": "stopped"}
        parts = [f"{counts[state]} {word}" for state, word in words.items() if counts[state]]
        since = min((run.started for run in runs), default=now)
        until = now
        if self.final:
            until = max((run.ended or now for run in runs), default=now)
        return _quiet(f"   {', '.join(parts) or 'starting'}  {_duration(max(0.0, until - since))}")


def _together(marks: _Marks, state: str, names: list[str], *, over: bool) -> Text:
    """Steps at rest in one line."""
    listed = ", ".join(map(one_line, names))
    if state == "waiting":
        return _quiet(f"   not run: {listed}" if over else f" {marks.waiting} {listed}")
    line = Text(no_wrap=True)
    line.append(f" {marks.states[state]} ", style=_STYLES[state])
    line.append(listed, style="dim")
    return line


def _step(
    marks: _Marks, run: Run, state: str, now: float, *, width: int, tail: int
) -> Iterator[Text]:
    """A step's line, and below it what it says or has warned of."""
    yield _row(marks, run, state, now, width)
    if state == "running":
        said = list(run.lines)[max(0, len(run.lines) - tail) :]
        yield from (_quiet(f"   {marks.rail} {one_line(text)}") for text in said)
    else:
        for text in run.warnings:
            yield Text(f"   {marks.rail} warning: {one_line(text)}", style="yellow", no_wrap=True)


def _row(marks: _Marks, run: Run, state: str, now: float, width: int) -> Text:
    """A step in one line: mark, name, time, what came of it."""
    style = _STYLES[state]
    frame = marks.spinner[int(now * _FRAMES_A_SECOND) % len(marks.spinner)]
    row = Text(no_wrap=True)
    row.append(f" {marks.states.get(state, frame)} ", style=style)
    strong = "bold" if state in {"running", "failed"} else ""
    row.append(f"{one_line(run.step):<{width}}  ", style=strong)
    spent = "cached" if state == "cached" else _duration(run.seconds(now))
    row.append(f"{spent:>{_SECONDS}}  ", style="dim")
    if state == "failed":
        error = run.error or {}
        row.append(one_line(f"{error.get('code')}: {error.get('message')}"), style="red")
    elif state == "stopped":
        row.append("stopped", style=style)
    elif state == "running" and run.progress:
        row.append(_bar(marks, run.progress), style=style)
    else:
        row.append(_facts(run), style="dim")
    return row


def _bar(marks: _Marks, progress: Mapping[str, object]) -> str:
    """How far a step is; a bar where it is known how much there is to do."""
    done, total = (_count(progress.get(name)) for name in ("done", "total"))
    show = size if progress.get("unit") == "bytes" else str
    if not total:
        return show(done)
    filled = min(_BAR, done * _BAR // total)
    drawn = marks.bar[0] * filled + marks.bar[1] * (_BAR - filled)
    return f"{drawn} {min(100, done * 100 // total):>3}%  {show(done)} of {show(total)}"


def _count(value: object) -> int:
    return value if isinstance(value, int) and value > 0 else 0


def _facts(run: Run) -> str:
    return one_line(", ".join(f"{name} {short(value)}" for name, value in run.facts.items()))


def _quiet(text: str) -> Text:
    return Text(text, style="dim", no_wrap=True)


def _note(text: str) -> Text:
    return Text(one_line(text), style="yellow" if text.startswith("warning:") else "", no_wrap=True)


def _duration(seconds: float) -> str:
    """Seconds with a tenth, as `4.2s`, or minutes, as `12m05s`."""
    if seconds < 60:
        return f"{int(seconds * 10) / 10:.1f}s"
    return f"{int(seconds) // 60}m{int(seconds) % 60:02}s"


@contextmanager
def live(
    stream: TextIO, steps: Sequence[str] = (), *, clock: Callable[[], float] = time.time
) -> Generator[Board]:
    """Draw a board on `stream` while the block runs, and leave its last state there.

    The cursor comes back however the block ends. What a failed step said is then printed in full.
    """
    console = Console(file=stream, force_terminal=True, highlight=False, markup=False, emoji=False)
    board = Board(steps, clock=clock)
    drawn = Live(
        board,
        console=console,
        refresh_per_second=_FRAMES_A_SECOND,
        redirect_stdout=False,  # stdout is data
        vertical_overflow="crop",
    )
    try:
        with drawn:
            try:
                yield board
            finally:
                board.final = True
    finally:
        failed = board.recorder.failed
        for line in _output(failed) if failed is not None and failed.state == "failed" else ():
            console.print(line, soft_wrap=True)


def _output(run: Run) -> Iterator[Text]:
    """Everything that a failed step said."""
    if not run.lines:
        return
    yield Text(f"\n{one_line(run.step)} said:", style="bold")
    if run.dropped:
        yield Text(f"  ({run.dropped} earlier lines are left out)", style="dim")
    for line in run.lines:
        yield Text(f"  {one_line(line)}")
