"""Times as every format here writes them: RFC 3339, UTC, whole seconds, `2026-11-21T09:00:00Z`.

Texts of this one form compare like the times they name. No other form of RFC 3339 is read (offsets,
lower case, leap seconds), and no clock is asked here. A host's load path reads times, so this needs
nothing but `time` and the errors: no `datetime`, no `calendar`.
"""

import time

from miniseal.formats.errors import Code, FormatError

__all__ = ["TIME_MALFORMED", "from_text", "to_text"]

TIME_MALFORMED = Code(
    "time-malformed",
    FormatError,
    meaning="a time is not written as RFC 3339 in UTC with whole seconds, or is out of range",
    cause="a local offset, a date alone, a fraction of a second, or a day that does not exist",
    remedy="write times like 2026-11-21T09:00:00Z",
)

_EARLIEST = -62_135_596_800  # 0001-01-01T00:00:00Z, which Go writes for "no time"
_LATEST = 253_402_300_799  # 9999-12-31T23:59:59Z
_EPOCH_DAY = 719_468  # days from 0000-03-01 to 1970-01-01
_LENGTH = len("YYYY-MM-DDTHH:MM:SSZ")
_DIGITS = frozenset("0123456789")


def to_text(seconds: int) -> str:
    """The text for `seconds` since 1970-01-01T00:00:00Z.

    Raises:
        FormatError: `time-malformed`, for a time outside the years 1 to 9999.
    """
    if not _EARLIEST <= seconds <= _LATEST:
        raise TIME_MALFORMED("time is out of range", found=f"{seconds} seconds since 1970")
    year, month, day, hour, minute, second = time.gmtime(seconds)[:6]
    return f"{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}Z"


def from_text(text: str, *, fraction: bool = False) -> int:
    """Seconds since 1970-01-01T00:00:00Z.

    Args:
        text: exactly `YYYY-MM-DDTHH:MM:SSZ`.
        fraction: whether one to nine digits of a second are accepted and cut (foreign formats).

    Raises:
        FormatError: `time-malformed`.
    """
    whole = _cut(text) if fraction else text
    fields = (whole[0:4], whole[5:7], whole[8:10], whole[11:13], whole[14:16], whole[17:19])
    if len(whole) == _LENGTH and _DIGITS.issuperset("".join(fields)):
        year, month, day, hour, minute, second = map(int, fields)
        seconds = ((_days(year, month, day) * 24 + hour) * 60 + minute) * 60 + second
        # Writing it again finds wrong separators and days, hours or months that do not exist.
        if _EARLIEST <= seconds <= _LATEST and to_text(seconds) == whole:
            return seconds
    raise TIME_MALFORMED("malformed time", found=repr(text)[:60], expected="YYYY-MM-DDTHH:MM:SSZ")


def _cut(text: str) -> str:
    head, dot, digits = text.removesuffix("Z").partition(".")
    if dot and text.endswith("Z") and 1 <= len(digits) <= 9 and _DIGITS.issuperset(digits):
        return f"{head}Z"
    return text


def _days(year: int, month: int, day: int) -> int:
    """Days since 1970-01-01 in the proleptic Gregorian calendar, counted from March."""
    if month <= 2:
        year, month = year - 1, month + 12
    leap_days = year // 4 - year // 100 + year // 400
    return year * 365 + leap_days + (153 * (month - 3) + 2) // 5 - _EPOCH_DAY + day - 1
