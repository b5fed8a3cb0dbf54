import subprocess
import sys
from contextlib import suppress
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from miniseal.formats.errors import FormatError
from miniseal.formats.times import from_text, to_text

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
EARLIEST = -62_135_596_800
LATEST = 253_402_300_799

seconds = st.integers(EARLIEST, LATEST)


def test_a_time_is_written_as_utc_with_seconds() -> None:
    assert to_text(1_795_252_500) == "2026-11-21T09:15:00Z"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("1970-01-01T00:00:00Z", 0),
        ("1969-12-31T23:59:59Z", -1),
        ("2000-02-29T00:00:00Z", 951_782_400),
        ("0001-01-01T00:00:00Z", EARLIEST),
        ("9999-12-31T23:59:59Z", LATEST),
    ],
)
def test_a_text_is_read(text: str, expected: int) -> None:
    assert from_text(text) == expected


@settings(max_examples=200, deadline=None)
@given(seconds)
def test_writing_agrees_with_datetime(value: int) -> None:
    expected = (EPOCH + timedelta(seconds=value)).isoformat().replace("+00:00", "Z")

    assert to_text(value) == expected
    assert from_text(expected) == value


@settings(max_examples=200, deadline=None)
@given(seconds, seconds)
def test_texts_compare_like_times(one: int, other: int) -> None:
    assert (to_text(one) < to_text(other)) == (one < other)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "2026-11-21",
        "2026-11-21T09:00:00",
        "2026-11-21T09:00:00z",
        "2026-11-21t09:00:00Z",
        "2026-11-21 09:00:00Z",
        "2026-11-21T09:00:00+00:00",
        "2026-11-21T09:00:00.5Z",
        "2026-11-21T09:00:00Z\n",
        " 2026-11-21T09:00:00Z",
        "2026-02-29T00:00:00Z",
        "2026-13-01T00:00:00Z",
        "2026-00-01T00:00:00Z",
        "2026-01-00T00:00:00Z",
        "2026-01-01T24:00:00Z",
        "2026-01-01T00:60:00Z",
        "2026-12-31T23:59:60Z",
        "0000-01-01T00:00:00Z",
        "+026-01-01T00:00:00Z",
        "2026-1 -01T00:00:00Z",
        "٢٠٢٦-01-01T00:00:00Z",
        "20260-1-01T00:00:00Z",
    ],
)
def test_another_form_is_refused(text: str) -> None:
    with pytest.raises(FormatError, match="malformed time") as error:
        from_text(text)

    assert error.value.code == "time-malformed"


def test_a_fraction_is_cut_where_it_is_allowed() -> None:
    assert from_text("2026-11-21T09:15:00.999999999Z", fraction=True) == 1_795_252_500


def test_no_fraction_is_needed_where_it_is_allowed() -> None:
    assert from_text("2026-11-21T09:15:00Z", fraction=True) == 1_795_252_500


@pytest.mark.parametrize(
    "text",
    [
        "2026-11-21T09:15:00.Z",
        "2026-11-21T09:15:00.1",
        "2026-11-21T09:15:00.1+00:00",
        "2026-11-21T09:15:00.0123456789Z",
        "2026-11-21T09:15:00.1.2Z",
        "2026-11-21T09:15:00.-1Z",
        "2026-11-21T09:15:00.1ZZ",
    ],
)
def test_a_malformed_fraction_is_refused(text: str) -> None:
    with pytest.raises(FormatError) as error:
        from_text(text, fraction=True)

    assert error.value.code == "time-malformed"


@pytest.mark.parametrize("value", [EARLIEST - 1, LATEST + 1, 2**63])
def test_a_time_out_of_range_is_refused(value: int) -> None:
    with pytest.raises(FormatError, match="out of range") as error:
        to_text(value)

    assert error.value.code == "time-malformed"


@settings(max_examples=200, deadline=None)
@given(
    st.text(max_size=30) | st.from_regex(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}Z")
)
def test_a_text_is_read_in_one_way_or_refused(text: str) -> None:
    value = None
    with suppress(FormatError):
        value = from_text(text)

    assert value is None or to_text(value) == text


def test_importing_it_costs_a_host_nothing_more_than_the_errors() -> None:
    script = "import sys; before = set(sys.modules); import miniseal.formats.times; print(*sorted("
    script += "set(sys.modules) - before))"

    done = subprocess.run(
        [sys.executable, "-I", "-c", script], check=True, capture_output=True, text=True
    )

    assert set(done.stdout.split()) <= {
        "miniseal",
        "miniseal.formats",
        "miniseal.formats.errors",
        "miniseal.formats.times",
        "time",
    }
