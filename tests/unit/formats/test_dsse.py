import base64
import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fuzz.fuzz_envelope import fuzz_one
from fuzz.mutations import mutated
from miniseal.formats.dsse import (
    ENVELOPE_MALFORMED,
    IN_TOTO_PAYLOAD_TYPE,
    Envelope,
    base64_member,
    pae,
)
from miniseal.formats.errors import FormatError
from miniseal.formats.members import Members

VALID: dict[str, Any] = {
    "payload": "aGVsbG8gd29ybGQ=",
    "payloadType": "http://example.com/HelloWorld",
    "signatures": [{"sig": "AAH+/w=="}],
}


def read(value: object) -> Envelope:
    return Envelope.from_members(Members(value, "envelope", ENVELOPE_MALFORMED))


def test_the_pre_authentication_encoding_is_the_specifications_example() -> None:
    encoded = pae("http://example.com/HelloWorld", b"hello world")

    assert encoded == b"DSSEv1 29 http://example.com/HelloWorld 11 hello world"


def test_lengths_are_counted_in_bytes() -> None:
    assert pae("é", b"") == b"DSSEv1 2 \xc3\xa9 0 "


@settings(max_examples=100, deadline=None)
@given(st.text(), st.binary(), st.text(), st.binary())
def test_two_contents_never_encode_alike(kind: str, data: bytes, kind2: str, data2: bytes) -> None:
    assert (pae(kind, data) == pae(kind2, data2)) == ((kind, data) == (kind2, data2))


def test_an_envelope_is_read() -> None:
    envelope = read(VALID)

    assert envelope == Envelope(
        payload=b"hello world",
        payload_type="http://example.com/HelloWorld",
        signatures=(b"\x00\x01\xfe\xff",),
    )


def test_an_envelope_is_written_as_it_was_read() -> None:
    assert read(VALID).to_json() == VALID


def test_a_keyid_is_ignored_and_not_written() -> None:
    value = {**VALID, "signatures": [{"sig": "AAH+/w==", "keyid": 7}]}

    assert read(value).to_json() == VALID


def test_several_signatures_are_read_in_their_order() -> None:
    value = {**VALID, "signatures": [{"sig": "Ag=="}, {"sig": "AQ=="}]}

    assert read(value).signatures == (b"\x02", b"\x01")


@pytest.mark.parametrize(
    "change",
    [
        {"payload": None},
        {"payload": ""},
        {"payload": 7},
        {"payloadType": None},
        {"payloadType": ""},
        {"signatures": None},
        {"signatures": []},
        {"signatures": {}},
        {"signatures": ["AQ=="]},
        {"signatures": [{}]},
        {"signatures": [{"sig": ""}]},
        {"signatures": [{"sig": "AQ"}]},
    ],
)
def test_a_malformed_envelope_is_refused(change: dict[str, object]) -> None:
    with pytest.raises(FormatError) as error:
        read({**VALID, **change})

    assert error.value.code == "envelope-malformed"


def test_an_envelope_without_a_payload_is_refused() -> None:
    with pytest.raises(FormatError, match="lacks payload") as error:
        read({"payloadType": "x", "signatures": [{"sig": "AQ=="}]})

    assert error.value.code == "envelope-malformed"


@pytest.mark.parametrize(
    "text",
    [
        "_-8=",  # the other alphabet
        "AQ",  # no padding
        "AQ=",  # half a padding
        "AQ===",  # more than there is
        "AR==",  # left over bits
        "AQ==\n",
        " AQ==",
        "A Q==",
        "AQ==AQ==",
        "=",
        "====",
        "é===",
        "\ud800",
    ],
)
def test_base64_in_another_way_is_refused(text: str) -> None:
    with pytest.raises(FormatError, match="not strict base64") as error:
        base64_member(Members({"data": text}, "it", ENVELOPE_MALFORMED), "data")

    assert error.value.code == "envelope-malformed"


@settings(max_examples=100, deadline=None)
@given(st.binary(min_size=1))
def test_base64_of_anything_is_read(data: bytes) -> None:
    members = Members({"data": base64.b64encode(data).decode()}, "it", ENVELOPE_MALFORMED)

    assert base64_member(members, "data") == data


@settings(max_examples=200, deadline=None)
@given(mutated(VALID) | st.binary())
def test_bytes_from_outside_are_read_or_refused(data: bytes) -> None:
    fuzz_one(data)


def test_the_fuzz_target_reaches_a_valid_envelope() -> None:
    fuzz_one(json.dumps(VALID).encode())

    assert IN_TOTO_PAYLOAD_TYPE == "application/vnd.in-toto+json"
