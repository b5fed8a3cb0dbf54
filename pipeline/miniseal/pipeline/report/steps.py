"""The steps of a release as rows: a state in a word, the time, what came of it, a bar."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from miniseal.pipeline.report.layout import GraphNode
from miniseal.pipeline.report.model import Report
from miniseal.pipeline.report.recorder import Run
from miniseal.pipeline.report.words import duration

__all__ = ["WORDS", "Row", "State", "Timeline", "said_by", "timeline_of"]

State = Literal["done", "cached", "failed", "stopped", "unneeded", "unreached"]

WORDS: Mapping[State, str] = {
    "done": "ran",
    "cached": "cached",
    "failed": "failed",
    "stopped": "stopped",
    "unneeded": "not needed",
    "unreached": "not reached",
}
_TICKS = 4
_SHOWN = 300
"""Lines of a failed step's output on a page: the last ones."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One step.

    Attributes:
        node: the step.
        state: how it ended.
        spent: its time in words; empty where it did not run.
        facts: what it produced, as texts by name.
        warnings: what it warned of.
        offset: where its bar begins, in percent of the whole.
        share: how long its bar is.
    """

    node: GraphNode
    state: State
    spent: str = ""
    facts: tuple[tuple[str, str], ...] = ()
    warnings: tuple[str, ...] = ()
    offset: str = "0"
    share: str = "0"

    @property
    def name(self) -> str:
        """Of the step."""
        return self.node.name

    @property
    def word(self) -> str:
        """The state for people."""
        return WORDS[self.state]

    @property
    def under(self) -> str:
        """What stands by its name in a picture: the time, or the word; its mark says the rest."""
        words = {"done": self.spent, "unneeded": "", "unreached": ""}
        return words.get(self.state, self.word)


@dataclass(frozen=True, slots=True, kw_only=True)
class Timeline:
    """All steps, and how long all of it took.

    Attributes:
        rows: in the graph's order.
        more: what the graph does not know.
        seconds: from the first event to the last.
        ticks: texts along the axis, from 0 to the end.
    """

    rows: tuple[Row, ...]
    more: tuple[Row, ...]
    seconds: float
    ticks: tuple[str, ...]

    def in_state(self, *states: State) -> list[Row]:
        """The rows in one of these states."""
        return [row for row in (*self.rows, *self.more) if row.state in states]


def timeline_of(report: Report) -> Timeline:
    """The steps of a report."""
    events = report.recorder.events
    begin = min((event.time for event in events), default=0.0)
    end = max((event.time for event in events), default=0.0)
    runs = report.recorder.runs
    known = {node.name for node in report.graph}
    others = [GraphNode(name=name) for name in runs if name not in known]
    ticks = [_tick((end - begin) * at / _TICKS, end - begin) for at in range(_TICKS + 1)]
    return Timeline(
        rows=tuple(_row(report, node, runs.get(node.name), begin, end) for node in report.graph),
        more=tuple(_row(report, node, runs.get(node.name), begin, end) for node in others),
        seconds=end - begin,
        ticks=tuple(ticks),
    )


def said_by(run: Run) -> tuple[tuple[str, ...], int]:
    """The last lines that a step said, and how many there were before."""
    lines = tuple(run.lines)[-_SHOWN:]
    return lines, run.dropped + len(run.lines) - len(lines)


def _row(report: Report, node: GraphNode, run: Run | None, begin: float, end: float) -> Row:
    if run is None:
        return Row(node=node, state="unneeded" if report.finished else "unreached")
    state: State = "stopped" if run.state == "running" else run.state
    whole = max(end - begin, 0.001)
    spent = run.seconds(end)
    offset = min(max(run.started - begin, 0.0), whole)
    return Row(
        node=node,
        state=state,
        spent="" if state == "cached" else duration(spent),
        facts=tuple((name, str(value)) for name, value in run.facts.items()),
        warnings=run.warnings,
        offset=_percent(offset / whole),
        share=_percent(min(spent, whole - offset) / whole),
    )


def _tick(at: float, whole: float) -> str:
    """A time on the axis, all of one axis in one unit where that is short."""
    if at == 0:
        return "0"
    return f"{round(at * 1000)} ms" if whole < 1 else duration(max(at, 0.1))


def _percent(part: float) -> str:
    """A number for CSS, the same text everywhere."""
    return f"{part * 100:.2f}".rstrip("0").rstrip(".")
