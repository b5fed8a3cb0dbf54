"""What is where in an open tar archive: read where it lies, never unpacked.

The whole archive is walked once, from header to header; content is not read for that. An archive
that is not whole, or that another reader might take for something else, is refused before any of
it is used.
"""

import os
from collections.abc import Iterator
from itertools import count as count_from
from sys import getsizeof
from typing import NamedTuple

from miniseal.formats.strictjson import TOO_LARGE
from miniseal.formats.tar import (
    BLOCK,
    LONG_LIMIT,
    TAR_MALFORMED,
    TAR_REFUSED,
    Header,
    check_start,
    long_name,
    pax_records,
    plain_name,
)

__all__ = ["MOST_MEMBERS", "Member", "members"]

MOST_MEMBERS = 250_000
_MOST_NAMES = 64 * 1024 * 1024
"""Bytes of memory: more than as many blobs have."""
_MOST_PADDING = 1024 * 1024
"""Zeros after the end: tar fills up its last record."""


class Member(NamedTuple):
    """A file in an archive.

    Attributes:
        offset: where its content begins.
        size: of its content, in bytes.
    """

    offset: int
    size: int


class _Announced:
    """What extension headers say about the member that follows."""

    __slots__ = ("name", "size")

    def __init__(self) -> None:
        self.name: bytes | None = None
        self.size = -1

    def __bool__(self) -> bool:
        return self.name is not None or self.size >= 0


def members(fd: int, size: int, *, most: int = MOST_MEMBERS) -> dict[str, Member]:
    """The files in the archive that is open as `fd` and has `size` bytes, by path.

    Raises:
        FormatError: `tar-malformed`, `tar-refused`, `tar-compressed`; `too-large`, it has more than
            `most` members, or their names are too long.
        OSError: the operating system refused to read.
    """
    check_start(os.pread(fd, 8, 0))
    found: dict[str, Member] = {}
    folders: set[str] = set()
    held = 0
    for path, is_folder, member in _walk(fd, size, most):
        held += getsizeof(path)
        if held > _MOST_NAMES:
            raise TOO_LARGE("archive has too long names", expected=f"at most {_MOST_NAMES} bytes")
        if path in found or (path in folders and not is_folder):
            raise TAR_REFUSED("archive holds a name twice", found=repr(path)[:200])
        if is_folder:
            folders.add(path)
        else:
            found[path] = member
    return found


def _walk(fd: int, size: int, most: int) -> Iterator[tuple[str, bool, Member]]:
    """Files and folders in their order: path, whether it is a folder, place."""
    at, announced = 0, _Announced()
    start = BLOCK
    for count in count_from(1):
        header = Header.from_block(_read(fd, at, BLOCK), at)
        start = at + BLOCK
        if header is None:
            break
        if count > most:
            raise TOO_LARGE("archive has too many members", expected=f"at most {most}")
        length = _length(header, announced, at)
        at = start + length + -length % BLOCK
        if at > size:
            raise TAR_MALFORMED(
                "archive ends within a file", found=f"{size} bytes", expected=f"at least {at}"
            )
        if header.kind in {"file", "folder"}:
            name = header.name if announced.name is None else announced.name
            is_folder = header.kind == "folder"
            if is_folder and length:
                raise TAR_REFUSED("archive holds a folder with content", found=repr(name)[:200])
            yield plain_name(name, header.kind), is_folder, Member(start, length)
            announced = _Announced()
        else:
            _announce(fd, header, start, announced)
    if announced:
        raise TAR_MALFORMED("archive ends after the header of a header", found=f"byte {at}")
    _check_end(fd, start, size)


def _length(header: Header, announced: _Announced, at: int) -> int:
    """The content's size; one that a pax header gives must not contradict the header."""
    if header.kind in {"file", "folder"}:
        if announced.size < 0 or header.size == announced.size:
            return header.size
        if header.size:
            raise TAR_REFUSED(
                "archive gives two sizes to a file",
                found=f"{header.size} and {announced.size} at byte {at}",
            )
        return announced.size
    if header.size > LONG_LIMIT:
        raise TOO_LARGE(
            "archive has an extension header that is too large",
            found=f"{header.size} bytes",
            expected=f"at most {LONG_LIMIT}",
        )
    return header.size


def _announce(fd: int, header: Header, start: int, announced: _Announced) -> None:
    data = _read(fd, start, header.size)
    if header.kind == "pax-global":
        pax_records(data, start, everywhere=True)
        return
    name: bytes | None = None
    size = -1
    if header.kind == "long-name":
        name = long_name(data)
    else:
        name, size = pax_records(data, start)
    if (name is not None and announced.name is not None) or (size >= 0 and announced.size >= 0):
        raise TAR_REFUSED("archive announces a file twice", found=f"byte {start}")
    announced.name = announced.name if name is None else name
    announced.size = announced.size if size < 0 else size


def _check_end(fd: int, at: int, size: int) -> None:
    """After the first block of zeros comes a second, and nothing but zeros."""
    if size - at < BLOCK:
        raise TAR_MALFORMED("archive lacks its end", found=f"{size} bytes")
    if size - at > _MOST_PADDING or _read(fd, at, size - at).strip(b"\0"):
        raise TAR_REFUSED("archive goes on after its end", found=f"byte {at}")


def _read(fd: int, at: int, size: int) -> bytes:
    data = os.pread(fd, size, at)
    if len(data) != size:
        raise TAR_MALFORMED("archive ends too early", found=f"byte {at + len(data)}")
    return data
