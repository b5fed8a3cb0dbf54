import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kit.packages import wasm_module
from miniseal.formats.errors import MinisealError
from miniseal.pipeline.trivy.golang import GoModule, bill_of, modules

START, END = (
    bytes.fromhex(text)
    for text in ("3077af0c9274080241e1c107e6d618e6", "f932433186182072008242104116d8f2")
)


def leb(number: int) -> bytes:
    low, rest = number & 0x7F, number >> 7
    return bytes([low | 0x80]) + leb(rest) if rest else bytes([low])


def named(text: str) -> bytes:
    return leb(len(text)) + text.encode()


def program(*segments: bytes, made_by: tuple[str, str] | None = None) -> bytes:
    """A module with these data segments, and what the linker says of itself."""
    data = leb(len(segments)) + b"".join(b"\1" + leb(len(each)) + each for each in segments)
    module = wasm_module() + b"\x0b" + leb(len(data)) + data
    if made_by is None:
        return module
    producers = named("producers") + b"\1" + named("processed-by") + b"\1"
    producers += named(made_by[0]) + named(made_by[1])
    return module + b"\0" + leb(len(producers)) + producers


def listing(text: str) -> bytes:
    return b"\0\1" + START + text.encode() + END + b"\2"


def names(wasm: bytes) -> list[tuple[str, str]]:
    return [(module.path, module.version) for module in modules(wasm)]


def test_every_dependency_is_read() -> None:
    text = "path\ta\nmod\ta\t(devel)\t\ndep\tx.org/b\tv1.0.0\th1:x=\ndep\tx.org/a\tv2.0.0\t\n"

    assert names(program(b"first", listing(text))) == [("x.org/a", "v2.0.0"), ("x.org/b", "v1.0.0")]


@pytest.mark.parametrize(
    ("line", "found"),
    [
        ("=>\ty.org/b\tv1.2.3\th1:x=", ("y.org/b", "v1.2.3")),
        ("=>\t./b\t(devel)\t", ("x.org/b", "v1.0.0")),
        ("=>\t../b", ("x.org/b", "v1.0.0")),
        ("dep\tx.org/own\t(devel)\t", ("x.org/b", "v1.0.0")),
    ],
)
def test_a_replacement_counts_where_it_has_a_version(line: str, found: tuple[str, str]) -> None:
    assert names(program(listing(f"dep\tx.org/b\tv1.0.0\n{line}\n"))) == [found]


@pytest.mark.parametrize(
    ("version", "found"),
    [("go1.26.8", "v1.26.8"), ("go1.26", "v1.26"), ("go1.26.8 X:a", "v1.26.8")],
)
def test_the_standard_library_has_the_version_of_the_compiler(version: str, found: str) -> None:
    wasm = program(listing("dep\ta\tv1\n"), made_by=("Go cmd/compile", version))

    assert ("stdlib", found) in names(wasm)


@pytest.mark.parametrize("made_by", [("Go cmd/compile", "devel"), ("rustc", "go1.2")])
def test_a_compiler_without_a_release_names_none(made_by: tuple[str, str]) -> None:
    assert names(program(listing("dep\ta\tv1\n"), made_by=made_by)) == [("a", "v1")]


@pytest.mark.parametrize(
    "segment", [b"", b"text", START, START + b"dep\ta\tv1", END + START, START + b"path\ta\n" + END]
)
def test_a_module_that_lists_nothing_has_none(segment: bytes) -> None:
    assert modules(program(segment, made_by=("Go cmd/compile", "go1.26.8"))) == ()


@pytest.mark.parametrize(
    "line",
    [
        *("dep", "dep\ta", "dep\t\tv1", "dep\ta b\tv1", "dep\ta\t\x1b[0m", "dep\ta/\tv1"),
        *("dep\t/a\tv1", "dep\ta\t1.0", "dep\ta\tv1\n=>\tb/\tv2"),
    ],
)
def test_a_list_that_cannot_be_read_is_refused(line: str) -> None:
    with pytest.raises(MinisealError) as error:
        modules(program(listing(line)))

    assert error.value.code == "scan-incomplete"


def test_a_bill_lists_the_modules_by_their_own_names() -> None:
    bill = bill_of((GoModule(path="x.org/Mixed/a", version="v1+incompatible"),))

    assert bill["components"] == [
        {
            "type": "library",
            "bom-ref": "0",
            "name": "x.org/Mixed/a",
            "version": "v1+incompatible",
            "purl": "pkg:golang/x.org/Mixed/a@v1%2Bincompatible",
        }
    ]


LINES = st.lists(st.lists(st.sampled_from(["dep", "=>", "a", "v1", "", "\x00"])).map("\t".join))


@settings(max_examples=200, deadline=None)
@given(st.binary() | LINES.map(lambda lines: "\n".join(lines).encode()))
def test_any_text_is_a_list_or_refused(text: bytes) -> None:
    try:
        found = modules(program(START + text + END))
    except MinisealError as error:
        assert error.code == "scan-incomplete"  # noqa: PT017 - most inputs raise, some do not
    else:
        assert list(found) == sorted(set(found))
