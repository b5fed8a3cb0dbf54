"""The sections of a WebAssembly core module (core specification 3.0, chapter 5, "Binary Format").

Sections are found and their order is checked; what is inside them is left to whoever asks, through
`Reader`, which never reads past its end and never trusts a count. Function bodies are not decoded:
that a runtime will accept the module is not promised. Components are refused.
"""

from dataclasses import dataclass

from miniseal.formats.errors import Code, FormatError
from miniseal.formats.strictjson import TOO_LARGE

__all__ = [
    "SECTION_NAMES",
    "WASM_COMPONENT_UNSUPPORTED",
    "WASM_LIMIT",
    "WASM_MAGIC",
    "WASM_MALFORMED",
    "Reader",
    "Section",
    "sections",
]

WASM_LIMIT = 64 * 1024 * 1024
"""Bytes; the largest module that is read."""
WASM_MAGIC = b"\0asm"

WASM_MALFORMED = Code(
    "wasm-malformed",
    FormatError,
    meaning="a file is not a well-formed WebAssembly core module",
    cause="another kind of file, a truncated one, a feature that is not standard yet, or bytes "
    "made to be misread",
    remedy="compile the module again for the released WebAssembly specification",
)
WASM_COMPONENT_UNSUPPORTED = Code(
    "wasm-component-unsupported",
    FormatError,
    meaning="a file is a WebAssembly component, and only core modules are read",
    cause="a toolchain for the component model (componentize-js, cargo component, wit-bindgen)",
    remedy="build a core module",
)

_CORE = (1).to_bytes(4, "little")
_LAYER_COMPONENT = b"\x01\x00"
_CUSTOM = 0
_SECTIONS_MOST = 4096
_NAME_MOST = 100_000

SECTION_NAMES = {
    0: "custom",
    1: "type",
    2: "import",
    3: "function",
    4: "table",
    5: "memory",
    13: "tag",
    6: "global",
    7: "export",
    8: "start",
    9: "element",
    12: "data count",
    10: "code",
    11: "data",
}
"""By id, in the order that the specification demands; custom sections may be anywhere."""

_ORDER = {number: place for place, number in enumerate(SECTION_NAMES)}


@dataclass(frozen=True, slots=True, kw_only=True)
class Section:
    """One section.

    Attributes:
        id: a key of `SECTION_NAMES`.
        name: of a custom section; None for all others.
        offset: where the payload starts in the file, in bytes.
        size: of the payload, in bytes.
        payload: what follows the section's header, in custom sections what follows the name.
    """

    id: int
    name: str | None
    offset: int
    size: int
    payload: memoryview

    def reader(self) -> "Reader":
        """A reader over the payload."""
        return Reader(self.payload)


class Reader:
    """Takes values from the front of some bytes.

    Every method raises `wasm-malformed` (FormatError) where the bytes do not hold what is asked.
    """

    __slots__ = ("_at", "_data")

    def __init__(self, data: memoryview) -> None:
        """Start at the front of `data`, one byte an item."""
        self._data = data
        self._at = 0

    @property
    def offset(self) -> int:
        """How many bytes were taken."""
        return self._at

    @property
    def remaining(self) -> int:
        """How many bytes are left."""
        return len(self._data) - self._at

    def byte(self) -> int:
        """One byte."""
        if self._at >= len(self._data):
            raise WASM_MALFORMED("wasm ends where a byte is expected")
        self._at += 1
        return self._data[self._at - 1]

    def take(self, size: int) -> memoryview:
        """The next `size` bytes, without copying them."""
        if size > self.remaining:
            raise WASM_MALFORMED(
                "wasm claims more than there is",
                found=f"{self.remaining} bytes",
                expected=f"{size} bytes",
            )
        self._at += size
        return self._data[self._at - size : self._at]

    def unsigned(self, bits: int = 32) -> int:
        """An unsigned LEB128 integer of at most `bits` bits."""
        value = self._leb(bits)
        if value >> bits:
            raise WASM_MALFORMED("integer is too large", expected=f"at most {bits} bits")
        return value

    def signed(self, bits: int) -> int:
        """A signed LEB128 integer of at most `bits` bits."""
        before = self._at
        value = self._leb(bits)
        width = 7 * (self._at - before)
        if value >> (width - 1):
            value -= 1 << width
        if not -(1 << (bits - 1)) <= value < 1 << (bits - 1):
            raise WASM_MALFORMED("integer is too large", expected=f"at most {bits} bits")
        return value

    def count(self, what: str, *, most: int) -> int:
        """How many items follow; refused if over `most`, or over what the bytes left can hold."""
        value = self.unsigned()
        if value > min(most, self.remaining):
            raise WASM_MALFORMED(
                f"wasm claims too many {what}",
                found=str(value),
                expected=f"at most {min(most, self.remaining)}",
            )
        return value

    def name(self) -> str:
        """A name: UTF-8 behind its length."""
        size = self.unsigned()
        if size > _NAME_MOST:
            raise WASM_MALFORMED(
                "name is too long", found=f"{size} bytes", expected=f"at most {_NAME_MOST}"
            )
        try:
            return str(self.take(size), "utf-8")
        except UnicodeDecodeError as error:
            raise WASM_MALFORMED("name is not UTF-8") from error

    def end(self, what: str) -> None:
        """Check that nothing is left."""
        if self.remaining:
            raise WASM_MALFORMED(f"{what} is followed by {self.remaining} bytes too many")

    def _leb(self, bits: int) -> int:
        value = 0
        for shift in range(0, bits, 7):
            item = self.byte()
            value |= (item & 0x7F) << shift
            if item < 0x80:
                return value
        raise WASM_MALFORMED("integer is too long", expected=f"at most {bits} bits")


def sections(data: bytes) -> tuple[Section, ...]:
    """The sections of a core module, in their order; payloads are views of `data`.

    Raises:
        FormatError: `wasm-malformed`, `wasm-component-unsupported`, `too-large`.
    """
    reader = Reader(memoryview(data))
    _check_preamble(data)
    reader.take(8)
    found: list[Section] = []
    last = 0
    while reader.remaining:
        section = _section(reader)
        if section.id != _CUSTOM:
            if _ORDER[section.id] <= last:
                raise WASM_MALFORMED(
                    "section is there twice or out of order", found=SECTION_NAMES[section.id]
                )
            last = _ORDER[section.id]
        found.append(section)
        if len(found) > _SECTIONS_MOST:
            raise WASM_MALFORMED("too many sections", expected=f"at most {_SECTIONS_MOST}")
    return tuple(found)


def _check_preamble(data: bytes) -> None:
    if len(data) > WASM_LIMIT:
        raise TOO_LARGE(
            "wasm is too large", found=f"{len(data)} bytes", expected=f"at most {WASM_LIMIT}"
        )
    if data[:4] != WASM_MAGIC:
        raise WASM_MALFORMED(
            "not a wasm binary", found=repr(data[:4]), expected=repr(WASM_MAGIC) + " at its start"
        )
    if data[6:8] == _LAYER_COMPONENT:
        raise WASM_COMPONENT_UNSUPPORTED("wasm is a component", expected="a core module")
    if data[4:8] != _CORE:
        raise WASM_MALFORMED("unknown version of wasm", found=data[4:8].hex(), expected=_CORE.hex())


def _section(reader: Reader) -> Section:
    number = reader.byte()
    if number not in SECTION_NAMES:
        raise WASM_MALFORMED("unknown section", found=f"id {number}")
    payload = reader.take(reader.unsigned())
    name = None
    if number == _CUSTOM:
        inner = Reader(payload)
        name = inner.name()
        payload = payload[inner.offset :]
    return Section(
        id=number,
        name=name,
        offset=reader.offset - len(payload),
        size=len(payload),
        payload=payload,
    )
