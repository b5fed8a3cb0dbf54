r"""Which assets a host could execute, found by what they hold and not by what they are called.

`classify` is a conservative heuristic, not a parser: what it lists, a policy has to allow; so in
doubt it lists. It says, in this order:

- `wasm`: the binary magic at the start, or the text format (runtimes compile both);
- `script`: a `#!` line, or a native, JVM or bytecode executable's magic;
- `html`: markup at the start (HTML, SVG, any XML: it can carry scripts or name a style sheet that
  does), after a byte order mark, whitespace and comments;
- `script`: what looks like JavaScript, TypeScript, Python, shell, PHP or Lua anywhere;
- `html`: an element or handler that can run something, anywhere.

A name's ending (`.js`, `.html`, `.wasm`, ... also below `.gz` or `.br`) can add a kind where the
content has none, or turn `script` into `html`; it never takes one away. NUL bytes are left out
first, so UTF-16 and UTF-32 read as ASCII does. Strict JSON of at most 4 MiB is never executable:
whatever its strings say, evaluating it does nothing; a larger one is looked at as text. Plain text,
CSV, CSS, Markdown without HTML or code, images, fonts and PDF have no kind; in what is mostly
binary only the more telling signs count.

It does not look inside archives and compressed files, does not undo any other encoding, and cannot
see what a host makes out of a string: a program that interprets data of its own goes unseen.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass

from miniseal.formats.errors import FormatError
from miniseal.formats.members import Members
from miniseal.formats.signs import ACTIVE, ELEMENT, MARKUP_START, POLYGLOT, SCRIPT, WAT
from miniseal.formats.strictjson import loads
from miniseal.formats.ustar import check_name
from miniseal.formats.wasm.sections import WASM_MAGIC

__all__ = ["ASSET_KINDS", "Executable", "classify", "executables"]

ASSET_KINDS = ("script", "html", "wasm")


@dataclass(frozen=True, slots=True, kw_only=True)
class Executable:
    """An asset that a host could execute.

    Attributes:
        name: in the archive.
        kind: one of `ASSET_KINDS`.
    """

    name: str
    kind: str

    @classmethod
    def from_members(cls, members: Members) -> "Executable":
        """Read an item of the config's list.

        Raises:
            MinisealError: `members.code`.
            FormatError: `name-refused`.
        """
        members.only("kind", "name")
        kind = members.string("kind")
        if kind not in ASSET_KINDS:
            raise members.code(
                f"{members.what} is of an unknown kind",
                found=repr(kind)[:60],
                expected=f"one of {', '.join(ASSET_KINDS)}",
            )
        return cls(name=check_name(members.string("name")), kind=kind)

    def to_json(self) -> dict[str, object]:
        """The item of the config's list."""
        return {"name": self.name, "kind": self.kind}


def executables(entries: Mapping[str, bytes]) -> tuple[Executable, ...]:
    """What among these files, content by name, a host could execute; sorted by name."""
    kinds = ((name, classify(name, entries[name])) for name in sorted(entries))
    return tuple(Executable(name=name, kind=kind) for name, kind in kinds if kind is not None)


def classify(name: str, data: bytes) -> str | None:
    """The kind (one of `ASSET_KINDS`) of a file, or None; in time linear in its size."""
    plain = _plain(data)
    if data.startswith(WASM_MAGIC) or re.match(WAT, plain):
        return "wasm"
    named = _named(name)
    if named == "html" or re.match(MARKUP_START, plain):
        return "html"
    return _by_content(data, plain) or named


def _by_content(data: bytes, plain: bytes) -> str | None:
    if data.startswith(_EXECUTABLE_MAGICS) or plain.startswith(b"#!"):
        return "script"
    if _is_json(data):
        return None
    if _is_binary(plain):
        python = data[2:4] == b"\r\n"
        return "script" if python or _any(POLYGLOT, plain) else _markup(ACTIVE, plain)
    return "script" if _any(SCRIPT, plain) else _markup((*ACTIVE, *ELEMENT), plain)


def _any(signs: tuple[bytes, ...], plain: bytes) -> bool:
    return any(re.search(sign, plain, re.MULTILINE) for sign in signs)


def _markup(signs: tuple[bytes, ...], plain: bytes) -> str | None:
    found = any(re.search(sign, plain, re.IGNORECASE) for sign in signs)
    return "html" if found else None


def _plain(data: bytes) -> bytes:
    """The bytes without NULs (UTF-16, UTF-32) and byte order marks."""
    plain = data.replace(b"\0", b"") if b"\0" in data else data
    for mark in (b"\xef\xbb\xbf", b"\xff\xfe", b"\xfe\xff"):
        plain = plain.removeprefix(mark)
    return plain


def _named(name: str) -> str | None:
    """The kind that a name's ending says; `.gz` and the like are looked through."""
    endings = name.casefold().rstrip(" .").rpartition("/")[2].split(".")[1:]
    while endings and endings[-1] in _COMPRESSED:
        endings.pop()
    return _ENDINGS.get(endings[-1]) if endings else None


def _is_json(data: bytes) -> bool:
    try:
        loads(data, limit=_JSON_MOST, what="asset", floats=True)
    except FormatError:
        return False
    return True


def _is_binary(plain: bytes) -> bool:
    controls = len(plain) - len(plain.translate(None, _CONTROLS))
    return controls * 50 > len(plain)


_JSON_MOST = 4 * 1024 * 1024  # bytes; parsed, `{},{},` takes thirty times as many
_COMPRESSED = frozenset(("br", "deflate", "gz", "lz4", "xz", "zst"))
_BY_KIND = {
    "wasm": "cwasm wasm wast wat",  # codespell:ignore wast
    "html": "axml hta htm html mht mhtml shtml svg svgz wxml xht xhtml xml xsl xslt",
    "script": """
        bash bat cjs class cmd coffee com command csh cts dex dll dylib ets exe fish jar js jse jsx
        ksh lua mjs mts php phtml pl pm ps1 psm1 py pyc pyi pyw pyz rb sh so svelte swf ts tsx vbe
        vbs vue wsf wsh wxs zsh
    """,
}
_ENDINGS = {ending: kind for kind, endings in _BY_KIND.items() for ending in endings.split()}
_CONTROLS = bytes(code for code in range(0x20) if code not in b"\t\n\v\f\r\x1b") + b"\x7f"
_EXECUTABLE_MAGICS = (
    b"\x7fELF",
    b"MZ",
    b"\xca\xfe\xba\xbe",  # Java class, fat Mach-O
    b"\xfe\xed\xfa\xce",
    b"\xfe\xed\xfa\xcf",
    b"\xce\xfa\xed\xfe",
    b"\xcf\xfa\xed\xfe",
    b"dex\n",
    b"\x1bLua",
    b"BC\xc0\xde",  # LLVM bitcode
)
