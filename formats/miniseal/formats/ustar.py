"""A package's assets as one archive: plain USTAR (POSIX.1-1988), one form for one content.

Files only, sorted by the bytes of their names, mode 0644, owner and times zero, uncompressed, two
zero blocks at the end. Reading accepts exactly what writing produces, so an archive has one digest
and no parser can see other entries in it than ours does. Nothing is ever unpacked to a disk here.
A host's load path comes through `read`: it needs the standard library alone, and little of it.
"""

from collections.abc import Iterable, Mapping
from itertools import pairwise
from struct import Struct

from miniseal.formats.errors import Code, FormatError

__all__ = [
    "ARCHIVE_MALFORMED",
    "NAME_REFUSED",
    "check_name",
    "check_names",
    "header",
    "read",
    "write",
]

ARCHIVE_MALFORMED = Code(
    "archive-malformed",
    FormatError,
    meaning="an assets archive is not in the one form that Miniseal writes",
    cause="a tar made by another tool, a truncated file, or bytes that somebody changed",
    remedy="build the package again; the archive is written by `miniseal build` alone",
)
NAME_REFUSED = Code(
    "name-refused",
    FormatError,
    meaning="a file's name cannot be in a package",
    cause="a path that leads elsewhere, a name that some file systems change or confuse, "
    "or one too long for USTAR",
    remedy="rename the file: short relative paths of printable characters, each unique "
    "without regard to case",
)

_BLOCK = 512
_END = bytes(2 * _BLOCK)
_NAME_SIZE = 100
_PREFIX_SIZE = 155
_SIZE_MOST = 8**11 - 1
_CHECKSUM = slice(148, 156)
# name mode uid gid size mtime checksum typeflag linkname magic version uname gname major minor
# prefix: POSIX.1-1988, "ustar Interchange Format"
_HEADER = Struct("100s8s8s8s12s12s8sc100s6s2s32s32s8s8s155s12x")


def write(entries: Mapping[str, bytes]) -> bytes:
    """The archive that holds these files, by name.

    Raises:
        FormatError: `name-refused`; `archive-malformed` for a file that USTAR cannot hold (8 GiB).
    """
    check_names(entries)
    encoded = sorted((name.encode(), content) for name, content in entries.items())
    parts: list[bytes] = []
    for name, content in encoded:
        parts += (header(name, len(content)), content, bytes(-len(content) % _BLOCK))
    return b"".join((*parts, _END))


def read(data: bytes | memoryview) -> dict[str, bytes]:
    """The files of an archive, by name, in its order; each content is copied once.

    Time and memory grow with `len(data)` alone; the caller bounds that.

    Raises:
        FormatError: `archive-malformed` or `name-refused`, for any bytes that `write` would not
            produce.
    """
    view = memoryview(data)
    entries: dict[str, bytes] = {}
    at, previous = 0, b""
    while len(data) - at > len(_END):
        name, size = _fields(bytes(view[at : at + _BLOCK]), at)
        if name <= previous:
            raise _malformed("entries are not sorted by name", at)
        start, stop = at + _BLOCK, at + _BLOCK + size
        at = stop + -size % _BLOCK
        if at > len(data):
            raise _malformed("archive ends within a file", start)
        if any(view[stop:at]):
            raise _malformed("a file is padded with something other than zeros", stop)
        entries[name.decode()] = bytes(view[start:stop])
        previous = name
    if bytes(view[at:]) != _END:
        raise _malformed("archive does not end in exactly two zero blocks", at)
    check_names(entries)
    return entries


def check_names(names: Iterable[str]) -> None:
    """Check that files of these names can be side by side on every file system.

    Each has to pass `check_name`; no two may be equal without regard to case (Unicode's canonical
    caseless matching), and none may be a folder of another.

    Raises:
        FormatError: `name-refused`.
    """
    # With "/" below every other character, what is below a name follows right after it.
    keys = sorted((_caseless(check_name(name)).replace("/", "\0"), name) for name in names)
    for (key, name), (next_key, next_name) in pairwise(keys):
        if next_key == key:
            raise NAME_REFUSED(
                "two files have the same name without regard to case",
                found=f"{name!r} and {next_name!r}",
            )
        if next_key.startswith(f"{key}\0"):
            raise NAME_REFUSED(
                "a file has the name of a folder", found=f"{name!r} and {next_name!r}"
            )


def check_name(name: str) -> str:
    r"""Return `name` if a file in a package can have it.

    It has to be a relative path with `/` between segments, none of them empty, `.` or `..`; without
    a backslash; in Unicode's NFC; of printable characters (`str.isprintable`: no control, format,
    private or unassigned characters, no space other than U+0020); and USTAR has to hold it: at most
    100 bytes of UTF-8, or 155 before some `/` and 100 after it.

    Raises:
        FormatError: `name-refused`.
    """
    if not name.isprintable() or "\\" in name:
        raise _refused(name, "only printable characters and no backslash")
    if any(segment in {"", ".", ".."} for segment in name.split("/")):
        raise _refused(name, "a relative path without empty, '.' or '..' segments")
    if not _is_nfc(name):
        raise _refused(name, "Unicode normalization form C")
    if _split(name.encode()) is None:
        raise _refused(name, "at most 100 bytes, or 155 before some '/' and 100 after it")
    return name


def header(name: bytes, size: int) -> bytes:
    """The block that comes before a file of this name, which has passed `check_name`, and size.

    Raises:
        FormatError: `archive-malformed`, for a file that USTAR cannot hold (8 GiB).
    """
    if size > _SIZE_MOST:
        raise ARCHIVE_MALFORMED(
            "file is too large for USTAR", found=f"{size} bytes", expected=f"at most {_SIZE_MOST}"
        )
    prefix, base = _split(name) or (b"", b"")
    zero = b"0000000\0"
    fields = (
        *(base, b"0000644\0", zero, zero, b"%011o\0" % size, b"00000000000\0", b" " * 8),
        *(b"0", b"", b"ustar\0", b"00", b"", b"", zero, zero, prefix),
    )
    block = _HEADER.pack(*fields)
    return block[: _CHECKSUM.start] + b"%06o\0 " % sum(block) + block[_CHECKSUM.stop :]


def _fields(block: bytes, at: int) -> tuple[bytes, int]:
    """The name and the content's size that the header `block`, found at offset `at`, is for."""
    base, size_text, prefix = (
        block[:100].rstrip(b"\0"),
        block[124:135],
        block[345:500].rstrip(b"\0"),
    )
    name = prefix + b"/" + base if prefix else base
    try:
        name.decode()
        size = int(size_text, 8)
    except ValueError as error:
        raise _malformed("entry's name or size cannot be read", at) from error
    # Whatever else a header can say is said by writing it again.
    if not 0 <= size <= _SIZE_MOST or block != header(name, size):
        raise _malformed("entry's header is not the one that its name and size have", at)
    return name, size


def _split(name: bytes) -> tuple[bytes, bytes] | None:
    """The header's prefix and name fields, or None where they cannot hold `name`."""
    if len(name) <= _NAME_SIZE:
        return b"", name
    prefix, slash, base = name[: _PREFIX_SIZE + 1].rpartition(b"/")
    base += name[_PREFIX_SIZE + 1 :]
    return (prefix, base) if slash and len(base) <= _NAME_SIZE else None


def _caseless(name: str) -> str:
    if name.isascii():
        return name.lower()
    from unicodedata import normalize  # most packages never need its tables

    return normalize("NFD", normalize("NFD", name).casefold())


def _is_nfc(name: str) -> bool:
    if name.isascii():
        return True
    from unicodedata import is_normalized

    return is_normalized("NFC", name)


def _refused(name: str, expected: str) -> Exception:
    return NAME_REFUSED(
        "file's name cannot be in a package", found=ascii(name)[:300], expected=expected
    )


def _malformed(message: str, at: int) -> Exception:
    return ARCHIVE_MALFORMED(message, found=f"byte {at}")
