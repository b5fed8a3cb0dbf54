"""Events folded into steps: what every view of a release is drawn from.

A recorder is a sink. It keeps the events as they came, and for each step the state it is in now.
Nothing here draws.
"""

from collections import deque
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Literal, cast

from miniseal.pipeline.events import Event

__all__ = ["LINES_KEPT", "Recorder", "Run", "State"]

State = Literal["running", "done", "cached", "failed", "stopped"]

LINES_KEPT = 2000
"""Lines of a step's output that are kept: the last ones."""

_INTERRUPTED = "interrupted"


@dataclass(slots=True, kw_only=True)
class Run:
    """One step, as far as it is known; changes while events come.

    Attributes:
        step: its name.
        state: `stopped` is a step that was cancelled, because of another one or of the user.
        started: seconds since 1970.
        ended: likewise, or None while it runs.
        facts: what it produced.
        lines: the last lines it said.
        dropped: how many lines were said before these.
        error: the error it failed with, as `MinisealError.to_json` gives it.
        progress: how far it is: `done`, `total` and `unit`, as far as it says so.
    """

    step: str
    state: State = "running"
    started: float
    ended: float | None = None
    facts: Mapping[str, object] = field(default_factory=dict[str, object])
    lines: deque[str] = field(default_factory=lambda: deque[str](maxlen=LINES_KEPT))
    dropped: int = 0
    error: Mapping[str, object] | None = None
    progress: Mapping[str, object] = field(default_factory=dict[str, object])

    @property
    def warnings(self) -> tuple[str, ...]:
        """What it said that nobody should miss, without the word for that."""
        mark = "warning: "
        return tuple(line.removeprefix(mark) for line in self.lines if line.startswith(mark))

    def seconds(self, now: float) -> float:
        """How long it took, or has taken at `now`; never negative, also where a clock went back."""
        return max(0.0, (now if self.ended is None else self.ended) - self.started)


class Recorder:
    """A sink that keeps everything.

    Attributes:
        events: as they came, without those of progress: of these the last one counts.
        runs: by step, in the order in which they began.
        notes: what was said about the whole, under a name that is no step's.
    """

    def __init__(self, events: Iterable[Event] = ()) -> None:
        """Begin with `events`, which came earlier."""
        self.events: list[Event] = []
        self.runs: dict[str, Run] = {}
        self.notes: list[str] = []
        for event in events:
            self(event)

    def __call__(self, event: Event) -> None:
        """Take the next event."""
        run = self.runs.get(event.step)
        if event.event == "progress":
            if run is not None:
                run.progress = event.data
            return
        self.events.append(event)
        if event.event == "output":
            self._say(run, str(event.data.get("text", "")))
        elif event.event == "started" or run is None:
            run = self.runs[event.step] = Run(step=event.step, started=event.time)
        if run is not None:
            _change(run, event)

    @property
    def failed(self) -> Run | None:
        """The step that ended the release: the first that failed by itself, or else was stopped."""
        ended = [run for run in self.runs.values() if run.state in {"failed", "stopped"}]
        ended.sort(key=lambda run: (run.state != "failed", run.ended or 0.0))
        return ended[0] if ended else None

    def _say(self, run: Run | None, text: str) -> None:
        if run is None:
            self.notes.append(text)
            return
        run.dropped += len(run.lines) == LINES_KEPT
        run.lines.append(text)


def _change(run: Run, event: Event) -> None:
    """Let `run` be what `event` says."""
    if event.event == "cached":
        run.state, run.ended, run.facts = "cached", event.time, event.data
    elif event.event == "finished":
        run.state, run.ended, run.facts = "done", event.time, event.data
    elif event.event == "failed":
        error = event.data.get("error")
        known = cast("dict[str, object]", error) if isinstance(error, dict) else {}
        run.error = known
        run.state = "stopped" if known.get("code") == _INTERRUPTED else "failed"
        run.ended = event.time
