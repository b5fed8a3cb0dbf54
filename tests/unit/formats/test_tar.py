"""Headers of other people's tars: what is read of them, and what is refused."""

import io
import tarfile

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fuzz.fuzz_tar import fuzz_one
from kit.tars import block
from miniseal.formats.errors import MinisealError
from miniseal.formats.tar import (
    Header,
    check_start,
    long_name,
    pax_records,
    plain_name,
)


def code(error: pytest.ExceptionInfo[MinisealError]) -> str:
    return error.value.code


@pytest.mark.parametrize(
    ("data", "header"),
    [
        pytest.param(block(b"a", 5), Header(name=b"a", kind="file", size=5), id="file"),
        pytest.param(block(b"a", 5, b"\0"), Header(name=b"a", kind="file", size=5), id="old-file"),
        pytest.param(block(b"a/", 0, b"5"), Header(name=b"a/", kind="folder", size=0), id="folder"),
        pytest.param(block(b"p", 9, b"x"), Header(name=b"p", kind="pax", size=9), id="pax"),
        pytest.param(
            block(b"p", 9, b"g"), Header(name=b"p", kind="pax-global", size=9), id="pax-global"
        ),
        pytest.param(
            block(b"L", 9, b"L", magic=b"ustar  \0"),
            Header(name=b"L", kind="long-name", size=9),
            id="long-name",
        ),
        pytest.param(
            block(b"b", 1, prefix=b"a"), Header(name=b"a/b", kind="file", size=1), id="prefix"
        ),
        pytest.param(
            block(b"b", 1, prefix=b"a", magic=b"ustar  \0"),
            Header(name=b"b", kind="file", size=1),
            id="gnu-has-no-prefix",
        ),
        pytest.param(
            block(b"b", size_field=b"\x80" + (2**33).to_bytes(11, "big")),
            Header(name=b"b", kind="file", size=2**33),
            id="binary-size",
        ),
        pytest.param(
            block(b"b", size_field=b"         17 "),
            Header(name=b"b", kind="file", size=15),
            id="spaces",
        ),
        pytest.param(bytes(512), None, id="end"),
    ],
)
def test_a_header_is_read(data: bytes, header: Header | None) -> None:
    assert Header.from_block(data, 0) == header


@pytest.mark.parametrize(
    ("kind", "what"),
    [
        *((b"1", "hard link"), (b"2", "symbolic link"), (b"3", "character"), (b"4", "block")),
        *((b"6", "pipe"), (b"7", "contiguous"), (b"K", "long target"), (b"S", "sparse")),
        *((b"V", "type"), (b"D", "type"), (b"\xff", "type")),
    ],
)
def test_other_kinds_of_members_are_refused(kind: bytes, what: str) -> None:
    with pytest.raises(MinisealError, match=what) as error:
        Header.from_block(block(b"a", 0, kind), 0)

    assert code(error) == "tar-refused"


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(b"x" * 512, id="no-tar"),
        pytest.param(block(b"a", magic=bytes(8)), id="before-posix"),
        pytest.param(block(b"a")[:-1] + b"x", id="checksum"),
        pytest.param(block(b"a\0b"), id="name-after-its-end"),
        pytest.param(block(b"a", prefix=b"b\0c"), id="prefix-after-its-end"),
        pytest.param(block(b"a", size_field=b"9" * 12), id="size-not-octal"),
        pytest.param(block(b"a", size_field=b"-0000000001\0"), id="size-negative"),
        pytest.param(block(b"a", size_field=bytes(12)), id="size-missing"),
    ],
)
def test_what_is_no_header_is_malformed(data: bytes) -> None:
    with pytest.raises(MinisealError) as error:
        Header.from_block(data, 0)

    assert code(error) == "tar-malformed"


@pytest.mark.parametrize(
    ("data", "found"),
    [
        pytest.param(b"", (None, -1), id="nothing"),
        pytest.param(b"11 path=ab\n", (b"ab", -1), id="path"),
        pytest.param(b"9 size=7\n20 mtime=17.5000001\n", (None, 7), id="size-and-time"),
        pytest.param(b"12 path=a\nb\n", (b"a\nb", -1), id="line-end-in-a-value"),
    ],
)
def test_a_pax_header_is_read(data: bytes, found: tuple[bytes | None, int]) -> None:
    assert pax_records(data, 0) == found


@pytest.mark.parametrize(
    ("data", "name"),
    [
        pytest.param(b"x", "tar-malformed", id="no-length"),
        pytest.param(b"0 path=a\n", "tar-malformed", id="length-zero"),
        pytest.param(b"99 path=a\n", "tar-malformed", id="length-too-long"),
        pytest.param(b"8 path=a\n", "tar-malformed", id="length-too-short"),
        pytest.param(b"9 patha\n\n", "tar-malformed", id="no-equals-sign"),
        pytest.param(b"5 =a\n", "tar-malformed", id="no-key"),
        pytest.param(b"10 size=-7\n", "tar-malformed", id="size-negative"),
        pytest.param(b"8 size=\n", "tar-malformed", id="size-empty"),
        pytest.param(b"10 path=a\n10 path=b\n", "tar-refused", id="twice"),
        pytest.param(b"22 GNU.sparse.major=1\n", "tar-refused", id="sparse"),
    ],
)
def test_a_pax_header_is_refused(data: bytes, name: str) -> None:
    with pytest.raises(MinisealError) as error:
        pax_records(data, 0)

    assert code(error) == name


@pytest.mark.parametrize("data", [b"10 path=a\n", b"9 size=1\n"])
def test_no_name_or_size_is_for_all_members(data: bytes) -> None:
    with pytest.raises(MinisealError) as error:
        pax_records(data, 0, everywhere=True)

    assert code(error) == "tar-refused"


def test_a_comment_may_be_for_all_members() -> None:
    assert pax_records(b"14 comment=hi\n", 0, everywhere=True) == (None, -1)


@pytest.mark.parametrize(
    ("name", "folder", "text"),
    [
        (b"a/b", False, "a/b"),
        (b"./a/b", False, "a/b"),
        (b"a/", True, "a"),
        (b"./", True, ""),
        (b".", True, ""),
        ("ü".encode(), False, "ü"),
    ],
)
def test_a_name_is_made_plain(name: bytes, folder: bool, text: str) -> None:
    assert plain_name(name, "folder" if folder else "file") == text


@pytest.mark.parametrize(
    "name",
    [
        *(b"", b".", b"./", b"..", b"../a", b"a/..", b"a/../b", b"/a", b"//a", b"a//b", b"a/"),
        *(b"./../a", b"././a", b"a/./b", b"a\nb", b"a\0b", b"\xff", "a\u202eb".encode()),
    ],
)
def test_a_name_that_leads_elsewhere_is_refused(name: bytes) -> None:
    with pytest.raises(MinisealError) as error:
        plain_name(name, "file")

    assert code(error) == "tar-refused"


def test_a_long_name_ends_in_one_zero() -> None:
    assert long_name(b"abc\0") == b"abc"


@pytest.mark.parametrize(
    ("start", "what"),
    [
        *((b"\x1f\x8b\x08", "gzip"), (b"\x28\xb5\x2f\xfd", "zstd"), (b"BZh9", "bzip2")),
        *((b"\xfd7zXZ\0", "xz"), (b"\x04\x22\x4d\x18", "lz4"), (b"\x1f\x9d", "compress")),
    ],
)
def test_a_compressed_archive_is_called_so(start: bytes, what: str) -> None:
    with pytest.raises(MinisealError, match=what) as error:
        check_start(start)

    assert code(error) == "tar-compressed"


@given(
    st.text(st.characters(categories=["L", "N"]), min_size=1, max_size=300),
    st.integers(0, 2**40),
    st.sampled_from([tarfile.PAX_FORMAT, tarfile.GNU_FORMAT]),
)
def test_the_first_header_of_tarfile_is_read(name: str, size: int, form: int) -> None:
    info = tarfile.TarInfo(name)
    info.size = size
    data = io.BytesIO(info.tobuf(form, "utf-8", "strict")).read(512)

    header = Header.from_block(data, 0)

    assert header is not None
    assert header.kind in {"file", "pax", "long-name"}


@given(st.binary(max_size=1200))
def test_any_bytes_are_read_or_refused(data: bytes) -> None:
    fuzz_one(data)
