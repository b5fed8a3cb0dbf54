"""How often, and after how long, something is tried again."""

import re
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from email.utils import parsedate_to_datetime
from random import random

from miniseal.formats.errors import MinisealError

__all__ = ["Pace", "Retries", "retry_after"]

_FIRST_WAIT = 0.2
_LONGEST_WAIT = 8.0
_SECONDS = re.compile(r"[0-9]{1,9}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Pace:
    """Time and chance, as a client sees them.

    Attributes:
        clock: seconds of any beginning.
        now: seconds since 1970.
        pause: waits for so many seconds.
        chance: a number from 0 to 1, another one each time.
    """

    clock: Callable[[], float] = time.monotonic
    now: Callable[[], float] = time.time
    pause: Callable[[float], None] = time.sleep
    chance: Callable[[], float] = field(default=random)


class Retries:
    """The attempts at one thing, within a time."""

    __slots__ = ("_attempts", "_left", "_pace", "_until", "_wait")

    def __init__(self, attempts: int, until: float, pace: Pace) -> None:
        """Allow so many attempts, the last of which begins before the time `until`."""
        self._attempts = self._left = attempts
        self._until = until
        self._pace = pace
        self._wait = _FIRST_WAIT

    def fresh(self) -> "Retries":
        """As many attempts again, within the same time: the last one got somewhere."""
        return Retries(self._attempts, self._until, self._pace)

    def wait(self, failure: MinisealError, after: float | None = None) -> None:
        """Wait before the next attempt.

        Args:
            failure: why the last one was not the last.
            after: seconds that the registry asks for.

        Raises:
            MinisealError: `failure`, there is to be no other attempt.
        """
        self._left -= 1
        wait = self._wait * (0.5 + self._pace.chance()) if after is None else after
        self._wait = min(2 * self._wait, _LONGEST_WAIT)
        if self._left <= 0 or self._pace.clock() + wait >= self._until:
            raise failure
        self._pace.pause(wait)


def retry_after(field: str | None, now: float) -> float | None:
    """The seconds of a `Retry-After` field (RFC 9110); None where there is none that says so."""
    if field is None:
        return None
    if _SECONDS.fullmatch(field.strip()):
        return float(field)
    try:
        return max(0.0, parsedate_to_datetime(field).timestamp() - now)
    except (ValueError, OverflowError):
        return None
