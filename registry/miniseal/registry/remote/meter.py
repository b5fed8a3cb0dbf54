"""What one answer may cost: time and bytes, from its first header field to its last byte.

A socket bounds one silence, and neither the sum of them nor what comes between. Here both are: an
answer is read through a meter, however slowly or in whatever pieces it comes.
"""

import io
import socket
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from miniseal.registry.remote.codes import REGISTRY_MALFORMED

__all__ = ["Budget", "Meter"]

_HEADERS = 1024 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class Budget:
    """Bounds of one answer, and of the request before it.

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
    def patient(self) -> float:
        """Seconds that the other side may be silent from now on.

        Raises:
            TimeoutError: the time is over.
        """
        left = self.until - self.clock()
        if left <= 0:
            raise TimeoutError("answer takes too long")
        return min(left, self.patience)


class Meter(io.RawIOBase):
    """What a socket receives, read within a budget.

    Attributes:
        received: bytes so far.
    """

    def __init__(self, sock: socket.socket, budget: Budget) -> None:
        """Begin to read an answer; the socket stays its owner's."""
        super().__init__()
        self._socket = sock
        self._budget = budget
        self._most = 2 * budget.most + _HEADERS  # chunks have something around them
        self.received = 0

    def readable(self) -> bool:
        """Always."""
        return True

    def readinto(self, buffer: Any) -> int:  # noqa: ANN401 - any buffer, as in io
        """Wait for some bytes; none is the end.

        Raises:
            TimeoutError: there were none in time.
            FormatError: `registry-malformed`, there were too many.
        """
        patient = self._budget.patient
        if patient != self._socket.gettimeout():
            self._socket.settimeout(patient)
        size = self._socket.recv_into(buffer)
        self.received += size
        if self.received > self._most:
            raise REGISTRY_MALFORMED("answer of the registry has no end")
        return size
