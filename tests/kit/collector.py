"""An OpenTelemetry collector for tests: takes OTLP over HTTP on loopback and keeps the spans."""

import gzip
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Self

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span

__all__ = ["Collector", "attributes"]


def attributes(span: Span) -> dict[str, str | bool]:
    """A span's attributes by name."""
    found: dict[str, str | bool] = {}
    for each in span.attributes:
        kind = each.value.WhichOneof("value")
        found[each.key] = each.value.bool_value if kind == "bool_value" else each.value.string_value
    return found


class Collector:
    """A collector that lives as long as the block.

    Attributes:
        requests: path and message of each request.
        hangs: whether it takes requests and never answers.
    """

    def __init__(self, *, hangs: bool = False) -> None:
        self.requests: list[tuple[str, ExportTraceServiceRequest]] = []
        self.hangs = hangs
        self._over = threading.Event()

    def __enter__(self) -> Self:
        collector = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                data = self.rfile.read(int(self.headers["Content-Length"]))
                if self.headers.get("Content-Encoding") == "gzip":
                    data = gzip.decompress(data)
                collector.take(self.path, data)
                self.send_response(200)
                self.end_headers()

            def log_message(self, *_: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    @property
    def endpoint(self) -> str:
        """Its address, without a path."""
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    @property
    def spans(self) -> dict[str, Span]:
        """Spans by name; of one that came twice the last."""
        return {
            span.name: span
            for _, request in self.requests
            for resource in request.resource_spans
            for scope in resource.scope_spans
            for span in scope.spans
        }

    def take(self, path: str, data: bytes) -> None:
        """Keep a request, or hold it until the block ends."""
        if self.hangs:
            self._over.wait(30)
            return
        message = ExportTraceServiceRequest()
        message.ParseFromString(data)
        self.requests.append((path, message))
