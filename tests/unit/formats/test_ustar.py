import io
import subprocess
import sys
import tarfile
import time
import unicodedata

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fuzz.damage import damaged
from fuzz.fuzz_ustar import fuzz_one
from miniseal.formats import ustar
from miniseal.formats.errors import FormatError

FILES = {"a/b.txt": b"one", "a/c": b"", "img/\u00e9.png": bytes(range(256)) * 3, "z": b"x" * 512}
ARCHIVE = ustar.write(FILES)
BLOCK = 512

SEGMENTS = st.text(
    alphabet=st.characters(codec="utf-8", exclude_characters="/\\"), min_size=1, max_size=12
).filter(lambda text: text.isprintable() and text not in {".", ".."})
NAMES = st.lists(SEGMENTS, min_size=1, max_size=4).map(
    lambda segments: unicodedata.normalize("NFC", "/".join(segments))
)


def compatible(names: dict[str, bytes]) -> bool:
    try:
        ustar.check_names(names)
    except FormatError:
        return False
    return True


ENTRIES = st.dictionaries(NAMES, st.binary(max_size=700), max_size=6).filter(compatible)


def header(**changes: bytes | int) -> bytes:
    """The header of a file `f` of three bytes, with fields replaced and the checksum made right."""
    fields: dict[str, tuple[int, int, bytes]] = {
        "name": (0, 100, b"f"),
        "mode": (100, 8, b"0000644\0"),
        "uid": (108, 8, b"0000000\0"),
        "gid": (116, 8, b"0000000\0"),
        "size": (124, 12, b"00000000003\0"),
        "mtime": (136, 12, b"00000000000\0"),
        "typeflag": (156, 1, b"0"),
        "linkname": (157, 100, b""),
        "magic": (257, 6, b"ustar\0"),
        "version": (263, 2, b"00"),
        "uname": (265, 32, b""),
        "gname": (297, 32, b""),
        "devmajor": (329, 8, b"0000000\0"),
        "devminor": (337, 8, b"0000000\0"),
        "prefix": (345, 155, b""),
        "rest": (500, 12, b""),
    }
    block = bytearray(BLOCK)
    for name, (start, size, value) in fields.items():
        content = changes.get(name, value)
        assert isinstance(content, bytes)
        block[start : start + size] = content.ljust(size, b"\0")
    block[148:156] = b" " * 8
    block[148:156] = changes.get("checksum", b"%06o\0 " % sum(block))  # type: ignore[assignment]
    return bytes(block)


def archive(*blocks: bytes) -> bytes:
    return b"".join(
        block.ljust(-(-len(block) // BLOCK) * BLOCK, b"\0") for block in blocks
    ) + bytes(2 * BLOCK)


def refused(data: bytes) -> str:
    with pytest.raises(FormatError) as error:
        ustar.read(data)

    return error.value.code


def test_an_archive_reads_back_in_its_order() -> None:
    assert list(ustar.read(ARCHIVE).items()) == sorted(FILES.items())


def test_an_empty_archive_is_two_zero_blocks() -> None:
    assert ustar.write({}) == bytes(1024)
    assert ustar.read(bytes(1024)) == {}


def test_the_test_header_is_the_real_one() -> None:
    assert archive(header(), b"abc") == ustar.write({"f": b"abc"})


@settings(max_examples=150, deadline=None)
@given(ENTRIES)
def test_what_is_written_reads_back(entries: dict[str, bytes]) -> None:
    assert ustar.read(ustar.write(entries)) == entries


@settings(max_examples=100, deadline=None)
@given(ENTRIES)
def test_one_content_has_one_archive(entries: dict[str, bytes]) -> None:
    backwards = dict(reversed(entries.items()))

    assert ustar.write(backwards) == ustar.write(entries)


@settings(max_examples=100, deadline=None)
@given(ENTRIES)
def test_tarfile_reads_the_same_files(entries: dict[str, bytes]) -> None:
    with tarfile.open(fileobj=io.BytesIO(ustar.write(entries)), mode="r:") as tar:
        members = [(member, tar.extractfile(member)) for member in tar.getmembers()]
        found = {member.name: file.read() for member, file in members if file is not None}

    assert found == entries
    assert all(
        (member.mode, member.uid, member.gid, member.mtime, member.uname, member.gname)
        == (0o644, 0, 0, 0, "", "")
        for member, _ in members
    )


def test_a_memoryview_is_read_too() -> None:
    assert ustar.read(memoryview(ARCHIVE)) == FILES


@pytest.mark.parametrize("format_", [tarfile.USTAR_FORMAT, tarfile.GNU_FORMAT, tarfile.PAX_FORMAT])
def test_another_tools_archive_is_refused(format_: int) -> None:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=format_) as tar:
        member = tarfile.TarInfo("f")
        member.size = 3
        tar.addfile(member, io.BytesIO(b"abc"))

    assert refused(buffer.getvalue()) == "archive-malformed"


def test_flipping_any_byte_changes_contents_only_or_is_refused() -> None:
    for at in range(len(ARCHIVE)):
        data = bytearray(ARCHIVE)
        data[at] ^= 0x01
        try:
            entries = ustar.read(bytes(data))
        except FormatError:
            continue
        assert ustar.write(entries) == data
        changed = {name for name in entries if entries[name] != FILES.get(name)}
        assert len(changed) == 1, f"byte {at}"


@pytest.mark.parametrize("bit", [0x01, 0x20, 0x80, 0xFF])
def test_no_byte_of_a_header_can_be_changed_alone(bit: int) -> None:
    for at in range(BLOCK):
        data = bytearray(ARCHIVE)
        data[at] ^= bit

        assert refused(bytes(data)) in {"archive-malformed", "name-refused"}


@pytest.mark.parametrize("size", range(0, len(ARCHIVE), 128))
def test_a_truncated_archive_is_refused(size: int) -> None:
    assert refused(ARCHIVE[:size]) == "archive-malformed"


@pytest.mark.parametrize("tail", [b"\0", bytes(512), bytes(8192), b"x" * 512, ARCHIVE])
def test_nothing_may_follow_the_end(tail: bytes) -> None:
    assert refused(ARCHIVE + tail) == "archive-malformed"


@pytest.mark.parametrize(
    "changes",
    [
        {"mode": b"0000755\0"},
        {"mode": b"0100644\0"},
        {"mode": b"000644 \0"},
        {"uid": b"0000001\0"},
        {"gid": b"0001750\0"},
        {"mtime": b"00000000001\0"},
        {"typeflag": b"\0"},
        {"typeflag": b"1", "linkname": b"g"},
        {"typeflag": b"2", "linkname": b"/etc/passwd"},
        {"typeflag": b"5"},
        {"typeflag": b"x"},
        {"typeflag": b"g"},
        {"typeflag": b"L"},
        {"typeflag": b"7"},
        {"linkname": b"g"},
        {"magic": b"ustar ", "version": b" \0"},
        {"version": b"  "},
        {"uname": b"root"},
        {"gname": b"root"},
        {"devmajor": b"0000001\0"},
        {"devminor": b""},
        {"prefix": b"\0x"},
        {"prefix": b"folder"},
        {"rest": b"x"},
        {"name": b"f\0hidden"},
        {"name": b""},
        {"name": b"\xff"},
        {"name": b"\xc0\xafetc"},
        {"size": b"00000000003 "},
        {"size": b"          3\0"},
        {"size": b"+0000000003\0"},
        {"size": b"-0000000003\0"},
        {"size": b"0o000000003\0"},
        {"size": b"0_000000003\0"},
        {"size": b"\x80\0\0\0\0\0\0\0\0\0\0\x03"},
        {"size": b"\xff" * 12},
        {"size": b"77777777777\0"},
        {"size": b""},
        {"checksum": b"0000000\0"},
        {"checksum": b"        "},
    ],
    ids=str,
)
def test_a_header_that_says_anything_else_is_refused(changes: dict[str, bytes]) -> None:
    assert refused(archive(header(**changes), b"abc")) in {"archive-malformed", "name-refused"}


def test_a_name_that_could_be_split_otherwise_is_refused() -> None:
    base = b"b" * 90
    here = header(name=base, prefix=b"a" * 8)
    whole = f"{'a' * 8}/{'b' * 90}"

    assert ustar.read(ustar.write({whole: b""})) == {whole: b""}
    assert refused(archive(here, b"abc")) == "archive-malformed"


def test_padding_is_zero() -> None:
    assert refused(archive(header(), b"abcd")) == "archive-malformed"


def test_entries_are_sorted() -> None:
    one, two = header(name=b"b"), header(name=b"a")

    assert refused(archive(one, b"abc", two, b"abc")) == "archive-malformed"


def test_no_entry_is_there_twice() -> None:
    assert refused(archive(header(), b"abc", header(), b"abc")) == "archive-malformed"


def test_a_zero_block_between_entries_is_refused() -> None:
    data = archive(header(name=b"a"), b"abc", bytes(BLOCK), header(name=b"b"), b"abc")

    assert refused(data) == "archive-malformed"


def test_an_archive_after_the_end_is_not_seen_by_others_either() -> None:
    data = archive(header(name=b"a"), b"abc", bytes(2 * BLOCK), header(name=b"b"), b"abc")

    assert refused(data) == "archive-malformed"


@pytest.mark.parametrize(
    "name",
    [
        "",
        "/",
        "/etc/passwd",
        "a/",
        "a//b",
        ".",
        "..",
        "./a",
        "a/./b",
        "../a",
        "a/../b",
        "a/..",
        "a\\b",
        "..\\a",
        "a\0b",
        "a\nb",
        "a\x7fb",
        "a\x85b",
        "a\u2028b",
        "a\u202eb",
        "a\u200bb",
        "a\ufeffb",
        "a\u00a0b",
        "a\ue000b",
        "a\U000e0041b",
        "a\ud800b",
        "e\u0301",
        "\u212b",
        "\u1100\u1161",
        "x" * 101,
        "\u00e9" * 51,
        f"{'x' * 156}/y",
        f"x/{'y' * 101}",
        f"{'a/' * 128}b",
    ],
    ids=ascii,
)
def test_a_name_that_leads_elsewhere_or_confuses_is_refused(name: str) -> None:
    with pytest.raises(FormatError) as error:
        ustar.write({name: b""})

    assert error.value.code == "name-refused"


@pytest.mark.parametrize("name", [b"../f", b"/f", b"a\\b", b"a//b", b"a\x1bb", b"e\xcc\x81"])
def test_such_a_name_is_refused_in_an_archive_too(name: bytes) -> None:
    assert refused(archive(header(name=name), b"abc")) == "name-refused"


@pytest.mark.parametrize(
    "name",
    [
        "a",
        "...",
        "a..b/.c",
        "a b",
        "x" * 100,
        f"{'x' * 155}/{'y' * 100}",
        f"{'x' * 90}/{'y' * 90}",
        "\u00e9" * 50,
        "\u5c0f\u7a0b\u5e8f/\u9875.png",
        "\U0001f600.png",
        "-rf",
        'a:b*?"<>|',
    ],
    ids=ascii,
)
def test_an_ordinary_name_passes(name: str) -> None:
    assert ustar.check_name(name) == name
    assert ustar.read(ustar.write({name: b"x"})) == {name: b"x"}


@pytest.mark.parametrize(
    ("one", "two"),
    [
        ("readme", "README"),
        ("a/b", "A/B"),
        ("stra\u00dfe", "STRASSE"),
        ("\u00e9", "\u00c9"),
        ("\u03c3", "\u03c2"),
        ("k", "\u212a".casefold().upper()),
        ("\u01f0", "J\u030c"),
    ],
)
def test_two_names_equal_without_regard_to_case_are_refused(one: str, two: str) -> None:
    with pytest.raises(FormatError) as error:
        ustar.write({one: b"", two: b""})

    assert error.value.code == "name-refused"


@pytest.mark.parametrize(("file", "below"), [("a", "a/b"), ("A", "a/b"), ("a/b", "a/b/c/d")])
@pytest.mark.parametrize("others", [(), ("a-", "a.b", "a!c", "a0")])
def test_a_file_is_not_also_a_folder(file: str, below: str, others: tuple[str, ...]) -> None:
    with pytest.raises(FormatError, match="the name of a folder") as error:
        ustar.check_names((below, *others, file))

    assert error.value.code == "name-refused"


def test_a_name_that_only_begins_alike_is_no_folder() -> None:
    ustar.check_names(("a", "a-b", "a.b", "ab/c", "ab-/c"))


def test_names_that_clash_are_refused_when_read() -> None:
    data = archive(header(name=b"F"), b"abc", header(), b"abc")

    assert refused(data) == "name-refused"


def test_a_file_over_eight_gigabytes_has_no_header() -> None:
    with pytest.raises(FormatError, match="too large for USTAR") as error:
        ustar.header(b"f", 8**11)

    assert error.value.code == "archive-malformed"


def test_many_deep_names_are_read_in_linear_time_and_memory() -> None:
    entries = {f"{number:05}/{'a/' * 60}b": b"" for number in range(5_000)}
    data = ustar.write(entries)

    started = time.perf_counter()
    assert len(ustar.read(data)) == 5_000
    assert time.perf_counter() - started < 5


@settings(max_examples=200, deadline=None)
@given(damaged(ARCHIVE) | st.binary(max_size=2000))
def test_bytes_from_outside_are_read_or_refused(data: bytes) -> None:
    fuzz_one(data)


def test_reading_needs_little_of_the_standard_library() -> None:
    program = (
        "import sys; before = set(sys.modules); import miniseal.formats.ustar as u;"
        "u.read(u.write({'a': b''})); print(*sorted(set(sys.modules) - before))"
    )

    run = subprocess.run(
        [sys.executable, "-S", "-c", f"import sys; sys.path[:] = {sys.path!r}; {program}"],
        capture_output=True,
        text=True,
        check=True,
    )

    unwanted = {"dataclasses", "typing", "inspect", "tarfile", "re", "unicodedata", "json"}
    assert unwanted.isdisjoint(run.stdout.split())
