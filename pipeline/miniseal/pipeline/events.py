"""What a release tells while it works: one event a line, the same for people and for machines.

Every view (plain lines, `--progress json`, later ones) is drawn from these events. Nothing here
prints; a sink does.
"""

import json
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Literal, TextIO

from miniseal.formats import times
from miniseal.formats.errors import MinisealError
from miniseal.pipeline.workflow import inert, inert_json

__all__ = ["Event", "Events", "Sink", "json_lines", "plain_lines", "short"]

Kind = Literal["started", "cached", "output", "progress", "finished", "failed"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """One thing that happened (FORMATS section 7).

    Attributes:
        seq: rises by one from 1.
        time: seconds since the epoch.
        step: the step's name.
        event: what happened to the step.
        data: JSON-able facts: what a step produced, or the `error` of one that failed.
    """

    seq: int
    time: float
    step: str
    event: Kind
    data: dict[str, object]

    def to_json(self) -> dict[str, object]:
        """The event as `--progress json` prints it."""
        return {
            "v": 1,
            "seq": self.seq,
            "time": times.to_text(int(self.time)),
            "step": self.step,
            "event": self.event,
            "data": self.data,
        }


Sink = Callable[[Event], None]


class Events:
    """Numbers events and hands each to a sink."""

    def __init__(self, sink: Sink, clock: Callable[[], float] = time.time) -> None:
        """Send events to `sink`, with times from `clock` (seconds since the epoch)."""
        self._sink = sink
        self._clock = clock
        self._seq = 0

    def emit(self, step: str, event: Kind, **data: object) -> None:
        """Say that `event` happened to `step`."""
        self._seq += 1
        self._sink(
            Event(seq=self._seq, time=self._clock(), step=step, event=event, data=dict(data))
        )

    @contextmanager
    def step(self, name: str) -> Generator[dict[str, object]]:
        """A step: started now, finished (with the facts put into the dict) or failed at the end."""
        facts: dict[str, object] = {}
        error: dict[str, str | None] | None = {"code": "interrupted", "message": "interrupted"}
        self.emit(name, "started")
        try:
            yield facts
            error = None
        except MinisealError as failure:
            error = failure.to_json()
            raise
        except Exception as failure:
            error = {"code": "unexpected", "message": f"{type(failure).__name__}: {failure}"}
            raise
        finally:
            if error is None:
                self.emit(name, "finished", **facts)
            else:
                self.emit(name, "failed", error=error)


def json_lines(stream: TextIO) -> Sink:
    """A sink that writes each event as one JSON line."""

    def sink(event: Event) -> None:
        stream.write(inert_json(json.dumps(event.to_json(), separators=(",", ":"))) + "\n")
        stream.flush()

    return sink


def plain_lines(stream: TextIO) -> Sink:
    """A sink for people: a line when a step ends, with its seconds and what it produced."""
    started: dict[str, float] = {}

    def sink(event: Event) -> None:
        if event.event == "started":
            started[event.step] = event.time
            return
        if event.event == "progress":  # lines stay: a bar would not
            return
        if event.event == "output":
            stream.write(inert(f"  {event.step:<12} {event.data.get('text', '')}\n"))
        else:
            mark = {"finished": "ok", "cached": "cached", "failed": "FAILED"}[event.event]
            seconds = event.time - started.get(event.step, event.time)
            facts = ", ".join(f"{key} {short(value)}" for key, value in event.data.items())
            stream.write(inert(f"  {event.step:<12} {mark:<6} {seconds:5.1f} s  {facts}\n"))
        stream.flush()

    return sink


def short(value: object) -> str:
    """A fact as a line has room for it: of a digest its start, of an error its code."""
    if isinstance(value, dict):
        return str(value.get("code", ""))  # pyright: ignore[reportUnknownMemberType, reportUnknownArgumentType]
    text = str(value)
    return text[:19] if text.startswith("sha256:") else text
