"""`--progress github`: plain lines for the log of a workflow, with groups and annotations.

What a step says is kept until it ends, since steps run at the same time and groups do not nest:
then it is one group, closed where the step went well and open where it failed. Nothing that a tool
or a stranger wrote can be a command of the runner's.
"""

from collections.abc import Generator
from contextlib import contextmanager
from io import StringIO
from typing import TextIO

from miniseal.pipeline.events import Event, Sink, plain_lines
from miniseal.pipeline.printable import one_line
from miniseal.pipeline.report.recorder import Recorder, Run
from miniseal.pipeline.workflow import command, failure, inert, warned

__all__ = ["grouped"]

_WARNING = "warning: "


@contextmanager
def grouped(stream: TextIO) -> Generator[Sink]:
    """A sink that writes to `stream` while the block runs; at its end what is still open too."""
    log = _Log(stream)
    try:
        yield log
    finally:
        for run in log.recorder.runs.values():
            if run.state == "running":
                log.said(run)


class _Log:
    """The sink."""

    def __init__(self, stream: TextIO) -> None:
        self.recorder = Recorder()
        self._stream = stream
        self._line = StringIO()
        self._plain = plain_lines(self._line)
        self._warnings = 0
        self._failed = False

    def __call__(self, event: Event) -> None:
        self.recorder(event)
        if event.event == "output":
            self._hear(event)
        elif event.event != "progress":
            self._plain(event)
            line = one_line(self._line.getvalue().rstrip())
            self._line.seek(0)
            self._line.truncate()
            if event.event != "started":
                self._end(self.recorder.runs[event.step], line)
        self._stream.flush()

    def said(self, run: Run) -> None:
        """Write what a step said."""
        if run.dropped:
            self._write(f"    ({run.dropped} earlier lines are left out)")
        for text in run.lines:
            self._write(f"    {one_line(text)}")

    def _hear(self, event: Event) -> None:
        """A line of a step is kept; one about the whole is shown, and a warning is annotated."""
        text = str(event.data.get("text", ""))
        whole = event.step not in self.recorder.runs
        if text.startswith(_WARNING):
            about = "" if whole else event.step
            line = warned(about, text.removeprefix(_WARNING), self._warnings)
            self._warnings += 1
            if line is not None:
                self._stream.write(f"{line}\n")
                return
        if whole:
            self._write(one_line(text))

    def _end(self, run: Run, line: str) -> None:
        folded = bool(run.lines) and run.state != "failed"
        if folded:
            self._stream.write(f"{command('group', line.strip())}\n")
        else:
            self._write(line)
        self.said(run)
        if folded:
            self._stream.write(f"{command('endgroup')}\n")
        if run.state == "failed" and not self._failed:
            self._failed = True
            self._stream.write(f"{failure(run.step, run.error)}\n")

    def _write(self, text: str) -> None:
        self._stream.write(f"{inert(text)}\n")
