"""The writer, read back by a small reader that follows bbolt's page layout."""

import struct

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from miniseal.pipeline.trivy import bolt

PAGE = 4096


def read(data: bytes) -> dict[str, object]:
    for page in (0, 1):
        assert struct.unpack_from("<HH", data, page * PAGE + 8)[0] == 4
        magic, version, size, _ = struct.unpack_from("<IIII", data, page * PAGE + 16)
        assert (magic, version, size) == (0xED0CDAED, 2, PAGE)
    root, _, freelist, end = struct.unpack_from("<QQQQ", data, 16 + 16)
    assert end * PAGE == len(data)
    assert struct.unpack_from("<QHHI", data, freelist * PAGE) == (freelist, 0x10, 0, 0)
    return read_page(data, data, root * PAGE, root)


def read_page(file: bytes, data: bytes, at: int, number: int) -> dict[str, object]:
    found, kind, count, _ = struct.unpack_from("<QHHI", data, at)
    assert found == number
    result: dict[str, object] = {}
    for index in range(count):
        element = at + 16 + 16 * index
        if kind == 1:
            position, size, child = struct.unpack_from("<IIQ", data, element)
            below = read_page(file, file, child * PAGE, child)
            assert min(below).encode() == data[element + position :][:size]
            result |= below
            continue
        flags, position, key_size, value_size = struct.unpack_from("<IIII", data, element)
        start = element + position
        key = data[start : start + key_size].decode()
        value = data[start + key_size : start + key_size + value_size]
        if not flags:
            result[key] = value.decode()
            continue
        (child,) = struct.unpack_from("<Q", value)
        result[key] = (
            read_page(file, file, child * PAGE, child) if child else read_page(file, value, 16, 0)
        )
    assert list(result) == sorted(result, key=str.encode)
    return result


@pytest.mark.parametrize("count", [0, 1, 30, 1024, 1025, 5000])
def test_a_bucket_of_any_size_reads_back(count: int) -> None:
    tree: dict[str, bolt.Bucket] = {"b": {f"key{n:06}": f"value {n}" for n in range(count)}}

    assert read(bolt.write(tree)) == tree


def test_a_value_larger_than_a_page_reads_back() -> None:
    tree: dict[str, bolt.Bucket] = {"b": {"a": "x" * 300_000, "b": "y", "c": "z" * 70_000}}

    assert read(bolt.write(tree)) == tree


def test_more_leaves_than_one_branch_holds_read_back() -> None:
    tree: dict[str, bolt.Bucket] = {"b": {f"{n:05}": "x" * 66_000 for n in range(1100)}}

    assert read(bolt.write(tree)) == tree


def test_the_order_of_the_mapping_does_not_matter() -> None:
    assert bolt.write({"a": {"x": "1", "y": "2"}, "b": {}}) == bolt.write(
        {"b": {}, "a": {"y": "2", "x": "1"}}
    )


KEYS = st.text(st.characters(codec="utf-8"), min_size=1, max_size=20)
BUCKETS = st.recursive(
    st.dictionaries(KEYS, st.text(st.characters(codec="utf-8"), max_size=2000), max_size=8),
    lambda below: st.dictionaries(KEYS, below, max_size=5),
    max_leaves=20,
)


@settings(max_examples=100, deadline=None)
@given(st.dictionaries(KEYS, BUCKETS, max_size=5))
def test_any_tree_reads_back(tree: dict[str, bolt.Bucket]) -> None:
    assert read(bolt.write(tree)) == tree
