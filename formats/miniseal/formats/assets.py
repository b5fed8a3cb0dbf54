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
first, so UTF-16 and UTF-32 read as ASCII does. Strict JSON is never executable: whatever its
strings say, evaluating it does nothing. Plain text, CSV, CSS, Markdown without HTML or code,
images, fonts and PDF have no kind; in what is mostly binary only the more telling signs count.

It does not look inside archives and compressed files, does not undo any other encoding, and cannot
see what a host makes out of a string: a program that interprets data of its own goes unseen.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass

from miniseal.formats.errors import FormatError
from miniseal.formats.members import Members
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
    if data.startswith(WASM_MAGIC):
        return "wasm"
    plain = _plain(data)
    if _WAT.match(plain):
        return "wasm"
    named = _named(name)
    if named == "html" or _MARKUP_START.match(plain):
        return "html"
    return _by_content(data, plain) or named


def _by_content(data: bytes, plain: bytes) -> str | None:
    if data.startswith(_EXECUTABLE_MAGICS) or plain.startswith(b"#!"):
        return "script"
    if _is_json(data):
        return None
    if _is_binary(plain):
        return "script" if _POLYGLOT.search(plain) else "html" if _ACTIVE.search(plain) else None
    if any(sign.search(plain) for sign in _SCRIPT_SIGNS):
        return "script"
    return "html" if _ACTIVE.search(plain) or _ELEMENT.search(plain) else None


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
        loads(data, limit=len(data), what="asset", floats=True)
    except FormatError:
        return False
    return True


def _is_binary(plain: bytes) -> bool:
    controls = len(plain) - len(plain.translate(None, _CONTROLS))
    return controls * 50 > len(plain)


_COMPRESSED = frozenset(("br", "deflate", "gz", "lz4", "xz", "zst"))
_BY_KIND = {
    "wasm": "cwasm wasm wast wat",
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

# Signs are searched over bytes that somebody else chose: every repetition is possessive, bounded or
# anchored to a line's start, so that no search is more than linear.
_WAT = re.compile(
    rb"(?:\s++|;;[^\n]*+)*+\((?:;|\s*+(?:\(;|;;|@|module|component|type|rec|import|func|table|memory"
    rb"|global|export|start|elem|data|tag)\b)"
)
_MARKUP_START = re.compile(rb"\s*+<[A-Za-z!?/_:]")
_ACTIVE = re.compile(
    rb"<(?:[\w.-]{1,64}:)?+(?:script|iframe|frame|frameset|html|object|embed|applet|svg|base|meta)"
    rb"[\s/>]"
    rb"|<!doctype|<!entity|<\?(?:xml|php)\b|<\?=|www\.w3\.org/1999/xhtml|www\.w3\.org/2000/svg"
    rb"|javascript:[^\s]|vbscript:[^\s]"
    rb"|[\s\"'/]on(?:error|load|click|focus|blur|toggle|begin|end|message|input|change|submit"
    rb"|mouse[a-z]{2,5}|pointer[a-z]{2,5}|key[a-z]{2,5}|touch[a-z]{2,6}|drag[a-z]{0,5}|wheel"
    rb"|scroll|resize|animation[a-z]{3,9}|transition[a-z]{3,6})\s*+=",
    re.IGNORECASE,
)
_ELEMENT = re.compile(
    rb"</?(?:a|abbr|article|audio|b|blockquote|body|br|button|canvas|center|code|dd|details|dialog"
    rb"|div|dl|dt|em|font|footer|form|h[1-6]|head|header|hr|i|img|input|label|li|link|main|marquee"
    rb"|math|nav|noscript|ol|option|p|picture|pre|section|select|slot|source|span|strong|style|sub"
    rb"|summary|sup|table|tbody|td|template|textarea|th|thead|title|tr|u|ul|video)"
    rb"(?:\s[^<>]{0,200})?/?>",
    re.IGNORECASE,
)

_CALLS = (
    rb"\b(?:alert|atob|confirm|decodeURI(?:Component)?|eval|exec|execfile|fetch|getattr|import"
    rb"|importScripts|prompt|require|setattr|setInterval|setTimeout|__import__)\s*+\("
)
_OBJECTS = (
    rb"\b(?:console|document|globalThis|localStorage|navigator|process|self|sessionStorage|window"
    rb"|wx|os|sys|subprocess)\s*+\.\s*+[A-Za-z_]\w*+\s*+[.(=\[]"
    rb"|\bmodule\.exports\b|\bexports\.\w|\.constructor\b|\.prototype\b|\bnew\s++Function\b"
)
_FUNCTIONS = rb"\bfunction\b\s*+\*?+\s*+[\w$]*+\s*+\(|=>\s*+[\w({\[\"'`]"
_POLYGLOT = re.compile(
    rb"\A(?:GIF8[79]a|BM|RIFF|\xff\xd8\xff\xe0|\x89PNG)[\s\S]{0,8}?(?:/\*|//|=)|"
    + _CALLS
    + rb"|\bfunction\b\s*+\*?+\s*+[\w$]*+\s*+\(|<\?php\b|\bdocument\.\w|\bwindow\.\w"
)
_CSS_FUNCTION = (
    rb"(?!(?:attr|blur|brightness|calc|circle|clamp|color|contrast|counters?|ellipse|env|format|hsla?"
    rb"|inset|invert|lab|lch|linear|local|matrix(?:3d)?|max|min|minmax|oklab|oklch|opacity|path"
    rb"|perspective|polygon|repeat|rgba?|rotate(?:3d|X|Y|Z)?|saturate|scale(?:3d|X|Y|Z)?|sepia"
    rb"|skew(?:X|Y)?|steps|supports|translate(?:3d|X|Y|Z)?|url|var)\()"
)
_SCRIPT_SIGNS = tuple(
    re.compile(sign, re.MULTILINE)
    for sign in (
        _CALLS,
        _OBJECTS,
        _FUNCTIONS,
        # declarations and statements of the JavaScript family
        rb"^[ \t]*+(?:export\s++)?+(?:const|let|var)\s++[\w$\[{][^=\n;]{0,200}[=;]",
        rb"[;{}]\s*+(?:const|let|var)\s++[\w$\[{]",
        rb"^[ \t]*+import\s++[^;\n]{0,400}\bfrom\s*+[\"']|^[ \t]*+import\s*+[\"']",
        rb"^[ \t]*+export\s++(?:default|class|function|async|enum|interface|type|[{*])",
        rb"\bclass\s++[\w$]++[^\n{;]{0,200}\{|\bclass\s*+\{",
        rb"\b(?:if|for|while|switch|with|catch)\s*+\([^\n{]{0,200}\)\s*+\{",
        rb"\b(?:try|do|else|finally)\s*+\{|\breturn\b[^\n;]{0,200};|\bthrow\s++[\w$]",
        rb"\bnew\s++[A-Z][\w$]*+\s*+\(|^[ \t]*+[\"']use (?:strict|asm)[\"']",
        rb"^[ \t]*+(?:enum|namespace|interface)\s++[\w$]++\s*+\{",
        # an assignment or a call that stands as a statement
        rb"^[ \t]*+[\w$.\[\]\"']++\s*+[-+*/|&^]?+=[^=\n][^\n]{0,400};",
        rb"[;}][ \t]*+[\w$.]++\s*+[-+*/|&^]?+=[^=]",
        rb"^[ \t]*+(?:await\s++)?+" + _CSS_FUNCTION + rb"[\w$.]++\([^\n]*\)[ \t]*+;?[ \t\r]*$",
        rb"[;}=!][ \t]*+[\w$]++\.[\w$.]++\([^\n)]{0,400}\)",
        # written to be unreadable
        rb"\[\]\s*+\[|!\[\]|\+\[\]|\+!!|\\(?:u\{?|x)[0-9A-Fa-f]{2}|~\[\]|\$\$|_0x[0-9a-f]{2}",
        # Python
        (
            rb"^[ \t]*+(?:from\s++[\w.]++\s++import\b|import\s++[\w.]++[ \t]*+(?:as\s++\w++)?+"
            rb"[ \t]*+[,;#\r\n])"
        ),
        rb"^[ \t]*+(?:async\s++)?+def\s++\w++\s*+\(|^[ \t]*+class\s++\w++[^\n]{0,200}:[ \t\r]*$",
        rb"^[ \t]*+(?:print|open|compile|input|exit|quit)\s*+\(|\blambda\b[^\n:]{0,100}:|__\w++__",
        rb"^[ \t]*+(?:if|while|with|try|for|elif|else|except)\b[^\n]{0,200}:[ \t\r]*\n[ \t]++\S",
        # shells
        rb"\$\(|\$\{\w++[:#%/^,]|(?<!\w)&&(?!\w)|\|\s*+(?:ba|z|da|k)?+sh\b|>\s*+/dev/\w",
        rb";\s*+(?:then|do)\b|^[ \t]*+(?:fi|done|esac)[ \t\r]*$|^[ \t]*+(?:export|alias)\s++\w++=",
        (
            rb"^[ \t]*+(?:rm|curl|wget|chmod|chown|sudo|mkdir|cp|mv|cat|echo|exec|eval|source|kill"
            rb"|sh|bash|nc|\.)[ \t]++[-/\"'$~.\\]"
        ),
        # others: PHP, Perl and PowerShell, Lua, batch
        rb"<\?(?:php\b|=)|^[ \t]*+(?:my\s++)?+[$@]\w++\s*+=|^[ \t]*+local\s++\w++\s*+=",
        rb"^[ \t]*+(?:local\s++)?+function\s++[\w.:]++\s*+\(|(?i:^[ \t]*+@echo\s++off\b)",
    )
)
