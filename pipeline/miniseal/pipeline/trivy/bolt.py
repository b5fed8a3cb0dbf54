"""A writer of bbolt files, the key-value format of Trivy's database; it reads nothing.

The same mapping gives the same bytes. Page layout: bbolt's `internal/common` (meta, freelist, leaf
and branch pages). Small buckets without buckets inside are stored in their parent's value, as bbolt
does. Keys are at most 32,768 bytes.
"""

import struct
from collections.abc import Mapping, Sequence
from typing import TypeAlias

__all__ = ["Bucket", "write"]

Bucket: TypeAlias = Mapping[str, "str | Bucket"]

_PAGE = 4096
_INLINE_LIMIT = _PAGE // 4
_LEAF_BYTES = 64 * 1024
_FANOUT = 1024
_BRANCH, _LEAF, _META, _FREELIST = 0x01, 0x02, 0x04, 0x10
_BUCKET = 0x01
_MAGIC, _VERSION = 0xED0CDAED, 2
_FIRST_FREE = 3  # after two meta pages and the freelist

# A key, its value, and whether the value is a bucket.
_Item: TypeAlias = tuple[bytes, bytes, int]


def write(root: Bucket) -> bytes:
    """The bbolt file that holds `root`, whose values are all buckets."""
    writer = _Writer()
    root_page = writer.tree(writer.items(root))
    freelist = _page(2, _FREELIST, 0, b"")
    metas = [_page(number, _META, 0, _meta(root_page, writer.next)) for number in (0, 1)]
    return b"".join([*metas, freelist, *writer.pages])


class _Writer:
    """Pages in the order of their numbers."""

    def __init__(self) -> None:
        self.pages: list[bytes] = []
        self.next = _FIRST_FREE

    def items(self, bucket: Bucket) -> list[_Item]:
        pairs = sorted((key.encode(), value) for key, value in bucket.items())
        return [
            (key, value.encode(), 0)
            if isinstance(value, str)
            else (key, self.bucket(value), _BUCKET)
            for key, value in pairs
        ]

    def bucket(self, bucket: Bucket) -> bytes:
        """The value under which a bucket is stored in its parent."""
        items = self.items(bucket)
        body = _leaf(items)
        nested = any(flags for _, _, flags in items)
        if not nested and len(items) < _FANOUT and 16 + len(body) <= _INLINE_LIMIT:
            return struct.pack("<QQ", 0, 0) + _header(0, _LEAF, len(items), 0) + body
        return struct.pack("<QQ", self.tree(items), 0)

    def tree(self, items: list[_Item]) -> int:
        """Write a B+ tree and return the number of its root page."""
        level: list[tuple[bytes, int]] = [
            (chunk[0][0] if chunk else b"", self.add(_LEAF, len(chunk), _leaf(chunk)))
            for chunk in _chunks(items)
        ]
        while len(level) > 1:
            groups = [level[at : at + _FANOUT] for at in range(0, len(level), _FANOUT)]
            level = [
                (group[0][0], self.add(_BRANCH, len(group), _branch(group))) for group in groups
            ]
        return level[0][1]

    def add(self, kind: int, count: int, body: bytes) -> int:
        number = self.next
        page = _page(number, kind, count, body)
        self.pages.append(page)
        self.next += len(page) // _PAGE
        return number


def _chunks(items: list[_Item]) -> list[list[_Item]]:
    chunks: list[list[_Item]] = [[]]
    size = 0
    for item in items:
        if size > _LEAF_BYTES or len(chunks[-1]) == _FANOUT:
            chunks.append([])
            size = 0
        chunks[-1].append(item)
        size += len(item[0]) + len(item[1])
    return chunks


def _leaf(items: Sequence[_Item]) -> bytes:
    elements = bytearray()
    data = bytearray()
    for index, (key, value, flags) in enumerate(items):
        position = (len(items) - index) * 16 + len(data)  # counted from the element itself
        elements += struct.pack("<IIII", flags, position, len(key), len(value))
        data += key + value
    return bytes(elements + data)


def _branch(children: Sequence[tuple[bytes, int]]) -> bytes:
    elements = bytearray()
    data = bytearray()
    for index, (key, page) in enumerate(children):
        position = (len(children) - index) * 16 + len(data)
        elements += struct.pack("<IIQ", position, len(key), page)
        data += key
    return bytes(elements + data)


def _header(number: int, kind: int, count: int, overflow: int) -> bytes:
    return struct.pack("<QHHI", number, kind, count, overflow)


def _page(number: int, kind: int, count: int, body: bytes) -> bytes:
    pages = -(-(16 + len(body)) // _PAGE)
    data = _header(number, kind, count, pages - 1) + body
    return data.ljust(pages * _PAGE, b"\0")


def _meta(root: int, end: int) -> bytes:
    fields = struct.pack("<IIII", _MAGIC, _VERSION, _PAGE, 0)
    fields += struct.pack("<QQQQQ", root, 0, 2, end, 0)
    return fields + struct.pack("<Q", _fnv1a(fields))


def _fnv1a(data: bytes) -> int:
    value = 0xCBF29CE484222325
    for byte in data:
        value = ((value ^ byte) * 0x100000001B3) & 0xFFFFFFFFFFFFFFFF
    return value
