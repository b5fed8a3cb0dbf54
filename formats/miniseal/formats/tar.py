"""Headers of tar archives that other people's tools write: what a file in one is called, and where.

POSIX ustar and pax, and GNU's long names. Only files and folders are let through: nothing here is
ever unpacked, so whatever could make another reader see other files than ours does is refused.
Pure. What we write ourselves is `formats.ustar`.
"""

import re
from dataclasses import dataclass
from typing import Literal

from miniseal.formats.errors import Code, FormatError

__all__ = [
    "BLOCK",
    "LONG_LIMIT",
    "TAR_COMPRESSED",
    "TAR_MALFORMED",
    "TAR_REFUSED",
    "Header",
    "Kind",
    "check_start",
    "long_name",
    "pax_records",
    "plain_name",
]

TAR_MALFORMED = Code(
    "tar-malformed",
    FormatError,
    meaning="a file is not a whole tar archive",
    cause="a transfer that was cut off, damage, or another kind of file",
    remedy="copy the file again, or write it again with `miniseal copy` or `skopeo copy`",
)
TAR_REFUSED = Code(
    "tar-refused",
    FormatError,
    meaning="a tar archive holds something that an OCI layout has no use for and that misleads",
    cause="a link, a device, a sparse file, a path that leads elsewhere, or the same name twice",
    remedy="find out who made it; write it again with `miniseal copy` or `skopeo copy`",
)
TAR_COMPRESSED = Code(
    "tar-compressed",
    FormatError,
    meaning="an archive is compressed, and its content cannot be read where it lies",
    cause="a tar that went through gzip, zstd or the like after it was written",
    remedy="decompress it first, as with gunzip; or write it without compression",
)

BLOCK = 512
LONG_LIMIT = 1024 * 1024
"""Bytes of a pax header or a long name."""

Kind = Literal["file", "folder", "pax", "pax-global", "long-name"]

_KINDS: dict[bytes, Kind] = {
    b"0": "file",
    b"\0": "file",
    b"5": "folder",
    b"x": "pax",
    b"g": "pax-global",
    b"L": "long-name",
}
_REFUSED = {
    b"1": "a hard link",
    b"2": "a symbolic link",
    b"3": "a character device",
    b"4": "a block device",
    b"6": "a pipe",
    b"7": "a contiguous file",
    b"K": "a link with a long target",
    b"S": "a sparse file",
}
_COMPRESSED = {
    b"\x1f\x8b": "gzip",
    b"\x1f\x9d": "compress",
    b"BZh": "bzip2",
    b"\xfd7zXZ\0": "xz",
    b"\x28\xb5\x2f\xfd": "zstd",
    b"\x04\x22\x4d\x18": "lz4",
}
_POSIX = b"ustar\x0000"
_GNU = b"ustar  \0"
_OCTAL = re.compile(rb" *([0-7]+)[ \0]*")
_DECIMAL = re.compile(r"[0-9]{1,15}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Header:
    """What the block before a member says.

    Attributes:
        name: as it is written.
        kind: of the member.
        size: of its content, in bytes.
    """

    name: bytes
    kind: Kind
    size: int

    @classmethod
    def from_block(cls, block: bytes, at: int) -> "Header | None":
        """Read the header `block`, found at offset `at`; None for the mark of the end.

        Raises:
            FormatError: `tar-malformed`, `tar-refused`.
        """
        if not block.strip(b"\0"):
            return None
        magic = block[257:265]
        if magic not in {_POSIX, _GNU} or _sum(block) != _octal(block[148:156], at):
            raise TAR_MALFORMED("not a tar header", found=f"byte {at}")
        name = _text(block[:100], at)
        prefix = _text(block[345:500], at) if magic == _POSIX else b""
        flag = block[156:157]
        if flag not in _KINDS:
            what = _REFUSED.get(flag, f"a member of type {flag!r}")
            raise TAR_REFUSED(
                f"archive holds {what}", found=repr(name)[:200], expected="files and folders"
            )
        return cls(
            name=prefix + b"/" + name if prefix else name,
            kind=_KINDS[flag],
            size=_size(block[124:136], at),
        )


def check_start(data: bytes) -> None:
    """Refuse a file whose first bytes `data` are those of a compressed one.

    Raises:
        FormatError: `tar-compressed`.
    """
    for mark, name in _COMPRESSED.items():
        if data.startswith(mark):
            raise TAR_COMPRESSED("archive is compressed", found=name, expected="a plain tar")


def pax_records(data: bytes, at: int, *, everywhere: bool = False) -> tuple[bytes | None, int]:
    """The name and the size that a pax header gives to the next member; -1 for no size.

    Args:
        data: the header's content.
        at: where it begins, for errors.
        everywhere: it is for all members, and may give none a name or a size.

    Raises:
        FormatError: `tar-malformed`, `tar-refused`.
    """
    found: dict[bytes, bytes] = {}
    place = 0
    while place < len(data):
        digits, space, _ = data[place : place + 8].partition(b" ")
        size = int(digits) if space and digits.isdigit() else 0
        record = data[place : place + size]
        key, equals, value = record[len(digits) + 1 : -1].partition(b"=")
        if len(record) != size or record[-1:] != b"\n" or not equals or not key:
            raise TAR_MALFORMED("pax header is malformed", found=f"byte {at + place}")
        if key in found or key.startswith(b"GNU.sparse"):
            what = "a sparse file" if key not in found else "a pax header that says a thing twice"
            raise TAR_REFUSED(f"archive holds {what}", found=f"byte {at + place}")
        found[key] = value
        place += size
    name, text = found.get(b"path"), found.get(b"size", b"").decode("latin-1")
    if everywhere and (name is not None or text):
        raise TAR_REFUSED("archive gives one name or size to all members", found=f"byte {at}")
    if b"size" in found and not _DECIMAL.fullmatch(text):
        raise TAR_MALFORMED("pax header has no size", found=repr(text)[:60])
    return name, int(text) if text else -1


def long_name(data: bytes) -> bytes:
    """The name in the content of GNU's member for long names."""
    return data.removesuffix(b"\0")


def plain_name(name: bytes, kind: Kind) -> str:
    """A member's path without what says nothing: `./` before it, `/` after a folder.

    The folder that holds everything is the empty text.

    Raises:
        FormatError: `tar-refused`, it leads elsewhere or is no printable text.
    """
    try:
        text = name.decode()
    except UnicodeDecodeError as error:
        raise _refused(name) from error
    text = text.removeprefix("./")
    if kind == "folder":
        text = text.removesuffix("/")
        if text in {"", "."}:
            return ""
    if not text.isprintable() or any(part in {"", ".", ".."} for part in text.split("/")):
        raise _refused(name)
    return text


def _text(field: bytes, at: int) -> bytes:
    """A text field, which ends at its first zero; something after that is for another reader."""
    text, _, rest = field.partition(b"\0")
    if rest.strip(b"\0"):
        raise TAR_MALFORMED("a name in a tar header goes on after its end", found=f"byte {at}")
    return text


def _sum(block: bytes) -> int:
    return sum(block[:148]) + 8 * 32 + sum(block[156:])


def _size(field: bytes, at: int) -> int:
    if field[0] & 0x80:  # GNU's binary form, for 8 GiB and more
        return int.from_bytes(bytes([field[0] & 0x7F]) + field[1:], "big")
    return _octal(field, at)


def _octal(field: bytes, at: int) -> int:
    digits = _OCTAL.fullmatch(field)
    if digits is None:
        raise TAR_MALFORMED("a number in a tar header cannot be read", found=f"byte {at}")
    return int(digits[1], 8)


def _refused(name: bytes) -> Exception:
    return TAR_REFUSED(
        "archive holds a name that leads elsewhere",
        found=repr(name)[:200],
        expected="a relative path without '..'",
    )
