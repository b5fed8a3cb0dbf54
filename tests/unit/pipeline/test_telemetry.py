import subprocess
import sys
import time
from collections.abc import Iterator

import pytest
from opentelemetry.proto.trace.v1.trace_pb2 import Status

from kit.collector import Collector, attributes
from kit.reports import failed, interrupted, released
from miniseal.pipeline import telemetry
from miniseal.pipeline.report.recorder import Recorder

TRACE, PARENT = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
ERROR = Status.STATUS_CODE_ERROR


@pytest.fixture(autouse=True)
def _clean(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("TRACEPARENT", "OTEL_SDK_DISABLED", "OTEL_TRACES_EXPORTER"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def collector(monkeypatch: pytest.MonkeyPatch) -> Iterator[Collector]:
    with Collector() as running:
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", running.endpoint)
        yield running


def play(recorder: Recorder, **environ: str) -> int:
    """Send what happened, and say how many sinks took it."""
    environ.setdefault("OTEL_EXPORTER_OTLP_ENDPOINT", "set")
    with telemetry.spans(environ, "miniseal release") as sinks:
        for event in recorder.events:
            for sink in sinks:
                sink(event)
    return len(sinks)


ENDPOINT = {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:9"}


@pytest.mark.parametrize(
    "environ",
    [
        ENDPOINT,
        {"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "http://127.0.0.1:9/v1/traces"},
        {"OTEL_TRACES_EXPORTER": "otlp"},
        {"OTEL_TRACES_EXPORTER": "console, OTLP"},
        {**ENDPOINT, "OTEL_EXPORTER_OTLP_PROTOCOL": "http/protobuf"},
        {**ENDPOINT, "OTEL_SDK_DISABLED": "false"},
    ],
)
def test_traces_are_made_where_they_are_asked_for(environ: dict[str, str]) -> None:
    assert telemetry.is_configured(environ)


@pytest.mark.parametrize(
    "environ",
    [
        {},
        {"OTEL_SERVICE_NAME": "x"},
        {"OTEL_EXPORTER_OTLP_ENDPOINT": ""},
        {**ENDPOINT, "OTEL_SDK_DISABLED": "true"},
        {**ENDPOINT, "OTEL_SDK_DISABLED": " TRUE "},
        {**ENDPOINT, "OTEL_TRACES_EXPORTER": "none"},
        {**ENDPOINT, "OTEL_TRACES_EXPORTER": "console"},
        {**ENDPOINT, "OTEL_EXPORTER_OTLP_PROTOCOL": "grpc"},
    ],
)
def test_and_nowhere_else(environ: dict[str, str]) -> None:
    assert not telemetry.is_configured(environ)
    with telemetry.spans(environ, "miniseal release") as sinks:
        assert sinks == ()


def test_each_step_is_a_span_below_the_release(collector: Collector) -> None:
    assert play(released().recorder) == 1

    spans = collector.spans
    whole = spans.pop("miniseal release")
    assert {path for path, _ in collector.requests} == {"/v1/traces"}
    assert set(spans) == {*released().recorder.runs}
    assert {span.parent_span_id for span in spans.values()} == {whole.span_id}
    assert {span.trace_id for span in spans.values()} == {whole.trace_id}
    assert not whole.parent_span_id


def test_a_span_is_as_long_as_its_step(collector: Collector) -> None:
    recorder = released().recorder
    play(recorder)

    run, span = recorder.runs["rebuild"], collector.spans["rebuild"]
    assert span.start_time_unix_nano == int(run.started * 1_000_000_000)
    assert (span.end_time_unix_nano - span.start_time_unix_nano) / 1e9 == pytest.approx(4.0, 0.1)
    whole = collector.spans["miniseal release"]
    assert whole.end_time_unix_nano == max(s.end_time_unix_nano for s in collector.spans.values())


def test_a_span_has_what_the_step_produced(collector: Collector) -> None:
    play(released().recorder)

    found = attributes(collector.spans["test"])
    assert found == {"miniseal.step": "test", "miniseal.cached": True, "miniseal.fact.passed": "4"}
    assert attributes(collector.spans["build"])["miniseal.cached"] is False


def test_output_is_not_sent(collector: Collector) -> None:
    play(released().recorder)

    assert "asc src/index.ts" not in str(collector.requests)


def test_a_failure_is_an_error_of_its_step_and_of_the_release(collector: Collector) -> None:
    play(failed().recorder)

    for name in ("gate", "miniseal release"):
        span = collector.spans[name]
        assert (span.status.code, span.status.message) == (ERROR, "1 possible secret")
        assert attributes(span)["error.type"] == "secret-found"
    assert collector.spans["test"].status.code == ERROR
    assert collector.spans["pack"].status.code != ERROR


def test_what_was_under_way_is_ended_as_interrupted(collector: Collector) -> None:
    recorder = interrupted().recorder
    del recorder.events[-1]
    play(recorder)

    for name in ("fetch", "miniseal release"):
        assert attributes(collector.spans[name])["error.type"] == "interrupted"
        assert collector.spans[name].end_time_unix_nano > 0


def test_a_release_joins_the_trace_that_it_runs_in(collector: Collector) -> None:
    play(released().recorder, TRACEPARENT=f"00-{TRACE}-{PARENT}-01")

    whole = collector.spans["miniseal release"]
    assert (whole.trace_id.hex(), whole.parent_span_id.hex()) == (TRACE, PARENT)


def test_a_parent_that_cannot_be_read_is_none(collector: Collector) -> None:
    play(released().recorder, TRACEPARENT="nonsense")

    assert not collector.spans["miniseal release"].parent_span_id


def test_live_traces_show_a_step_before_it_ends(collector: Collector) -> None:
    events = interrupted().recorder.events
    environ = {"OTEL_EXPORTER_OTLP_ENDPOINT": "set", "OTEL_EXPORTER_OTLP_TRACES_LIVE": "1"}
    with telemetry.spans(environ, "miniseal release") as (sink,):
        for event in events[:-1]:
            sink(event)
        until = time.monotonic() + 10
        while "fetch" not in collector.spans and time.monotonic() < until:
            time.sleep(0.05)
        assert collector.spans["fetch"].end_time_unix_nano == 0
        sink(events[-1])

    assert collector.spans["fetch"].end_time_unix_nano > 0


def test_the_service_has_a_name_that_the_environment_may_change(
    collector: Collector, monkeypatch: pytest.MonkeyPatch
) -> None:
    play(released().recorder)
    monkeypatch.setenv("OTEL_SERVICE_NAME", "nightly")
    play(released().recorder, OTEL_SERVICE_NAME="nightly")

    names = [
        each.value.string_value
        for _, request in collector.requests
        for resource in request.resource_spans
        for each in resource.resource.attributes
        if each.key == "service.name"
    ]
    assert names == ["miniseal", "nightly"]


def test_no_events_make_no_trace(collector: Collector) -> None:
    play(Recorder())

    assert collector.requests == []


PROGRAM = """
import os, sys, time
from kit.reports import released
from miniseal.pipeline import telemetry
events = released().recorder.events
with telemetry.spans(os.environ, "miniseal release") as sinks:
    began = time.monotonic()
    for event in events:
        for sink in sinks:
            sink(event)
    working = time.monotonic() - began
print("opentelemetry" in sys.modules, working < 1.5, time.monotonic() - began)
"""


def run(environ: dict[str, str]) -> tuple[list[str], float]:
    """What a process of its own says, and how long it lived."""
    began = time.monotonic()
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM],
        env={"PYTHONPATH": "tests", "PATH": "/usr/bin", **environ},
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    assert done.stderr == ""
    return done.stdout.split(), time.monotonic() - began


def test_nothing_is_imported_where_nothing_is_configured() -> None:
    assert run({})[0][0] == "False"


def test_a_collector_that_is_not_there_changes_nothing() -> None:
    said, _ = run(ENDPOINT)

    assert said[:2] == ["True", "True"]
    assert float(said[2]) < telemetry.FLUSH_SECONDS + 2


def test_a_collector_that_never_answers_costs_two_seconds_at_most() -> None:
    with Collector(hangs=True) as collector:
        said, lived = run({"OTEL_EXPORTER_OTLP_ENDPOINT": collector.endpoint})

    assert said[:2] == ["True", "True"]
    assert float(said[2]) < telemetry.FLUSH_SECONDS + 2
    assert lived < telemetry.FLUSH_SECONDS + 10  # the process ends, whatever hangs


def test_settings_that_are_no_good_make_no_trace(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:9")
    monkeypatch.setenv("OTEL_BSP_MAX_QUEUE_SIZE", "1")  # less than a batch

    assert play(released().recorder) == 0
