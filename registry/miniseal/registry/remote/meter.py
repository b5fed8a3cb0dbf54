"""What one answer may cost: time and bytes, from its first header field to its last byte.

`http.client` bounds a line and a silence, and neither the number of lines nor the sum of silences.
Here both are: an answer is read through a meter, however slowly or in whatever pieces it comes.
"""

import io
import socket
from collections.abc import Callable, Generator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from http.client import HTTPResponse
from typing import Any

from miniseal.registry.remote.codes import REGISTRY_MALFORMED

__all__ = ["Budget", "MeteredResponse", "metered"]

_BUFFER = 64 * 1024
_HEADERS = 1024 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class Budget:
    """Bounds of one answer.

    Attributes:
        until: the time at which it has to be whole.
        most: bytes of its body; header fields and the like come on top.
        patience: seconds of silence.
        clock: seconds of any beginning.
    """

    until: float
    most: int
    patience: float
    clock: Callable[[], float]

    @property
    def left(self) -> float:
        """Seconds; not more than zero where the time is over."""
        return self.until - self.clock()


_BUDGET: ContextVar[Budget] = ContextVar("budget")


@contextmanager
def metered(budget: Budget) -> Generator[None]:
    """Responses that begin in the block have this budget, also after it."""
    held = _BUDGET.set(budget)
    try:
        yield
    finally:
        _BUDGET.reset(held)


class MeteredResponse(HTTPResponse):
    """A response that is read through a meter."""

    def __init__(self, sock: socket.socket, *arguments: Any, **named: Any) -> None:  # noqa: ANN401
        """Begin to read from a socket, as `http.client` does."""
        super().__init__(sock, *arguments, **named)
        self.fp = io.BufferedReader(_Meter(self.fp.detach(), sock, _BUDGET.get()), _BUFFER)


class _Meter(io.RawIOBase):
    def __init__(self, raw: io.RawIOBase, sock: socket.socket, budget: Budget) -> None:
        super().__init__()
        self._raw = raw
        self._socket = sock
        self._budget = budget
        self._bytes_left = 2 * budget.most + _HEADERS  # chunks have something around them

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int | None:  # noqa: ANN401 - any buffer, as in io
        left = self._budget.left
        if left <= 0:
            raise TimeoutError("answer takes too long")
        self._socket.settimeout(min(left, self._budget.patience))
        size: int | None = self._raw.readinto(buffer)
        self._bytes_left -= size or 0
        if self._bytes_left < 0:
            raise REGISTRY_MALFORMED("answer of the registry has no end")
        return size

    def close(self) -> None:
        self._raw.close()
        super().close()
