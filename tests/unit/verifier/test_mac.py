import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from miniseal.formats.errors import MinisealError
from miniseal.verifier.host.mac import derive, seal, unseal

SECRET = bytes(range(32))
HEAD = derive(SECRET, "head")


def code(data: bytes, key: bytes = HEAD, purpose: str = "head") -> str:
    with pytest.raises(MinisealError) as error:
        unseal(data, key, purpose)
    return error.value.code


@settings(max_examples=100, deadline=None)
@given(payload=st.binary(max_size=200))
def test_what_was_sealed_is_unsealed(payload: bytes) -> None:
    if payload:
        assert unseal(seal(payload, HEAD, "head"), HEAD, "head") == payload


def test_a_sealed_file_is_the_documented_form() -> None:
    sealed = json.loads(seal(b"payload", HEAD, "head"))

    assert sorted(sealed) == ["mac", "payload"]


def test_keys_differ_by_purpose() -> None:
    assert derive(SECRET, "head") != derive(SECRET, "record")


def test_another_purpose_is_refused_even_with_the_same_key() -> None:
    assert code(seal(b"{}", HEAD, "record")) == "mac-invalid"


def test_another_key_is_refused() -> None:
    assert code(seal(b"{}", derive(bytes(32), "head"), "head")) == "mac-invalid"


@settings(max_examples=200, deadline=None)
@given(data=st.data())
def test_no_byte_can_be_changed(data: st.DataObject) -> None:
    sealed = bytearray(seal(b'{"generation":1}', HEAD, "head"))
    place = data.draw(st.integers(0, len(sealed) - 1))
    sealed[place] ^= data.draw(st.integers(1, 255))

    assert code(bytes(sealed)) == "mac-invalid"


@settings(max_examples=200, deadline=None)
@given(data=st.binary(max_size=100))
def test_anything_else_is_refused(data: bytes) -> None:
    assert code(data) == "mac-invalid"


@pytest.mark.parametrize(
    "data", [b"[]", b"{}", b'{"mac":"","payload":""}', b'{"mac":1,"payload":2}']
)
def test_another_form_is_refused(data: bytes) -> None:
    assert code(data) == "mac-invalid"


def test_an_unknown_member_is_refused() -> None:
    sealed = json.loads(seal(b"{}", HEAD, "head"))

    assert code(json.dumps({**sealed, "more": 1}).encode()) == "mac-invalid"
