import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fuzz.fuzz_strictjson import fuzz_one
from miniseal.formats.errors import FormatError
from miniseal.formats.strictjson import MAX_DEPTH, MAX_INTEGER, canonical, loads

INTEGERS = st.integers(-MAX_INTEGER, MAX_INTEGER)
VALUES = st.recursive(
    st.none() | st.booleans() | INTEGERS | st.text(max_size=10),
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=6), inner, max_size=4)
    ),
    max_leaves=15,
)


def read(data: bytes, *, floats: bool = False) -> object:
    return loads(data, limit=1_000_000, what="document", floats=floats)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b" ",
        b"nul",
        b"'a'",
        b"[1,]",
        b"[1 2]",
        b"01",
        b"+1",
        b"1 // comment",
        b'"\t"',
        b"[1]\x00",
        b"[1][2]",
        b"\xff\xfe1\x00",
    ],
)
def test_what_is_not_json_is_refused(data: bytes) -> None:
    with pytest.raises(FormatError, match="document is not strict JSON") as error:
        read(data)

    assert error.value.code == "json-malformed"


@pytest.mark.parametrize(
    "data",
    [
        b'{"a":1,"a":1}',
        b'{"a":1,"\\u0061":2}',
        b'[{"b":{"a":null,"a":null}}]',
        b"\xef\xbb\xbf{}",
        b'"\xff"',
        b'"\xed\xa0\x80"',
        b'"\xc0\x80"',
        b'"\\ud800"',
        b'{"\\udc00":1}',
        b'["\\ud800x\\udc00"]',
        b"NaN",
        b"-Infinity",
        b"9007199254740992",
        b"-9007199254740992",
        b"1" * 5000,
    ],
)
def test_what_two_parsers_read_differently_is_refused(data: bytes) -> None:
    with pytest.raises(FormatError) as error:
        read(data, floats=True)

    assert error.value.code == "json-malformed"


@pytest.mark.parametrize("data", [b"1.0", b"1e3", b"-0.5", b"[1E400]"])
def test_a_fraction_or_exponent_is_refused_in_our_own_formats(data: bytes) -> None:
    with pytest.raises(FormatError, match="is not an integer") as error:
        read(data)

    assert error.value.code == "json-malformed"


def test_a_fraction_is_read_in_foreign_formats() -> None:
    assert read(b"[7.5, 1e2]", floats=True) == [7.5, 100.0]


@pytest.mark.parametrize("data", [b"1e999", b"-1e999", b'{"score":1E400}'])
def test_a_number_that_overflows_to_infinity_is_refused(data: bytes) -> None:
    with pytest.raises(FormatError, match="is too large") as error:
        read(data, floats=True)

    assert error.value.code == "json-malformed"


@pytest.mark.parametrize("number", [0, MAX_INTEGER, -MAX_INTEGER])
def test_every_integer_that_doubles_hold_is_read(number: int) -> None:
    assert read(str(number).encode()) == number


@pytest.mark.parametrize("opening", ["[", '{"a":'])
def test_nesting_up_to_the_bound_is_read(opening: str) -> None:
    closing = "]" if opening == "[" else "}"

    read(f"{opening * MAX_DEPTH}1{closing * MAX_DEPTH}".encode())


@pytest.mark.parametrize("opening", ["[", '{"a":'])
@pytest.mark.parametrize("depth", [MAX_DEPTH + 1, 900, 200_000])
def test_deeper_nesting_is_refused(opening: str, depth: int) -> None:
    closing = "]" if opening == "[" else "}"

    with pytest.raises(FormatError, match="nested") as error:
        read(f"{opening * depth}1{closing * depth}".encode()[:1_000_000], floats=True)

    assert error.value.code == "json-malformed"


def test_a_document_of_the_limit_is_read() -> None:
    assert loads(b"[10]", limit=4, what="document") == [10]


def test_a_document_over_the_limit_is_refused_before_it_is_parsed() -> None:
    with pytest.raises(FormatError, match="document is too large") as error:
        loads(b"{{{{{", limit=4, what="document")

    assert error.value.code == "too-large"


@settings(max_examples=100, deadline=None)
@given(VALUES)
def test_the_canonical_form_reads_back(value: object) -> None:
    assert read(canonical(value)) == value


@settings(max_examples=100, deadline=None)
@given(VALUES)
def test_the_canonical_form_is_one(value: object) -> None:
    shuffled = json.loads(json.dumps(value, indent=2))

    assert canonical(shuffled) == canonical(value)


def test_the_canonical_form_sorts_by_utf_16() -> None:
    assert canonical({"\ufb33": 1, "\U0001f600": 2, "a": 3}) == (
        '{"a":3,"\U0001f600":2,"\ufb33":1}'.encode()
    )


def nested(depth: int) -> object:
    value: list[Any] = []
    for _ in range(depth):
        value = [value]
    return value


@pytest.mark.parametrize(
    "value",
    [
        {1: 2},
        {"\ud800": 1},
        "\ud800",
        float("nan"),
        float("inf"),
        MAX_INTEGER + 1,
        b"bytes",
        object(),
        nested(100_000),
    ],
    ids=lambda value: type(value).__name__,
)
def test_what_json_cannot_hold_exactly_is_not_written(value: object) -> None:
    with pytest.raises(FormatError, match="no canonical JSON form") as error:
        canonical(value)

    assert error.value.code == "json-malformed"


@settings(max_examples=200, deadline=None)
@given(
    st.binary(max_size=60)
    | st.text(alphabet='{}[]":,\\u0123456789dDeE+-. tnfrue', max_size=60).map(str.encode)
)
def test_bytes_from_outside_are_read_or_refused(data: bytes) -> None:
    fuzz_one(data)


@pytest.mark.parametrize(
    ("data", "most"), [(b"[1,2,3]", 3), (b'{"a":{},"b":[]}', 4), (b'[",,"]', 3), (b"1", 0)]
)
def test_values_are_counted_before_they_are_made(data: bytes, most: int) -> None:
    assert loads(data, limit=100, what="document", values=most) == json.loads(data)
    if most:
        with pytest.raises(FormatError) as error:
            loads(data, limit=100, what="document", values=most - 1)
        assert error.value.code == "too-large"
