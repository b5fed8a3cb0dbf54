"""What a core module asks for and offers, read from its bytes without compiling them.

Nothing here says whether the module is valid or harmless: function bodies are never looked at. What
is reported is what a runtime would link: the same bytes give the same imports and exports in every
runtime that accepts them, and whatever is in doubt is refused.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from miniseal.formats.errors import FormatError
from miniseal.formats.wasm.sections import WASM_MALFORMED, Reader, Section, sections
from miniseal.formats.wasm.types import Memory, flag, limits, value_type

__all__ = [
    "Custom",
    "Export",
    "Import",
    "ImportedModule",
    "Memory",
    "Module",
    "Producer",
    "data_segments",
    "inspect",
]

# Ours; those of the WebAssembly JavaScript interface ("Implementation limits") are higher.
_IMPORTS_MOST = 100_000
_EXPORTS_MOST = 100_000
_MEMORIES_MOST = 100
_SEGMENTS_MOST = 100_000
_PRODUCERS_MOST = 1000
_FIELDS_MOST = 10

_KINDS = ("func", "table", "memory", "global", "tag")
_TYPE, _IMPORT, _FUNCTION, _MEMORY, _EXPORT, _START = 1, 2, 3, 5, 7, 8
_CODE, _DATA, _DATA_COUNT = 10, 11, 12


@dataclass(frozen=True, slots=True, kw_only=True)
class Import:
    """Something the module needs; `kind` is `func`, `table`, `memory`, `global` or `tag`."""

    module: str
    name: str
    kind: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Export:
    """Something the module offers; kinds as for imports."""

    name: str
    kind: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Custom:
    """A custom section's name, and the size in bytes of what follows the name."""

    name: str
    size: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Producer:
    """One line of the `producers` section (tool-conventions): field, tool, its version."""

    field: str
    name: str
    version: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportedModule:
    """All that is imported from one module name.

    Attributes:
        name: the module name; may be empty, as the specification allows it.
        functions: names, sorted, each once. Tables, memories, globals and tags are listed by their
            names too: to import a host's memory is to ask for something just as well.
    """

    name: str
    functions: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Module:
    """What `inspect` found.

    Attributes:
        imports: in the module's order.
        exports: sorted by name; names are unique.
        memories: imported ones first, then the module's own.
        customs: in the module's order.
        producers: empty where the module does not say, or not in a way that can be read.
        start: whether a function runs when the module is instantiated.
    """

    imports: tuple[Import, ...]
    exports: tuple[Export, ...]
    memories: tuple[Memory, ...]
    customs: tuple[Custom, ...]
    producers: tuple[Producer, ...]
    start: bool

    def import_modules(self) -> tuple[ImportedModule, ...]:
        """The imports by module name, sorted: the config's `imports` member."""
        names: dict[str, set[str]] = {}
        for item in self.imports:
            names.setdefault(item.module, set()).add(item.name)
        return tuple(
            ImportedModule(name=name, functions=tuple(sorted(names[name])))
            for name in sorted(names)
        )

    def export_names(self) -> tuple[str, ...]:
        """The names of the exports, sorted: the config's `exports` member."""
        return tuple(export.name for export in self.exports)


def inspect(data: bytes) -> Module:
    """Read a core module of at most `sections.WASM_LIMIT` bytes, in time linear in its size.

    Raises:
        FormatError: `wasm-malformed`, `wasm-component-unsupported`, `too-large`.
    """
    found = sections(data)
    known = {section.id: section for section in found if section.name is None}
    _check_counts(known)
    imports, imported_memories = _imports(known.get(_IMPORT))
    return Module(
        imports=imports,
        exports=_exports(known.get(_EXPORT)),
        memories=imported_memories + _memories(known.get(_MEMORY)),
        customs=tuple(
            Custom(name=section.name, size=section.size)
            for section in found
            if section.name is not None
        ),
        producers=_producers(section for section in found if section.name == "producers"),
        start=_start(known.get(_START)),
    )


def data_segments(data: bytes) -> tuple[bytes, ...]:
    """The contents of the module's data segments, active and passive: its constant strings.

    Raises:
        FormatError: as `inspect`.
    """
    section = next((section for section in sections(data) if section.id == _DATA), None)
    if section is None:
        return ()
    reader = section.reader()
    count = reader.count("data segments", most=_SEGMENTS_MOST)
    segments = tuple(_segment(reader) for _ in range(count))
    reader.end("data section")
    return segments


def _check_counts(known: dict[int, Section]) -> None:
    """Check what the specification calls malformed: sections whose counts have to agree."""
    counts = {
        number: known[number].reader().unsigned() if number in known else 0
        for number in (_FUNCTION, _CODE, _DATA, _DATA_COUNT)
    }
    if counts[_FUNCTION] != counts[_CODE]:
        raise WASM_MALFORMED(
            "function and code sections disagree",
            found=f"{counts[_CODE]} bodies",
            expected=f"{counts[_FUNCTION]}",
        )
    if _DATA_COUNT in known and counts[_DATA_COUNT] != counts[_DATA]:
        raise WASM_MALFORMED(
            "data count and data sections disagree",
            found=f"{counts[_DATA]} segments",
            expected=f"{counts[_DATA_COUNT]}",
        )


def _imports(section: Section | None) -> tuple[tuple[Import, ...], tuple[Memory, ...]]:
    if section is None:
        return (), ()
    reader = section.reader()
    imports: list[Import] = []
    memories: list[Memory] = []
    for _ in range(reader.count("imports", most=_IMPORTS_MOST)):
        module, name, kind = reader.name(), reader.name(), _kind(reader)
        imports.append(Import(module=module, name=name, kind=kind))
        memories += _import_type(reader, kind)
    reader.end("import section")
    _check_memories(len(memories))
    return tuple(imports), tuple(memories)


def _import_type(reader: Reader, kind: str) -> tuple[Memory, ...]:
    """Step over an import's type; gives the memory, where it is one."""
    match kind:
        case "func":
            reader.unsigned()
        case "table":
            value_type(reader, reference=True)
            limits(reader, pages=False)
        case "memory":
            return (limits(reader, pages=True),)
        case "global":
            value_type(reader)
            flag(reader, most=1)
        case _:
            flag(reader, most=0)
            reader.unsigned()
    return ()


def _exports(section: Section | None) -> tuple[Export, ...]:
    if section is None:
        return ()
    reader = section.reader()
    exports: dict[str, Export] = {}
    for _ in range(reader.count("exports", most=_EXPORTS_MOST)):
        name, kind = reader.name(), _kind(reader)
        reader.unsigned()
        if name in exports:
            raise WASM_MALFORMED("two exports have the same name", found=ascii(name)[:100])
        exports[name] = Export(name=name, kind=kind)
    reader.end("export section")
    return tuple(exports[name] for name in sorted(exports))


def _memories(section: Section | None) -> tuple[Memory, ...]:
    if section is None:
        return ()
    reader = section.reader()
    count = reader.count("memories", most=_MEMORIES_MOST)
    memories = tuple(limits(reader, pages=True) for _ in range(count))
    reader.end("memory section")
    return memories


def _check_memories(count: int) -> None:
    if count > _MEMORIES_MOST:
        raise WASM_MALFORMED(
            "too many imported memories", found=str(count), expected=f"at most {_MEMORIES_MOST}"
        )


def _start(section: Section | None) -> bool:
    if section is None:
        return False
    reader = section.reader()
    reader.unsigned()
    reader.end("start section")
    return True


def _producers(found: Iterable[Section]) -> tuple[Producer, ...]:
    """What the sections say; an unreadable custom section does not make a module malformed."""
    producers: list[Producer] = []
    try:
        for section in found:
            reader = section.reader()
            for _ in range(reader.count("fields", most=_FIELDS_MOST)):
                field = reader.name()
                for _ in range(reader.count("producers", most=_PRODUCERS_MOST)):
                    name, version = reader.name(), reader.name()
                    producers.append(Producer(field=field, name=name, version=version))
            reader.end("producers section")
            if len(producers) > _PRODUCERS_MOST:
                return ()
    except FormatError:
        return ()
    return tuple(producers)


def _kind(reader: Reader) -> str:
    return _KINDS[flag(reader, most=len(_KINDS) - 1)]


def _segment(reader: Reader) -> bytes:
    flags = reader.unsigned()
    if flags > 2:
        raise WASM_MALFORMED("unknown kind of data segment", found=str(flags))
    if flags == 2:
        reader.unsigned()
    if flags != 1:
        _offset(reader)
    return bytes(reader.take(reader.unsigned()))


_END, _GLOBAL_GET, _I32_CONST, _I64_CONST = 0x0B, 0x23, 0x41, 0x42
_ARITHMETIC = frozenset((0x6A, 0x6B, 0x6C, 0x7C, 0x7D, 0x7E))


def _offset(reader: Reader) -> None:
    """Step over a constant expression that can be an offset."""
    while (opcode := reader.byte()) != _END:
        if opcode == _GLOBAL_GET:
            reader.unsigned()
        elif opcode in (_I32_CONST, _I64_CONST):
            reader.signed(32 if opcode == _I32_CONST else 64)
        elif opcode not in _ARITHMETIC:
            raise WASM_MALFORMED("unknown instruction in an offset", found=f"0x{opcode:02x}")
