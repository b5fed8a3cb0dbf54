"""A release as an OpenTelemetry trace, where the environment asks for one.

A span for the release and one below it for each step, made from the same events as every other
view. The variables are OpenTelemetry's own (`OTEL_*`, `TRACEPARENT`); OTLP over HTTP is the one
protocol. A collector that does not answer costs a release two seconds at its end and nothing else:
a trace is not evidence. Output of steps is not sent.
"""

import threading
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from importlib import metadata
from typing import TYPE_CHECKING, cast

from miniseal.pipeline.events import Event, Sink

if TYPE_CHECKING:
    from opentelemetry.context import Context
    from opentelemetry.sdk.trace import Span as SdkSpan
    from opentelemetry.sdk.trace import SpanProcessor, TracerProvider
    from opentelemetry.trace import Span, Tracer

__all__ = ["FLUSH_SECONDS", "is_configured", "spans"]

FLUSH_SECONDS = 2.0
"""How long the end of a release waits for its last spans to be taken."""

_ENDPOINTS = ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT")
_PROTOCOLS = ("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "OTEL_EXPORTER_OTLP_PROTOCOL")
_LIVE = "OTEL_EXPORTER_OTLP_TRACES_LIVE"
_LIVE_MILLISECONDS = 100


def is_configured(environ: Mapping[str, str]) -> bool:
    """Whether traces are wanted, in a form that is known here."""
    if environ.get("OTEL_SDK_DISABLED", "").strip().lower() == "true":
        return False
    protocol = next((environ[name] for name in _PROTOCOLS if environ.get(name)), "http/protobuf")
    if protocol.strip().lower() != "http/protobuf":
        return False
    exporters = environ.get("OTEL_TRACES_EXPORTER", "")
    if exporters.strip():
        return "otlp" in {name.strip().lower() for name in exporters.split(",")}
    return any(environ.get(name) for name in _ENDPOINTS)


@contextmanager
def spans(environ: Mapping[str, str], name: str) -> Generator[tuple[Sink, ...]]:
    """A sink that makes spans below one called `name`, while the block runs; else no sink.

    Args:
        environ: this process's environment; the exporter reads the rest of it by itself.
        name: of the span around all steps.
    """
    provider = _provider(environ) if is_configured(environ) else None
    if provider is None:
        yield ()
        return
    tracer = provider.get_tracer("miniseal.pipeline", metadata.version("miniseal"))
    trace = _Trace(tracer, _parent(environ), name)
    try:
        yield (trace,)
    finally:
        trace.end()
        _flush(provider)


def _provider(environ: Mapping[str, str]) -> "TracerProvider | None":
    """A provider of our own: the process's global one belongs to whoever embeds us.

    None where its settings are no good: a release does not end for that.
    """
    import logging

    from opentelemetry.sdk.resources import Resource
    from opentelemetry.sdk.trace import TracerProvider

    # its complaints would come between the lines of a release
    logging.getLogger("opentelemetry").addHandler(logging.NullHandler())
    attributes = {"service.version": metadata.version("miniseal")}
    named = "service.name=" in environ.get("OTEL_RESOURCE_ATTRIBUTES", "")
    if not (named or environ.get("OTEL_SERVICE_NAME")):
        attributes["service.name"] = "miniseal"
    provider = TracerProvider(resource=Resource.create(attributes), shutdown_on_exit=False)
    try:
        provider.add_span_processor(_processor(live=_LIVE in environ))
    except (RuntimeError, ValueError):
        return None
    return provider


def _processor(*, live: bool) -> "SpanProcessor":
    """What sends spans when they end; those of `live` when they start as well."""
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
    from opentelemetry.sdk.trace.export import BatchSpanProcessor

    class Live(BatchSpanProcessor):
        """For views that show what is under way, as Dagger's does."""

        def on_start(self, span: "SdkSpan", parent_context: "Context | None" = None) -> None:
            super().on_start(span, parent_context)
            self.on_end(span)

    exporter = OTLPSpanExporter(timeout=FLUSH_SECONDS)
    if live:
        return Live(exporter, schedule_delay_millis=_LIVE_MILLISECONDS)
    return BatchSpanProcessor(exporter)


def _parent(environ: Mapping[str, str]) -> "Context":
    """The context that `TRACEPARENT` names, or an empty one."""
    from opentelemetry.context import Context
    from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

    names = {"traceparent": "TRACEPARENT", "tracestate": "TRACESTATE"}
    carrier = {header: environ[name] for header, name in names.items() if environ.get(name)}
    return TraceContextTextMapPropagator().extract(carrier, Context())


def _flush(provider: "TracerProvider") -> None:
    """Send what is left, for as long as that may take; what hangs then dies with the process."""
    sender = threading.Thread(target=provider.shutdown, name="miniseal-traces", daemon=True)
    sender.start()
    sender.join(FLUSH_SECONDS)


class _Trace:
    """A sink that makes spans of events."""

    def __init__(self, tracer: "Tracer", parent: "Context", name: str) -> None:
        self._tracer = tracer
        self._parent = parent
        self._name = name
        self._whole: Span | None = None
        self._below: Context | None = None
        self._open: dict[str, Span] = {}
        self._now = 0

    def __call__(self, event: Event) -> None:
        """Take the next event."""
        self._now = max(self._now, int(event.time * 1_000_000_000))
        if self._whole is None:
            self._begin()
        if event.event == "started":
            self._open[event.step] = self._start(event.step)
        elif event.event not in {"output", "progress"}:
            span = self._open.pop(event.step, None) or self._start(event.step)
            self._finish(span, event)

    def end(self) -> None:
        """End what is still open: it was interrupted."""
        for span in self._open.values():
            _fail(span, "interrupted", "interrupted")
            span.end(self._now)
        if self._whole is not None:
            if self._open:
                _fail(self._whole, "interrupted", "interrupted")
            self._whole.end(self._now)

    def _begin(self) -> None:
        from opentelemetry.trace import set_span_in_context

        whole = self._tracer.start_span(self._name, context=self._parent, start_time=self._now)
        self._whole = whole
        self._below = set_span_in_context(whole, self._parent)

    def _start(self, step: str) -> "Span":
        attributes: dict[str, str | bool] = {"miniseal.step": step, "miniseal.cached": False}
        return self._tracer.start_span(
            step, context=self._below, attributes=attributes, start_time=self._now
        )

    def _finish(self, span: "Span", event: Event) -> None:
        if event.event == "failed":
            error = cast("Mapping[str, object]", event.data.get("error") or {})
            code, message = str(error.get("code", "")), str(error.get("message", ""))
            for failed in (span, self._whole):
                if failed is not None and (failed is span or code != "interrupted"):
                    _fail(failed, code, message)
        else:
            span.set_attribute("miniseal.cached", event.event == "cached")
            facts = {f"miniseal.fact.{name}": str(value) for name, value in event.data.items()}
            span.set_attributes(facts)
        span.end(self._now)


def _fail(span: "Span", code: str, message: str) -> None:
    from opentelemetry.trace import Status, StatusCode

    span.set_attribute("error.type", code)
    span.set_status(Status(StatusCode.ERROR, message))
