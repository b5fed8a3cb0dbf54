import time
from collections.abc import Callable

import pytest
import wasmtime
from hypothesis import given, settings
from hypothesis import strategies as st

from fuzz.damage import damaged
from fuzz.fuzz_wasm import fuzz_one
from miniseal.formats.errors import FormatError
from miniseal.formats.wasm.inspect import (
    Custom,
    Export,
    Import,
    ImportedModule,
    Memory,
    Producer,
    data_segments,
    inspect,
)

PREAMBLE = b"\0asm\x01\0\0\0"
WAT = """
(module
  (import "env" "abort" (func (param i32)))
  (import "env" "memory" (memory 1 4))
  (import "env" "table" (table 1 funcref))
  (import "env" "refs" (table 0 10 externref))
  (import "host:storage/kv@1.0.0" "get" (func (result i64)))
  (import "env" "base" (global i32))
  (import "env" "mutable" (global (mut f64)))
  (import "env" "vector" (global v128))
  (import "env" "abort" (func))
  (import "" "" (func))
  (import "\\e5\\b0\\8f" "\\e7\\a8\\8b" (func))
  (memory (export "own") 2)
  (global $g (export "g") (mut i32) (i32.const 7))
  (table (export "t") 1 funcref)
  (func $tip (export "tip") (result i32) (i32.const 1))
  (func (export ""))
  (start 4)
  (data (i32.const 8) "hello")
  (data (global.get 0) "world")
  (data "passive")
  (data (memory 1) (i32.const -1) "")
)
"""
TYPES = {
    wasmtime.FuncType: "func",
    wasmtime.TableType: "table",
    wasmtime.MemoryType: "memory",
    wasmtime.GlobalType: "global",
    wasmtime.TagType: "tag",
}


def assemble(text: str) -> bytes:
    return bytes(wasmtime.wat2wasm(text))


MODULE = assemble(WAT)


def section(number: int, payload: bytes) -> bytes:
    size = len(payload)
    return bytes((number, size & 0x7F | 0x80, size >> 7 & 0x7F | 0x80, size >> 14)) + payload


def with_section(number: int, payload: bytes) -> bytes:
    return PREAMBLE + section(number, payload)


def refused(data: bytes, read: Callable[[bytes], object] = inspect) -> str:
    with pytest.raises(FormatError) as error:
        read(data)

    return error.value.code


@pytest.fixture(scope="module")
def engine() -> wasmtime.Engine:
    config = wasmtime.Config()
    config.wasm_threads = True
    config.wasm_memory64 = True
    config.wasm_function_references = True
    config.wasm_gc = True
    config.wasm_exceptions = True
    return wasmtime.Engine(config)


def agree(engine: wasmtime.Engine, data: bytes) -> None:
    """Check that wasmtime and `inspect` report the same imports and exports."""
    theirs = wasmtime.Module(engine, data)
    ours = inspect(data)

    assert [(one.module, one.name, one.kind) for one in ours.imports] == [
        (one.module, one.name, TYPES[type(one.type)]) for one in theirs.imports
    ]
    assert [(one.name, one.kind) for one in ours.exports] == sorted(
        (one.name, TYPES[type(one.type)]) for one in theirs.exports
    )


def test_imports_are_reported_in_their_order_whatever_their_kind() -> None:
    assert inspect(MODULE).imports == (
        Import(module="env", name="abort", kind="func"),
        Import(module="env", name="memory", kind="memory"),
        Import(module="env", name="table", kind="table"),
        Import(module="env", name="refs", kind="table"),
        Import(module="host:storage/kv@1.0.0", name="get", kind="func"),
        Import(module="env", name="base", kind="global"),
        Import(module="env", name="mutable", kind="global"),
        Import(module="env", name="vector", kind="global"),
        Import(module="env", name="abort", kind="func"),
        Import(module="", name="", kind="func"),
        Import(module="\u5c0f", name="\u7a0b", kind="func"),
    )


def test_the_configs_imports_are_sorted_and_hold_what_is_not_a_function_too() -> None:
    assert inspect(MODULE).import_modules() == (
        ImportedModule(name="", functions=("",)),
        ImportedModule(
            name="env",
            functions=("abort", "base", "memory", "mutable", "refs", "table", "vector"),
        ),
        ImportedModule(name="host:storage/kv@1.0.0", functions=("get",)),
        ImportedModule(name="\u5c0f", functions=("\u7a0b",)),
    )


def test_exports_are_sorted_by_name() -> None:
    assert inspect(MODULE).exports == (
        Export(name="", kind="func"),
        Export(name="g", kind="global"),
        Export(name="own", kind="memory"),
        Export(name="t", kind="table"),
        Export(name="tip", kind="func"),
    )


def test_memories_are_reported_imported_ones_first() -> None:
    assert inspect(MODULE).memories == (
        Memory(minimum=1, maximum=4, shared=False),
        Memory(minimum=2, maximum=None, shared=False),
    )


def test_a_start_function_is_reported() -> None:
    assert inspect(MODULE).start
    assert not inspect(PREAMBLE).start


def test_an_empty_module_asks_for_nothing() -> None:
    module = inspect(PREAMBLE)

    assert (module.imports, module.exports, module.memories) == ((), (), ())
    assert module.import_modules() == ()


def test_data_segments_are_found_active_and_passive() -> None:
    assert data_segments(MODULE) == (b"hello", b"world", b"passive", b"")


def test_a_module_without_data_has_no_segments() -> None:
    assert data_segments(PREAMBLE) == ()


@pytest.mark.parametrize(
    "text",
    [
        WAT,
        "(module)",
        '(module (memory (export "m") 1 2 shared))',
        '(module (import "a" "b" (memory 1 1 shared)))',
        '(module (import "a" "b" (memory i64 1 281474976710656)))',
        '(module (import "a" "b" (table i64 1 2 funcref)))',
        '(module (memory 65536 65536) (export "m" (memory 0)))',
        '(module (type $f (func)) (import "a" "b" (global (ref null $f))))',
        '(module (type $f (func)) (import "a" "b" (global (mut (ref $f)))))',
        '(module (import "a" "b" (global (ref null extern))) (import "a" "c" (global anyref)))',
        '(module (import "a" "b" (table 0 (ref null i31))))',
        '(module (import "a" "b" (tag (param i32))) (tag (export "t")))',
        '(module (import "a" "b" (global exnref)))',
        '(module (memory 1) (data (i32.add (i32.const 1) (i32.const 2)) "x"))',
        '(module (memory i64 1) (data (i64.const -9223372036854775808) "x"))',
        "(module (func) (func) (elem (i32.const 0) 0) (table 3 funcref))",
    ],
)
def test_wasmtime_reports_the_same(engine: wasmtime.Engine, text: str) -> None:
    agree(engine, assemble(text))


LETTERS = st.text(alphabet="abcxyz.:/@0-\u00e9\u5c0f ", max_size=12)
IMPORTS = st.lists(
    st.tuples(
        LETTERS,
        LETTERS,
        st.sampled_from(
            [
                "(func)",
                "(func (param i64) (result f32))",
                "(global i32)",
                "(global (mut externref))",
                "(table 3 funcref)",
                "(memory 1)",
            ]
        ),
    ),
    max_size=8,
)


@settings(max_examples=60, deadline=None)
@given(IMPORTS, st.lists(LETTERS, max_size=6, unique=True))
def test_wasmtime_reports_the_same_for_any_names(
    engine: wasmtime.Engine, imports: list[tuple[str, str, str]], exports: list[str]
) -> None:
    lines = [f'(import "{module}" "{name}" {kind})' for module, name, kind in imports]
    lines += [f'(func (export "{name}"))' for name in exports]

    agree(engine, assemble(f"(module {' '.join(lines)})"))


@settings(max_examples=200, deadline=None)
@given(damaged(MODULE))
def test_what_wasmtime_accepts_of_damaged_modules_is_read_alike(
    engine: wasmtime.Engine, data: bytes
) -> None:
    try:
        wasmtime.Module.validate(engine, data)
    except wasmtime.WasmtimeError:
        return

    agree(engine, data)


def test_two_exports_of_one_name_are_refused() -> None:
    payload = b"\x02\x01a\0\0\x01a\x03\0"

    assert refused(with_section(7, payload)) == "wasm-malformed"


@pytest.mark.parametrize(
    ("number", "payload"),
    [
        (2, b""),
        (2, b"\x01"),
        (2, b"\xff\xff\xff\xff\x0f"),
        (2, b"\x80\x80\x80\x80\x10"),
        (2, b"\x01\x01a\x01b\x00"),
        (2, b"\x01\x01a\x01b\x05\x00"),
        (2, b"\x01\x01a\x01b\x20\x00"),
        (2, b"\x01\x01a\x01b\x7f\x00"),
        (2, b"\x01\x01a\x01\xff\x00\x00"),
        (2, b"\x01\xff\xff\xff\xff\x0fab\x00\x00"),
        (2, b"\x01\x01a\x01b\x00\x00\x00"),
        (2, b"\x01\x01a\x01b\x01\x7f\x00\x00"),
        (2, b"\x01\x01a\x01b\x01\x70\x02\x00"),
        (2, b"\x01\x01a\x01b\x01\x70\x03\x00\x01"),
        (2, b"\x01\x01a\x01b\x01\x70\x01\x02\x01"),
        (2, b"\x01\x01a\x01b\x02\x08\x00\x00"),
        (2, b"\x01\x01a\x01b\x02\x02\x00"),
        (2, b"\x01\x01a\x01b\x02\x01\x02\x01"),
        (2, b"\x01\x01a\x01b\x02\x00\x81\x80\x04"),
        (2, b"\x01\x01a\x01b\x02\x00\xff\xff\xff\xff\xff\x0f"),
        (2, b"\x01\x01a\x01b\x02\x04\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01"),
        (2, b"\x01\x01a\x01b\x02\x04\xff\xff\xff\xff\xff\xff\xff\xff\xff\x02"),
        (2, b"\x01\x01a\x01b\x03\x7f\x02"),
        (2, b"\x01\x01a\x01b\x03\x40\x00"),
        (2, b"\x01\x01a\x01b\x03\x63\x40\x00"),
        (2, b"\x01\x01a\x01b\x03\x64\x80\x80\x80\x80\x20\x00"),
        (2, b"\x01\x01a\x01b\x04\x01\x00"),
        (5, b"\x01\x00"),
        (5, b"\x01\x00\x00\x00"),
        (5, b"\x01\x00\x81\x80\x04"),
        (5, b"\x65" + b"\0\0" * 101),
        (7, b"\x01\x01a\x05\x00"),
        (7, b"\x01\x01a\x00"),
        (7, b"\x01\x01a\x00\x00\x00"),
        (7, b"\x01\x02\xc3\x28\x00\x00"),
        (8, b""),
        (8, b"\x00\x00"),
        (3, b"\x01\x00"),
        (10, b"\x01\x02\x00\x0b"),
        (3, b""),
        (12, b"\x01"),
        (11, b""),
    ],
)
def test_a_module_that_cannot_be_read_is_refused(number: int, payload: bytes) -> None:
    assert refused(with_section(number, payload)) == "wasm-malformed"


def test_too_many_imported_memories_are_refused() -> None:
    payload = b"\x65" + b"\x01a\x01b\x02\x00\x00" * 101

    assert refused(with_section(2, payload)) == "wasm-malformed"


@pytest.mark.parametrize(
    "payload",
    [
        b"",
        b"\x01",
        b"\x01\x03",
        b"\x01\x01\x05ab",
        b"\x01\x01\xff\xff\xff\xff\x0f",
        b"\xff\xff\xff\xff\x0f",
        b"\x01\x00\x41\x00",
        b"\x01\x00\x41\xff\xff\xff\xff\x17\x0b\x00",
        b"\x01\x00\x20\x00\x0b\x00",
        b"\x01\x00\x10\x00\x0b\x00",
        b"\x01\x02\xff\xff\xff\xff\x1f\x41\x00\x0b\x00",
        b"\x01\x01\x00\x00",
    ],
)
def test_data_segments_that_cannot_be_read_are_refused(payload: bytes) -> None:
    assert refused(with_section(11, payload), data_segments) == "wasm-malformed"


def test_a_component_is_refused() -> None:
    assert refused(assemble("(component)")) == "wasm-component-unsupported"


def test_wat_text_is_refused() -> None:
    assert refused(WAT.encode()) == "wasm-malformed"


def producers(payload: bytes) -> tuple[Producer, ...]:
    return inspect(with_section(0, b"\x09producers" + payload)).producers


def test_producers_are_reported() -> None:
    payload = b"\x02\x08language\x01\x04Rust\x042021\x0cprocessed-by\x01\x05rustc\x061.63.0"

    assert producers(payload) == (
        Producer(field="language", name="Rust", version="2021"),
        Producer(field="processed-by", name="rustc", version="1.63.0"),
    )


@pytest.mark.parametrize(
    "payload", [b"", b"\xff\xff\xff\xff\x0f", b"\x01\x01a\x01\x01b\x01\xff", b"\0\0", b"\x0b" * 99]
)
def test_producers_that_cannot_be_read_are_none(payload: bytes) -> None:
    assert producers(payload) == ()


def test_very_many_producers_are_none() -> None:
    payload = b"\x02" + (b"\x01a\xe8\x07" + b"\0\0" * 1000) * 2

    assert producers(payload) == ()


def test_custom_sections_are_reported_by_name_and_size() -> None:
    data = PREAMBLE + section(0, b"\x04name\0\0") + section(0, b"\x10sourceMappingURL\x01u")

    assert inspect(data).customs == (
        Custom(name="name", size=2),
        Custom(name="sourceMappingURL", size=2),
    )


@pytest.mark.parametrize(
    ("number", "item"), [(2, b"\0\0\0\0"), (7, b"\0\0\0"), (11, b"\x01\0")], ids=str
)
def test_very_many_items_are_refused_at_once(number: int, item: bytes) -> None:
    count = 200_000
    payload = bytes((count & 0x7F | 0x80, count >> 7 & 0x7F | 0x80, count >> 14)) + item * count
    started = time.perf_counter()

    assert refused(with_section(number, payload), lambda data: (inspect(data), data_segments(data)))

    assert time.perf_counter() - started < 1


@settings(max_examples=200, deadline=None)
@given(damaged(MODULE) | st.binary(max_size=64).map(PREAMBLE.__add__) | st.binary(max_size=64))
def test_bytes_from_outside_are_read_or_refused(data: bytes) -> None:
    fuzz_one(data)
