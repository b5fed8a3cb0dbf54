import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from miniseal.formats.errors import FormatError
from miniseal.formats.wasm.sections import SECTION_NAMES, WASM_LIMIT, Reader, sections

PREAMBLE = b"\0asm\x01\0\0\0"


def leb(value: int) -> bytes:
    """Unsigned LEB128, written without this package."""
    groups = []
    while True:
        groups.append(value & 0x7F)
        value >>= 7
        if not value:
            return bytes(group | 0x80 for group in groups[:-1]) + bytes(groups[-1:])


def sleb(value: int) -> bytes:
    groups = []
    while not -64 <= value < 64:
        groups.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes((*groups, value & 0x7F))


def section(number: int, payload: bytes) -> bytes:
    return bytes((number,)) + leb(len(payload)) + payload


def custom(name: bytes, payload: bytes = b"") -> bytes:
    return section(0, leb(len(name)) + name + payload)


def reader(data: bytes) -> Reader:
    return Reader(memoryview(data))


def refused(data: bytes) -> str:
    with pytest.raises(FormatError) as error:
        sections(data)

    return error.value.code


def test_an_empty_module_has_no_sections() -> None:
    assert sections(PREAMBLE) == ()


def test_sections_are_found_where_they_are() -> None:
    data = PREAMBLE + section(1, b"\0") + custom(b"name", b"xyz") + section(11, b"\0")

    found = sections(data)

    assert [(one.id, one.name, one.size) for one in found] == [
        (1, None, 1),
        (0, "name", 3),
        (11, None, 1),
    ]
    assert all(data[one.offset : one.offset + one.size] == one.payload for one in found)


def test_every_known_section_may_be_there_in_the_specifications_order() -> None:
    order = [1, 2, 3, 4, 5, 13, 6, 7, 8, 9, 12, 10, 11]

    found = sections(PREAMBLE + b"".join(section(number, b"\0") for number in order))

    assert [one.id for one in found] == order
    assert sorted(SECTION_NAMES) == [0, *sorted(order)]


def test_custom_sections_may_be_anywhere_and_share_a_name() -> None:
    data = PREAMBLE + custom(b"") + section(1, b"\0") + custom(b"a") + custom(b"a")

    assert [one.name for one in sections(data)] == ["", None, "a", "a"]


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\0as",
        b"asm\0\x01\0\0\0",
        b"(module)",
        b"\x7fELF\x01\0\0\0",
        PREAMBLE[:7],
        b"\0asm\x02\0\0\0",
        b"\0asm\x01\0\x02\0",
        b"\0asm\0\0\0\0",
        b"\0asm\0\0\0\x01",
        b"\xef\xbb\xbf" + PREAMBLE,
    ],
)
def test_what_is_not_a_core_module_is_refused(data: bytes) -> None:
    assert refused(data) == "wasm-malformed"


@pytest.mark.parametrize("version", [b"\x0d\0", b"\x01\0"])
def test_a_component_is_refused_by_its_own_code(version: bytes) -> None:
    assert refused(b"\0asm" + version + b"\x01\0") == "wasm-component-unsupported"


@pytest.mark.parametrize(
    "tail",
    [
        b"\x01",
        b"\x01\x05\0\0",
        b"\x01\xff\xff\xff\xff\x0f",
        b"\x01\x80\x80\x80\x80\x10",
        b"\x01\x81\x80\x80\x80\x80\0\0",
        b"\x01\x80\x80\x80\x80\x80",
        b"\x0e\0",
        b"\x7f\0",
        b"\xff\0",
        section(1, b"\0") * 2,
        section(3, b"\0") + section(2, b"\0"),
        section(10, b"\0") + section(12, b"\0"),
        section(6, b"\0") + section(13, b"\0"),
        section(13, b"\0") + section(5, b"\0"),
        b"\0\0",
        b"\0\x01\x01",
        b"\0\x03\x02a",
        b"\0\x05\xff\xff\xff\xff\x0f",
        custom(b"\xff"),
        custom(b"\xed\xa0\x80"),
        custom(b"\xc0\x80"),
        custom(b"a" * 100_001),
        section(1, b"\0") + b"\0",
    ],
)
def test_sections_that_lie_are_refused(tail: bytes) -> None:
    assert refused(PREAMBLE + tail) == "wasm-malformed"


def test_a_padded_integer_within_the_specifications_length_is_read() -> None:
    assert [one.size for one in sections(PREAMBLE + b"\x01\x81\x80\x80\x80\0\0")] == [1]


def test_a_module_over_the_limit_is_refused() -> None:
    assert refused(PREAMBLE + bytes(WASM_LIMIT)) == "too-large"


def test_very_many_sections_are_refused() -> None:
    started = time.perf_counter()

    assert refused(PREAMBLE + custom(b"") * 10_000_000) == "wasm-malformed"
    assert time.perf_counter() - started < 5


@settings(max_examples=200, deadline=None)
@given(st.integers(0, 2**33), st.integers(0, 3))
def test_unsigned_integers_are_read_up_to_32_bits(value: int, padding: int) -> None:
    encoded = leb(value)
    if padding:
        encoded = encoded[:-1] + bytes((encoded[-1] | 0x80,)) + b"\x80" * (padding - 1) + b"\0"

    if value < 2**32 and len(encoded) <= 5:
        assert reader(encoded).unsigned() == value
    else:
        with pytest.raises(FormatError) as error:
            reader(encoded).unsigned()

        assert error.value.code == "wasm-malformed"


@settings(max_examples=200, deadline=None)
@given(st.sampled_from([32, 33, 64]), st.integers(-(2**65), 2**65))
def test_signed_integers_are_read_up_to_their_bits(bits: int, value: int) -> None:
    if -(2 ** (bits - 1)) <= value < 2 ** (bits - 1):
        assert reader(sleb(value)).signed(bits) == value
    else:
        with pytest.raises(FormatError) as error:
            reader(sleb(value)).signed(bits)

        assert error.value.code == "wasm-malformed"


@pytest.mark.parametrize("data", [b"\xff\xff\xff\xff\x4f", b"\xff\xff\xff\xff\x17"])
def test_a_wrong_sign_extension_is_refused(data: bytes) -> None:
    with pytest.raises(FormatError) as error:
        reader(data).signed(32)

    assert error.value.code == "wasm-malformed"


@pytest.mark.parametrize("claimed", [4, 2**32 - 1])
def test_a_count_is_bounded_by_what_is_left(claimed: int) -> None:
    with pytest.raises(FormatError, match="claims too many items") as error:
        reader(leb(claimed) + b"abc").count("items", most=2**32)

    assert error.value.code == "wasm-malformed"


def test_a_count_is_bounded_by_the_caller() -> None:
    with pytest.raises(FormatError, match="claims too many items") as error:
        reader(b"\x03abc").count("items", most=2)

    assert error.value.code == "wasm-malformed"


def test_nothing_may_be_left_at_the_end() -> None:
    with pytest.raises(FormatError, match="followed by 1 bytes too many") as error:
        reader(b"x").end("section")

    assert error.value.code == "wasm-malformed"


def test_taking_copies_nothing() -> None:
    data = memoryview(b"abcdef")

    assert Reader(data).take(3).obj is data.obj
