"""A request and its answer on one connection, as HTTP/1.1 has them (RFC 9112).

`http.client` and urllib3 take three times as long for an answer as it takes here, and that is most
of what a small blob costs. There is less of it: no folded requests, no trailers that matter, no
encodings but `chunked`. What could be understood in two ways is refused.
"""

import io
import re
import socket
from collections.abc import Iterable, Iterator, Mapping
from itertools import chain

from miniseal.registry.remote.codes import REGISTRY_MALFORMED
from miniseal.registry.remote.meter import Budget, Meter

__all__ = ["Body", "Fields", "Incoming", "send"]

Body = bytes | Iterable[bytes]

_BUFFER = 64 * 1024
_LINE = 64 * 1024
_MOST_FIELDS = 100
_SWITCHING = 101
_BODILESS = frozenset({204, 304})
_WITH_BODY = frozenset({"POST", "PUT", "PATCH"})
_STATUS = re.compile(rb"HTTP/1\.([0-9]) ([1-9][0-9]{2})(?: .*)?")
_TOKEN = re.compile(rb"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_LENGTHS = re.compile(r"[0-9]{1,18}(?:\s*,\s*[0-9]{1,18})*")
_SIZE = re.compile(rb"([0-9A-Fa-f]{1,15})[ \t]*(?:;.*)?")
_SENT = re.compile(r"[\t\x20-\x7e\x80-\xff]*")


class Fields(Mapping[str, str]):
    """Header fields by name, whatever the case; of fields with one name, the values joined."""

    __slots__ = ("_values",)

    def __init__(self, values: dict[str, str]) -> None:
        """Take fields whose names are in lower case."""
        self._values = values

    def __getitem__(self, name: str) -> str:
        """The value of a field."""
        return self._values[name.lower()]

    def __iter__(self) -> Iterator[str]:
        """Their names."""
        return iter(self._values)

    def __len__(self) -> int:
        """How many names there are."""
        return len(self._values)


def send(
    sock: socket.socket,
    method: str,
    target: str,
    *,
    headers: Mapping[str, str],
    body: Body | None,
    budget: Budget,
) -> None:
    """Send a request; a body in pieces needs a `Content-Length` among `headers`.

    Raises:
        OSError: it could not be sent, or not in time.
        ValueError: a header field cannot be one.
    """
    pieces: Iterable[bytes] = (body or b"",) if isinstance(body, bytes | None) else body
    fields = dict(headers)
    if isinstance(body, bytes) or (body is None and method in _WITH_BODY):
        fields["Content-Length"] = str(len(body or b""))
    if wrong := [name for name, value in fields.items() if not _SENT.fullmatch(value)]:
        raise ValueError(f"header field {wrong[0]} has a character that none may have")
    lines = (f"{method} {target} HTTP/1.1", *(f"{n}: {v}" for n, v in fields.items()), "", "")
    left = iter(pieces)
    first = next(left, b"")
    begun = "\r\n".join(lines).encode("latin-1")
    # what is small goes with its header, in one packet
    together = (begun + first,) if len(first) < _BUFFER else (begun, first)
    for piece in chain(together, left):
        sock.settimeout(budget.patient)
        sock.sendall(piece)


class Incoming:
    """An answer on its way.

    Attributes:
        status: of HTTP.
        fields: of its header.
        left: bytes of the body that are still to come; None where that is not known.
        ended: whether all of the body was read.
    """

    __slots__ = (
        *("_chunked", "_in_chunk", "_keeps", "_meter", "_source", "_taken"),
        *("ended", "fields", "left", "status"),
    )

    def __init__(self, sock: socket.socket, method: str, budget: Budget) -> None:
        """Read the header of the answer to a request with `method`.

        Raises:
            FormatError: `registry-malformed`.
            OSError: it does not come, or not in time.
        """
        self._meter = Meter(sock, budget)
        self._source = io.BufferedReader(self._meter, _BUFFER)
        self._taken = 0
        minor, self.status = _status(self._line())
        self.fields = self._fields()
        while self.status < 200 and self.status != _SWITCHING:
            minor, self.status = _status(self._line())
            self.fields = self._fields()
        coding = self.fields.get("transfer-encoding", "").strip().lower()
        length = _length(self.fields.get("content-length"))
        if coding not in {"", "chunked"} or (coding and minor == 0):
            raise REGISTRY_MALFORMED("answer has a coding of its own", found=repr(coding)[:60])
        self._chunked = bool(coding)
        self._in_chunk = 0
        self.left = None if coding else length
        if method == "HEAD" or self.status in _BODILESS:
            self._chunked, self.left = False, 0
        options = self.fields.get("connection", "").lower()
        self._keeps = (
            ("close" not in options if minor else "keep-alive" in options)
            and not (coding and length is not None)
            and (self._chunked or self.left is not None)
        )
        self.ended = self.left == 0

    @property
    def keeps(self) -> bool:
        """Whether the connection may be used again: the body is over, and nothing came after it."""
        return self._keeps and self.ended and self._taken == self._meter.received

    def read(self, most: int) -> bytes:
        """Some of the body, up to `most` bytes; nothing is its end.

        Raises:
            FormatError: `registry-malformed`.
            OSError: it does not come in time, or ends early.
        """
        if self.ended:
            return b""
        if self._chunked:
            return self._of_chunk(most)
        data = self._take(most if self.left is None else min(most, self.left))
        if self.left is not None:
            self.left -= len(data)
            if not data:
                raise ConnectionError(f"answer ends {self.left} bytes early")
        self.ended = self.left == 0 or not data
        return data

    def _of_chunk(self, most: int) -> bytes:
        if not self._in_chunk:
            size = _SIZE.fullmatch(self._line())
            if size is None:
                raise ConnectionError("answer has a chunk without a size")
            self._in_chunk = int(size[1], 16)
        if not self._in_chunk:
            while self._line():
                pass
            self.ended = True
            return b""
        data = self._take(min(most, self._in_chunk))
        self._in_chunk -= len(data)
        if not data:
            raise ConnectionError("answer ends within a chunk")
        if not self._in_chunk and self._line():
            raise ConnectionError("answer has a chunk that is longer than it says")
        return data

    def _take(self, size: int) -> bytes:
        data = self._source.read(size)
        self._taken += len(data)
        return data

    def _fields(self) -> Fields:
        values: dict[str, str] = {}
        name = ""
        for _ in range(_MOST_FIELDS + 1):
            line = self._line()
            if not line:
                return Fields(values)
            if line[0] in b" \t" and name:  # goes on, as it did once
                values[name] += f" {line.decode('latin-1').strip()}"
                continue
            key, colon, value = line.partition(b":")
            if not colon or not _TOKEN.fullmatch(key):
                raise REGISTRY_MALFORMED("answer has a header field without a name")
            name, text = key.decode("ascii").lower(), value.decode("latin-1").strip()
            values[name] = f"{values[name]}, {text}" if name in values else text
        raise REGISTRY_MALFORMED("answer has too many header fields")

    def _line(self) -> bytes:
        line = self._source.readline(_LINE)
        self._taken += len(line)
        if not line.endswith(b"\n"):
            raise ConnectionError("answer ends early" if len(line) < _LINE else "line has no end")
        return line.rstrip(b"\r\n")


def _status(line: bytes) -> tuple[int, int]:
    """Minor version and status."""
    found = _STATUS.fullmatch(line)
    if found is None:
        raise ConnectionError(f"answer is not HTTP: {line[:60]!r}")
    return int(found[1]), int(found[2])


def _length(field: str | None) -> int | None:
    if field is None:
        return None
    said = {int(each) for each in field.split(",")} if _LENGTHS.fullmatch(field) else set[int]()
    if len(said) != 1:
        raise REGISTRY_MALFORMED("answer has no one length", found=repr(field)[:60])
    return said.pop()
