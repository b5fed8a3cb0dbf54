import io
import json

import pytest

from miniseal.formats.errors import Code, UsageError
from miniseal.pipeline.events import Event, Events, json_lines, plain_lines

BROKEN = Code("broken", UsageError, meaning="m", cause="c", remedy="r")
NOW = 1_790_000_000.9


def _collect() -> tuple[Events, list[Event]]:
    seen: list[Event] = []
    return Events(seen.append, lambda: NOW), seen


def test_events_are_numbered_from_one() -> None:
    events, seen = _collect()

    events.emit("a", "started")
    events.emit("a", "finished")

    assert [event.seq for event in seen] == [1, 2]


def test_a_step_that_ends_says_what_it_produced() -> None:
    events, seen = _collect()

    with events.step("build") as facts:
        facts["bytes"] = 3

    assert [(event.event, event.data) for event in seen] == [
        ("started", {}),
        ("finished", {"bytes": 3}),
    ]


def test_a_step_that_is_refused_says_by_which_code() -> None:
    events, seen = _collect()

    with pytest.raises(UsageError, match="no"), events.step("build"):
        raise BROKEN("no")

    assert seen[-1].event == "failed"
    assert seen[-1].data["error"] == BROKEN("no").to_json()


def test_a_step_that_is_interrupted_fails() -> None:
    events, seen = _collect()

    with pytest.raises(KeyboardInterrupt), events.step("build"):
        raise KeyboardInterrupt

    assert seen[-1].event == "failed"


def test_a_json_line_has_the_documented_members() -> None:
    stream = io.StringIO()

    Events(json_lines(stream), lambda: NOW).emit("scan", "finished", findings=0)

    assert json.loads(stream.getvalue()) == {
        "v": 1,
        "seq": 1,
        "time": "2026-09-21T14:13:20Z",
        "step": "scan",
        "event": "finished",
        "data": {"findings": 0},
    }


def test_plain_lines_show_a_step_once_it_ends() -> None:
    stream = io.StringIO()
    events = Events(plain_lines(stream), lambda: NOW)

    with events.step("pack") as facts:
        facts["package"] = "sha256:" + "a" * 64
        events.emit("pack", "output", text="warning: unused")

    assert stream.getvalue().splitlines() == [
        "  pack         warning: unused",
        "  pack         ok       0.0 s  package sha256:aaaaaaaaaaaa",
    ]


def test_plain_lines_show_the_code_of_a_failure() -> None:
    stream = io.StringIO()
    events = Events(plain_lines(stream), lambda: NOW)

    with pytest.raises(UsageError), events.step("gate"):
        raise BROKEN("no")

    assert "FAILED" in stream.getvalue()
    assert "broken" in stream.getvalue()


def test_a_step_that_breaks_says_how() -> None:
    seen: list[Event] = []
    events = Events(seen.append, clock=lambda: 0.0)

    with pytest.raises(ZeroDivisionError), events.step("build"):
        _ = 1 / 0

    assert seen[-1].data["error"] == {
        "code": "unexpected",
        "message": "ZeroDivisionError: division by zero",
    }
