"""Types as a module's imports and memories write them (core specification 3.0, 5.3 "Types").

Only what stands in those places is read, and only as much of it as says where it ends; of memories,
the limits too.
"""

from dataclasses import dataclass

from miniseal.formats.wasm.sections import WASM_MALFORMED, Reader

__all__ = ["Memory", "flag", "limits", "value_type"]

# One-byte types, then the prefixes of typed references.
_NUMBERS = frozenset((0x7B, 0x7C, 0x7D, 0x7E, 0x7F))
_REFERENCES = frozenset(range(0x69, 0x75))
_TYPED_REFERENCES = frozenset((0x63, 0x64))


@dataclass(frozen=True, slots=True, kw_only=True)
class Memory:
    """A linear memory's limits, in pages of 64 KiB; `maximum` is None where there is none."""

    minimum: int
    maximum: int | None
    shared: bool


def flag(reader: Reader, *, most: int) -> int:
    """A byte that is at most `most`.

    Raises:
        FormatError: `wasm-malformed`, as everything here.
    """
    value = reader.byte()
    if value > most:
        raise WASM_MALFORMED("unknown kind or flag", found=f"0x{value:02x}")
    return value


def value_type(reader: Reader, *, reference: bool = False) -> None:
    """Step over a value type, or a reference type alone."""
    value = reader.byte()
    if value in _TYPED_REFERENCES:
        heap_type = reader.signed(33)
        if heap_type < 0 and heap_type + 0x80 not in _REFERENCES:
            raise WASM_MALFORMED("unknown heap type", found=str(heap_type))
    elif value not in _REFERENCES and (reference or value not in _NUMBERS):
        raise WASM_MALFORMED("unknown type", found=f"0x{value:02x}")


def limits(reader: Reader, *, pages: bool) -> Memory:
    """A memory's limits in pages, or a table's in elements (`shared` is for memories alone)."""
    flags = flag(reader, most=7)
    bounded, shared, bits = bool(flags & 1), bool(flags & 2), 64 if flags & 4 else 32
    most = 2 ** (bits - 16) if pages else 2**bits - 1
    minimum = reader.unsigned(bits)
    maximum = reader.unsigned(bits) if bounded else None
    if not minimum <= (most if maximum is None else maximum) <= most:
        raise WASM_MALFORMED(
            "limits cannot be met", found=f"{minimum} to {maximum}", expected=f"at most {most}"
        )
    if shared and (not pages or not bounded):
        raise WASM_MALFORMED("only a memory with a maximum can be shared")
    return Memory(minimum=minimum, maximum=maximum, shared=shared)
