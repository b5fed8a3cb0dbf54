import wasmtime

from miniseal.packager import compare_assets, compare_wasm

PLAIN = '(module (memory 1) (data (i32.const 0) "abcdef") (func (result i32) i32.const 1))'


def wasm(text: str) -> bytes:
    return bytes(wasmtime.wat2wasm(text))


def test_equal_modules_do_not_differ() -> None:
    assert compare_wasm(wasm(PLAIN), wasm(PLAIN)) == ()


def test_names_the_section_and_the_first_byte_that_differs() -> None:
    (line,) = compare_wasm(wasm(PLAIN), wasm(PLAIN.replace("abcdef", "abXdeX")))

    assert line == "section data (id 11): 2 of 12 bytes differ, the first at offset 0x8"


def test_gives_both_sizes_where_they_differ() -> None:
    (line,) = compare_wasm(wasm(PLAIN), wasm(PLAIN.replace("abcdef", "abcdefg")))

    assert line.endswith(", 12 bytes against 13")


def test_names_a_custom_section_that_only_one_has() -> None:
    other = wasm(PLAIN.replace("(module", "(module $tip"))

    assert compare_wasm(wasm(PLAIN), other) == (
        "section custom 'name' (id 0): only in the second, 6 bytes",
    )
    assert "only in the first" in compare_wasm(other, wasm(PLAIN))[0]


def test_says_where_a_section_is_a_beginning_of_the_other() -> None:
    custom = b"\0asm\x01\0\0\0" + b"\0\x03\x01xa"

    assert compare_wasm(custom, custom[:-3] + b"\x01x" + b"ab"[:1]) == ()
    (line,) = compare_wasm(custom, b"\0asm\x01\0\0\0" + b"\0\x04\x01xab")

    assert line.endswith("one is the beginning of the other, 1 bytes against 2")


def test_equal_sections_in_another_encoding_are_a_difference() -> None:
    (line,) = compare_wasm(b"\0asm\x01\0\0\0\0\x02\x01x", b"\0asm\x01\0\0\0\0\x82\0\x01x")

    assert line.startswith("same sections in another order or encoding")


def test_what_is_not_wasm_is_compared_by_bytes() -> None:
    (line,) = compare_wasm(b"abc", b"abz")

    assert line.startswith("not comparable by sections")
    assert "offset 0x2" in line


def test_assets_are_compared_by_entry() -> None:
    lines = compare_assets({"a": b"1", "b": b"12", "d": b""}, {"b": b"13", "c": b"1", "d": b""})

    assert lines == (
        "entry a: only in the first, 1 bytes",
        "entry b: 1 of 2 bytes differ, the first at offset 0x1",
        "entry c: only in the second, 1 bytes",
    )
