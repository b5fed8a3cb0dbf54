"""One HTTP request and its answer, within a budget.

Connections and their TLS are urllib3's. Nothing is repeated here, no redirect is followed, no
credential is known, and no exception of urllib3 gets out.
"""

import errno
import threading
from collections import defaultdict
from collections.abc import Generator, Mapping
from contextlib import contextmanager, suppress
from types import TracebackType
from typing import TYPE_CHECKING, Self
from urllib.parse import urlsplit
from weakref import finalize

from miniseal.formats.errors import Code, MinisealError, UsageError
from miniseal.formats.strictjson import TOO_LARGE
from miniseal.registry.access import Access
from miniseal.registry.checked import CHUNK
from miniseal.registry.remote.codes import (
    REGISTRY_MALFORMED,
    REGISTRY_UNREACHABLE,
    REGISTRY_UNTRUSTED,
)
from miniseal.registry.remote.exchange import Body, Incoming, send
from miniseal.registry.remote.meter import Budget
from miniseal.registry.remote.origin import Origin

if TYPE_CHECKING:
    import socket
    from ssl import SSLContext

    from urllib3.connection import HTTPConnection

__all__ = ["CA_FILE_INVALID", "Answer", "Body", "Wire"]

CA_FILE_INVALID = Code(
    "ca-file-invalid",
    UsageError,
    meaning="a file of certificates to trust cannot be used",
    cause="a file that is missing, or that holds something else than certificates in PEM",
    remedy="name a file with the certificates of the registry's authority, in PEM",
)

_DRAIN = 64 * 1024
_MOST_IDLE = 16
# The other side may have answered before it hung up.
_HUNG_UP = frozenset({errno.EPIPE, errno.ECONNRESET})


class Answer:
    """The answer to a request; its body is read once.

    Attributes:
        url: that was asked for.
        status: of HTTP.
        headers: by name, whatever the case.
    """

    __slots__ = ("_incoming", "_line", "headers", "status", "url")

    def __init__(self, url: str, incoming: Incoming, line: "_Line") -> None:
        """Take over a connection whose answer's header was read."""
        self.url = url
        self.status = incoming.status
        self.headers: Mapping[str, str] = incoming.fields
        self._incoming = incoming
        self._line = line

    def read(self, limit: int) -> bytes:
        """All of the body.

        Raises:
            FormatError: `too-large`; `registry-malformed`, it is compressed.
            EnvironmentalError: `registry-unreachable`, also where it ends early.
        """
        found: list[bytes] = []
        size = 0
        for chunk in self.chunks():
            size += len(chunk)
            if size > limit:
                raise TOO_LARGE(
                    f"answer to {_shown(self.url)} is too large", expected=f"at most {limit} bytes"
                )
            found.append(chunk)
        return b"".join(found)

    def chunks(self) -> Generator[bytes]:
        """The body in pieces.

        Raises:
            FormatError: `registry-malformed`, it is compressed.
            EnvironmentalError: `registry-unreachable`, also where it ends early.
        """
        encoding = self.headers.get("Content-Encoding", "identity")
        if encoding.lower() != "identity":
            raise REGISTRY_MALFORMED("answer is encoded", found=repr(encoding)[:60])
        with _failures(self.url):
            while chunk := self._incoming.read(CHUNK):
                yield chunk

    def __enter__(self) -> Self:
        """The answer itself."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Close it."""
        self.close()

    def close(self) -> None:
        """Let go of the connection; it is used again if the body was read, or nearly."""
        left = self._incoming.left
        if left is not None and 0 < left <= _DRAIN:
            with suppress(MinisealError), _failures(self.url):
                self._incoming.read(left)
        self._line.end(keep=self._incoming.keeps)


class Wire:
    """Connections, kept for the next request."""

    __slots__ = ("__weakref__", "_access", "_idle", "_lock", "_trust")

    def __init__(self, access: Access) -> None:
        """Open none yet.

        Raises:
            UsageError: `ca-file-invalid`.
            EnvironmentalError: `extra-missing`.
        """
        from miniseal.formats.extras import need

        need("registry")
        self._access = access
        self._idle: defaultdict[Origin, list[HTTPConnection]] = defaultdict(list)
        finalize(self, _close, self._idle)
        self._lock = threading.Lock()
        self._trust = None if access.ca_file is None else _trusting(access)

    def ask(
        self,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str],
        budget: Budget,
        body: Body | None = None,
    ) -> Answer:
        """Send a request; whoever gets the answer closes it.

        Raises:
            FormatError: `registry-malformed`.
            EnvironmentalError: `registry-unreachable`, `registry-untrusted`.
        """
        origin = Origin.of_url(url)
        parts = urlsplit(url)
        target = f"{parts.path or '/'}{'?' if parts.query else ''}{parts.query}"
        fields = {
            "Host": origin.authority,
            "User-Agent": "miniseal",
            "Accept-Encoding": "identity",
            **headers,
        }
        with _failures(url):
            line = _Line(self, origin)
            try:
                with line.sending():
                    send(line.sock, method, target, headers=fields, body=body, budget=budget)
                return Answer(url, Incoming(line.sock, method, budget), line)
            except BaseException:
                line.end(keep=False)
                raise

    def take(self, origin: Origin) -> "HTTPConnection":
        """A connection to an origin, of those that wait, or a new one.

        Raises:
            OSError, HTTPError: there is none.
        """
        while True:
            with self._lock:
                waiting = self._idle[origin]
                connection = waiting.pop() if waiting else None
            if connection is None:
                return self._connected(origin)
            if connection.is_connected:
                return connection
            connection.close()

    def give(self, origin: Origin, connection: "HTTPConnection") -> None:
        """Let a connection wait for the next request."""
        with self._lock:
            waiting = self._idle[origin]
            if len(waiting) < _MOST_IDLE:
                waiting.append(connection)
                return
        connection.close()

    def _connected(self, origin: Origin) -> "HTTPConnection":
        from urllib3.connection import HTTPConnection, HTTPSConnection

        seconds = self._access.connect_seconds
        if origin.scheme == "http":
            connection = HTTPConnection(origin.host, origin.port, timeout=seconds)
        else:
            with self._lock:
                self._trust = self._trust or _trusting(self._access)
            connection = HTTPSConnection(
                origin.host, origin.port, timeout=seconds, ssl_context=self._trust
            )
        try:
            connection.connect()
        except BaseException:
            connection.close()
            raise
        if origin.scheme == "https" and not connection.is_verified:
            connection.close()
            raise REGISTRY_UNTRUSTED(f"cannot tell who answers for {origin}")
        return connection


class _Line:
    """A connection in use, for one request and its answer."""

    __slots__ = ("_broken", "_connection", "_origin", "_wire", "sock")

    def __init__(self, wire: Wire, origin: Origin) -> None:
        self._wire = wire
        self._origin = origin
        self._broken = False
        self._connection: HTTPConnection | None = wire.take(origin)
        self.sock: socket.socket = self._connection.sock

    @contextmanager
    def sending(self) -> Generator[None]:
        """Send in the block; whoever hangs up meanwhile may have answered."""
        try:
            yield
        except OSError as error:
            if error.errno not in _HUNG_UP:
                raise
            self._broken = True

    def end(self, *, keep: bool) -> None:
        """Let go of the connection, once; `keep` lets it be used again."""
        connection, self._connection = self._connection, None
        if connection is None:
            return
        if keep and not self._broken:
            self._wire.give(self._origin, connection)
        else:
            connection.close()


def _close(idle: "Mapping[Origin, list[HTTPConnection]]") -> None:
    for connections in idle.values():
        for connection in connections:
            connection.close()


def _trusting(access: Access) -> "SSLContext":
    import ssl

    trust = ssl.create_default_context()
    if access.ca_file is not None:
        try:
            trust.load_verify_locations(access.ca_file)
        except (OSError, ssl.SSLError) as error:
            raise CA_FILE_INVALID(
                f"cannot use {access.ca_file}", found=error.strerror or type(error).__name__
            ) from error
    return trust


@contextmanager
def _failures(url: str) -> Generator[None]:
    """Turn what urllib3 and the operating system say within the block into our words."""
    from http.client import HTTPException
    from ssl import SSLCertVerificationError

    from urllib3.exceptions import HTTPError

    try:
        yield
    except (HTTPError, HTTPException, OSError, ValueError) as error:
        inner = (error.__cause__, *error.args)
        reason = next((each for each in inner if isinstance(each, Exception)), error)
        found = f"{type(reason).__name__}: {' '.join(str(reason).split())}"[:300]
        if isinstance(reason, SSLCertVerificationError):
            raise REGISTRY_UNTRUSTED(
                f"cannot tell who answers for {_shown(url)}", found=found
            ) from error
        raise REGISTRY_UNREACHABLE(f"no answer from {_shown(url)}", found=found) from error


def _shown(url: str) -> str:
    """A URL without its query, which may hold somebody's signature."""
    return url.partition("?")[0][:200]
