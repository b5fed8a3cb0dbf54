"""Where two builds differ: section by section in wasm, entry by entry in archives.

For people: a rebuild says yes or no by digests, and this says where to look.
"""

from collections.abc import Mapping, Sequence
from itertools import zip_longest

from miniseal.formats.errors import FormatError
from miniseal.formats.wasm.sections import SECTION_NAMES, Section, sections

__all__ = ["compare_assets", "compare_wasm"]


def compare_wasm(first: bytes, second: bytes) -> tuple[str, ...]:
    """The differences of two modules, one line each; none where the bytes are equal."""
    if first == second:
        return ()
    try:
        before, after = sections(first), sections(second)
    except FormatError as error:
        return (f"not comparable by sections ({error.message}): {_bytes(first, second)}",)
    lines: list[str] = []
    for one, other in _pairs(before, after):
        if one is None and other is not None:
            lines.append(f"{_label(other)}: only in the second, {other.size} bytes")
        elif other is None and one is not None:
            lines.append(f"{_label(one)}: only in the first, {one.size} bytes")
        elif one is not None and other is not None and one.payload != other.payload:
            lines.append(f"{_label(one)}: {_bytes(one.payload, other.payload)}")
    return tuple(lines) or (f"same sections in another order or encoding: {_bytes(first, second)}",)


def compare_assets(first: Mapping[str, bytes], second: Mapping[str, bytes]) -> tuple[str, ...]:
    """The differences of two archives' entries, one line each."""
    lines: list[str] = []
    for name in sorted(first.keys() | second.keys(), key=str.encode):
        if name not in second:
            lines.append(f"entry {name}: only in the first, {len(first[name])} bytes")
        elif name not in first:
            lines.append(f"entry {name}: only in the second, {len(second[name])} bytes")
        elif first[name] != second[name]:
            lines.append(f"entry {name}: {_bytes(first[name], second[name])}")
    return tuple(lines)


def _pairs(
    before: Sequence[Section], after: Sequence[Section]
) -> list[tuple[Section | None, Section | None]]:
    """Sections of the same kind and name side by side, in the first module's order."""
    kinds = dict.fromkeys((section.id, section.name) for section in (*before, *after))
    return [
        pair
        for kind in kinds
        for pair in zip_longest(
            [section for section in before if (section.id, section.name) == kind],
            [section for section in after if (section.id, section.name) == kind],
        )
    ]


def _label(section: Section) -> str:
    name = f" {section.name!r}" if section.name is not None else ""
    return f"section {SECTION_NAMES[section.id]}{name} (id {section.id})"


def _bytes(first: bytes | memoryview, second: bytes | memoryview) -> str:
    """`2 bytes differ, the first at offset 0x10`, and the sizes where they are not equal."""
    one, other = bytes(first), bytes(second)
    common = min(len(one), len(other))
    offset = _first_difference(one, other, common)
    sizes = f", {len(one)} bytes against {len(other)}" if len(one) != len(other) else ""
    if offset == common:
        return f"one is the beginning of the other{sizes}"
    count = sum(a != b for a, b in zip(one, other, strict=False))
    return f"{count} of {common} bytes differ, the first at offset {offset:#x}{sizes}"


def _first_difference(one: bytes, other: bytes, common: int) -> int:
    low, high = 0, common
    # prefixes up to low are equal; comparing slices is far faster than a loop over bytes
    while low < high:
        middle = (low + high + 1) // 2
        if one[low:middle] == other[low:middle]:
            low = middle
        else:
            high = middle - 1
    return low
