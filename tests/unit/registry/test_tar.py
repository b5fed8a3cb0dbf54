"""Which files of a tar are found, and which tars are refused as a whole."""

import os
import subprocess
import tarfile
from collections.abc import Callable
from pathlib import Path

import pytest

from kit.tars import END, block, layout, member, pax, tar
from miniseal.formats.errors import MinisealError
from miniseal.registry.tar import Member, members

Contents = Callable[[bytes], dict[str, bytes]]


@pytest.fixture
def contents(tmp_path: Path) -> Contents:
    """The files in an archive of these bytes."""

    def read(data: bytes) -> dict[str, bytes]:
        path = tmp_path / "a.tar"
        path.write_bytes(data)
        fd = os.open(path, os.O_RDONLY)
        try:
            found = members(fd, len(data))
        finally:
            os.close(fd)
        return {name: data[at : at + size] for name, (at, size) in found.items()}

    return read


@pytest.mark.parametrize(
    "form", [tarfile.USTAR_FORMAT, tarfile.GNU_FORMAT, tarfile.PAX_FORMAT], ids=["u", "gnu", "pax"]
)
@pytest.mark.parametrize("before", ["", "./"], ids=["plain", "dot"])
def test_files_are_found_in_every_format(contents: Contents, form: int, before: str) -> None:
    files = {**layout(), f"blobs/{'d' * 60}/{'x' * 90}": b"long", "empty": b""}
    written = {f"{before}{name}": data for name, data in files.items()}
    folders = {"./": b""} if before else {}

    assert contents(tar({**folders, "blobs/": b"", **written}, form)) == files


@pytest.mark.parametrize("form", ["gnu", "posix", "ustar", "oldgnu"])
def test_what_the_tar_program_writes_is_read(contents: Contents, tmp_path: Path, form: str) -> None:
    folder = tmp_path / "layout"
    for name, data in layout().items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(data)
    done = subprocess.run(
        ["tar", f"--format={form}", "-cf", "-", "-C", folder, "."], capture_output=True, check=True
    )

    assert contents(done.stdout) == layout()


def test_extensions_are_for_the_next_member_alone(contents: Contents) -> None:
    data = pax({"path": "named"}) + member(b"x", b"1") + member(b"y", b"2") + END

    assert contents(data) == {"named": b"1", "y": b"2"}


def test_a_size_that_the_header_has_no_room_for_comes_from_pax(contents: Contents) -> None:
    data = pax({"size": "3"}) + block(b"x") + b"abc" + bytes(509) + member(b"y", b"2") + END

    assert contents(data) == {"x": b"abc", "y": b"2"}


def test_content_is_not_read_to_find_members(tmp_path: Path) -> None:
    path = tmp_path / "sparse.tar"
    with path.open("wb") as file:
        file.write(block(b"big", size_field=b"%011o\0" % (8**11 - 512)))
        file.seek(8**11 - 512, os.SEEK_CUR)
        file.write(END)
    size = path.stat().st_size
    fd = os.open(path, os.O_RDONLY)
    try:
        assert members(fd, size) == {"big": Member(512, 8**11 - 512)}
    finally:
        os.close(fd)


ONE = member(b"a", b"x")


@pytest.mark.parametrize(
    ("data", "code"),
    [
        pytest.param(b"", "tar-malformed", id="empty"),
        pytest.param(b"x", "tar-malformed", id="a-byte"),
        pytest.param(b"PK\3\4" + bytes(1024), "tar-malformed", id="zip"),
        pytest.param(ONE[:600], "tar-malformed", id="ends-in-content"),
        pytest.param(ONE[:300], "tar-malformed", id="ends-in-a-header"),
        pytest.param(ONE, "tar-malformed", id="no-end"),
        pytest.param(ONE + bytes(512), "tar-malformed", id="half-an-end"),
        pytest.param(block(b"a", 10**9) + END, "tar-malformed", id="size-beyond-the-end"),
        pytest.param(
            block(b"a", size_field=b"\xff" * 12) + END, "tar-malformed", id="huge-binary-size"
        ),
        pytest.param(pax({"path": "a"}) + END, "tar-malformed", id="header-of-nothing"),
        pytest.param(ONE + END + ONE + END, "tar-refused", id="two-archives"),
        pytest.param(ONE + END + b"x", "tar-refused", id="more-after-the-end"),
        pytest.param(ONE + END + bytes(2 * 1024 * 1024), "tar-refused", id="padded-without-end"),
        pytest.param(ONE + bytes(512) + ONE + END, "tar-refused", id="end-in-the-middle"),
        pytest.param(ONE + ONE + END, "tar-refused", id="twice"),
        pytest.param(ONE + member(b"./a", b"y") + END, "tar-refused", id="twice-by-another-name"),
        pytest.param(
            ONE + pax({"path": "a"}) + member(b"b") + END, "tar-refused", id="twice-by-pax"
        ),
        pytest.param(member(b"a/", kind=b"5") + ONE + END, "tar-refused", id="folder-and-file"),
        pytest.param(member(b"../a", b"x") + END, "tar-refused", id="dot-dot"),
        pytest.param(member(b"/etc/passwd", b"x") + END, "tar-refused", id="absolute"),
        pytest.param(pax({"path": "../a"}) + ONE + END, "tar-refused", id="dot-dot-by-pax"),
        pytest.param(
            member(b"n", b"../a\0", b"L", magic=b"ustar  \0") + ONE + END,
            "tar-refused",
            id="dot-dot-by-long-name",
        ),
        pytest.param(member(b"a", kind=b"2", link=b"/etc/passwd") + END, "tar-refused", id="link"),
        pytest.param(member(b"a", kind=b"1", link=b"b") + END, "tar-refused", id="hard-link"),
        pytest.param(member(b"a", b"x", b"5") + END, "tar-refused", id="folder-with-content"),
        pytest.param(member(b"a", kind=b"6") + END, "tar-refused", id="pipe"),
        pytest.param(
            pax({"GNU.sparse.major": "1", "GNU.sparse.name": "a"}) + ONE + END,
            "tar-refused",
            id="sparse-by-pax",
        ),
        pytest.param(member(b"a", b"x", b"S") + END, "tar-refused", id="sparse"),
        pytest.param(pax({"size": "3"}) + ONE + END, "tar-refused", id="two-sizes"),
        pytest.param(pax({"path": "a"}, b"g") + ONE + END, "tar-refused", id="one-name-for-all"),
        pytest.param(
            pax({"path": "b"}) + pax({"path": "c"}) + ONE + END, "tar-refused", id="two-names"
        ),
        pytest.param(
            pax({"path": "b"}) + member(b"n", b"c\0", b"L") + ONE + END,
            "tar-refused",
            id="two-names-of-two-kinds",
        ),
        pytest.param(
            pax({"size": "1"}) + pax({"size": "1"}) + ONE + END, "tar-refused", id="size-twice"
        ),
        pytest.param(pax(b"x" * (1024 * 1024 + 1)) + ONE + END, "too-large", id="huge-extension"),
        pytest.param(b"\x1f\x8b\x08" + bytes(100), "tar-compressed", id="gzip"),
    ],
)
def test_a_tar_is_refused_as_a_whole(contents: Contents, data: bytes, code: str) -> None:
    with pytest.raises(MinisealError) as error:
        contents(data)

    assert error.value.code == code


@pytest.mark.parametrize(
    "repeated", [b"", pax({"comment": "x"})], ids=["files", "headers-without-end"]
)
def test_there_are_not_more_members_than_a_bound(tmp_path: Path, repeated: bytes) -> None:
    path = tmp_path / "a.tar"
    data = b"".join(repeated or member(b"%d" % number) for number in range(11))
    path.write_bytes(data + member(b"last") + END)
    fd = os.open(path, os.O_RDONLY)
    try:
        with pytest.raises(MinisealError) as error:
            members(fd, path.stat().st_size, most=10)
    finally:
        os.close(fd)

    assert error.value.code == "too-large"


def test_no_beginning_of_an_archive_is_one(contents: Contents) -> None:
    content = tar(layout()).rstrip(b"\0")
    whole = content + bytes(-len(content) % 512) + END

    for size in range(0, len(whole), 100):
        with pytest.raises(MinisealError) as error:
            contents(whole[:size])
        assert error.value.code == "tar-malformed"
    assert contents(whole) == layout()


def test_long_names_do_not_become_much_memory(contents: Contents) -> None:
    # as text each takes four times the bytes that it has here
    names = [f"{number}{'a' * 1_000_000}\U0001f600" for number in range(20)]
    data = b"".join(member(b"x", name.encode(), b"L") + member(b"x") for name in names) + END

    with pytest.raises(MinisealError) as error:
        contents(data)

    assert error.value.code == "too-large"
