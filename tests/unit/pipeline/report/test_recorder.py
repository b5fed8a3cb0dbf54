import pytest

from miniseal.formats.errors import Code, UsageError
from miniseal.pipeline.events import Events
from miniseal.pipeline.report.recorder import LINES_KEPT, Recorder

BROKEN = Code("broken", UsageError, meaning="m", cause="c", remedy="r")


class Clock:
    """A clock that a test moves."""

    def __init__(self) -> None:
        self.now = 1_000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def recorder() -> Recorder:
    return Recorder()


@pytest.fixture
def events(recorder: Recorder, clock: Clock) -> Events:
    return Events(recorder, clock)


def test_a_step_under_way_runs_since_it_started(
    recorder: Recorder, events: Events, clock: Clock
) -> None:
    events.emit("build", "started")

    run = recorder.runs["build"]
    assert (run.state, run.ended) == ("running", None)
    assert run.seconds(clock.now + 2.5) == 2.5


def test_a_step_that_ends_has_its_facts_and_its_time(
    recorder: Recorder, events: Events, clock: Clock
) -> None:
    with events.step("build") as facts:
        facts["bytes"] = 3
        clock.now += 1.5

    run = recorder.runs["build"]
    assert (run.state, dict(run.facts)) == ("done", {"bytes": 3})
    assert run.seconds(clock.now + 100) == 1.5


def test_a_clock_that_goes_back_makes_no_negative_time(
    recorder: Recorder, events: Events, clock: Clock
) -> None:
    with events.step("build"):
        clock.now -= 10

    assert recorder.runs["build"].seconds(0) == 0.0


def test_a_cached_step_took_no_time(recorder: Recorder, events: Events) -> None:
    events.emit("build", "cached", bytes=3)

    run = recorder.runs["build"]
    assert (run.state, run.seconds(0), dict(run.facts)) == ("cached", 0.0, {"bytes": 3})


def test_steps_at_the_same_time_are_kept_apart(recorder: Recorder, events: Events) -> None:
    with events.step("test"), events.step("sbom"):
        events.emit("test", "output", text="one")
        events.emit("sbom", "output", text="two")

    assert {name: list(run.lines) for name, run in recorder.runs.items()} == {
        "test": ["one"],
        "sbom": ["two"],
    }


def test_of_much_output_the_last_lines_are_kept(recorder: Recorder, events: Events) -> None:
    events.emit("build", "started")
    for number in range(LINES_KEPT + 3):
        events.emit("build", "output", text=str(number))

    run = recorder.runs["build"]
    assert (len(run.lines), run.lines[0], run.dropped) == (LINES_KEPT, "3", 3)


def test_warnings_are_found_among_the_output(recorder: Recorder, events: Events) -> None:
    with events.step("pack"):
        events.emit("pack", "output", text="warning: unused")
        events.emit("pack", "output", text="no warning: here")

    assert recorder.runs["pack"].warnings == ("unused",)


def test_what_is_said_of_no_step_is_a_note(recorder: Recorder, events: Events) -> None:
    events.emit("release", "output", text="warning: open")

    assert (recorder.notes, recorder.runs) == (["warning: open"], {})


def test_the_step_that_failed_by_itself_is_to_blame(recorder: Recorder, events: Events) -> None:
    events.emit("sbom", "started")
    events.emit("test", "started")
    events.emit("sbom", "failed", error={"code": "interrupted", "message": "interrupted"})
    events.emit("test", "failed", error=BROKEN("no").to_json())

    assert recorder.runs["sbom"].state == "stopped"
    assert recorder.failed is recorder.runs["test"]


def test_where_all_was_interrupted_a_stopped_step_ended_it(
    recorder: Recorder, events: Events
) -> None:
    with pytest.raises(KeyboardInterrupt), events.step("test"):
        raise KeyboardInterrupt

    assert recorder.failed is recorder.runs["test"]
    assert recorder.runs["test"].state == "stopped"


def test_nothing_failed_where_all_is_well(recorder: Recorder, events: Events) -> None:
    with events.step("test"):
        pass

    assert recorder.failed is None


def test_events_read_back_make_the_same_recorder(recorder: Recorder, events: Events) -> None:
    with events.step("test") as facts:
        facts["passed"] = 2

    assert Recorder(recorder.events).runs == recorder.runs
