r"""What executable text looks like, as regular expressions over bytes; `assets` says what for.

The signs lean towards saying yes, and were tuned on what there is most of: JavaScript, TypeScript,
Python and shell on one side, licences, change logs, CSS, CSV and READMEs on the other. They are
searched over bytes that somebody else chose: every repetition is possessive, bounded or anchored
to a line's start, so that no search is more than linear. Most start with a literal, which makes
them fast. Nothing is compiled before the first asset is classified.
"""

__all__ = ["ACTIVE", "ELEMENT", "MARKUP_START", "POLYGLOT", "SCRIPT", "WAT"]

WAT = (
    rb"\A(?:\s++|;;[^\n]*+)*+\((?:;|\s*+(?:\(;|;;|@|(?:module|component|type|rec|import|func|table"
    rb"|memory|global|export|start|elem|data|tag)\b))"
)
MARKUP_START = rb"\A\s*+<[A-Za-z!?/_:]"
ACTIVE = (
    (
        rb"<(?:[\w.-]{1,64}:)?+(?:script|iframe|frame|frameset|html|object|embed|applet|svg|base|meta"
        rb"|form)[\s/>]|<!doctype|<!entity|<\?(?:xml|php)\b"
    ),
    rb"/(?:1999/xhtml|2000/svg)\b|:(?:(?<=\bjavascript:)|(?<=\bvbscript:))\S",
    (
        rb"[\s\"'/]on(?:error|load|click|focus|blur|toggle|begin|end|message|input|change|submit"
        rb"|mouse[a-z]{2,5}|pointer[a-z]{2,5}|key[a-z]{2,5}|touch[a-z]{2,6}|drag[a-z]{0,5}|wheel"
        rb"|scroll|resize|animation[a-z]{3,9}|transition[a-z]{3,6})\s*+="
    ),
)
# Inert on their own, so a name in angle brackets is not enough: it has to be closed or have an
# attribute.
ELEMENT = (
    (
        rb"<(?:/(?=[a-z]+\s?>)|(?=[a-z]+\s[^<>]{0,99}=))(?:a|abbr|article|audio|b|blockquote|body|br"
        rb"|button|canvas|center|code|dd|details|dialog|div|dl|dt|em|font|footer|head|header|hr|i|img"
        rb"|input|label|li|link|main|marquee|math|nav|noscript|ol|option|p|picture|pre|section|select"
        rb"|slot|source|span|strong|style|sub|summary|sup|table|tbody|td|template|textarea|th|thead"
        rb"|title|tr|u|ul|video)\b"
    ),
)


def _after(opening: bytes, *words: bytes) -> bytes:
    """A sign: `opening` (an expression of fixed width) right behind one of `words`."""
    return opening + rb"(?:" + b"|".join(rb"(?<=\b%s%s)" % (word, opening) for word in words) + b")"


_CALLABLE = (
    b"alert atob confirm decodeURIComponent dofile eval exec execfile fetch function getattr import"
    b" __import__ importScripts loadstring prompt require setattr setInterval setTimeout unescape"
).split()
_CALL = _after(rb"\(", *_CALLABLE) + rb"|" + _after(rb"\s\([\"'`\d]", *_CALLABLE)
_BLOCKS = b"catch for if switch while with".split()
_OBJECTS = (
    b"console document globalThis localStorage navigator os process self sessionStorage subprocess"
    b" sys this window wx"
).split()
_MEMBER = (
    _after(rb"\.", *_OBJECTS) + rb"[A-Za-z_]\w*+\s*+[.(=\[]|\.(?:constructor|prototype|innerHTML)\b"
    rb"|\.exports\s*+=|^exports\.\w"
)
_FUNCTION = (
    rb"\bfunction(?:\*?+\(|\b\s*+\*?+\s*+[\w$]{0,100}+(?:(?<=[\w$])\(|\s*+\([^)]{0,300}\)\s*+\{))"
    rb"|=>\s*+[\w({\[\"'`]|\bnew\s++Function\b"
)
POLYGLOT = (
    rb"\A(?:GIF8[79]a|BM|RIFF|\xff\xd8\xff[\xe0-\xef])\s*+(?:/\*|//|=)|<\?php\b",
    _CALL,
    rb"\bfunction\b\s*+\*?+\s*+[\w$]{0,100}+\s*+\(|\bnew\s++Function\b",
)
_CSS_FUNCTION = (
    rb"(?!(?:attr|blur|brightness|calc|circle|clamp|color|contrast|counters?|ellipse|env|format|hsla?"
    rb"|inset|invert|lab|lch|linear|local|matrix(?:3d)?|max|min|minmax|oklab|oklch|opacity|path"
    rb"|perspective|polygon|repeat|rgba?|rotate(?:3d|X|Y|Z)?|saturate|scale(?:3d|X|Y|Z)?|sepia"
    rb"|skew(?:X|Y)?|steps|supports|translate(?:3d|X|Y|Z)?|url|var)\()"
)
# What a line can begin with only in JavaScript or TypeScript, Python, shells, others.
_LINE = (
    rb"^[ \t]*+(?:"
    + b"|".join(
        (
            rb"(?:export\s++)?+(?:const|let|var)\s++[\w$\[{][^=\n;]{0,200}[=;]",
            rb"import(?:\s++[^;\n]{0,400}\bfrom)?+\s*+[\"']",
            rb"export\s++(?:default|class|function|async|enum|interface|type|[{*])",
            rb"(?:enum|namespace|interface)\s++[\w$]++\s*+\{|[\"']use (?:strict|asm)[\"']",
            rb"[\w$.\[\]\"']++\s*+[-+*/|&^]?+=[^=\n][^\n]{0,400};",
            rb"(?:await\s++)?+" + _CSS_FUNCTION + rb"[\w$.]++(?:\((?!s\))[^\n]*\)[ \t]*+;?[ \t\r]*$"
            rb"|[ \t]++\([^\n]*\)[ \t]*+;)",
            rb"from\s++[\w.]++\s++import\b",
            rb"import\s++[\w.]++[ \t]*+(?:as\s++\w++)?+[ \t]*+[,;#\r\n]",
            rb"(?:async\s++)?+def\s++\w++\s*+\(|class\s++\w++[^\n]{0,200}:[ \t\r]*$",
            rb"(?:print|open|compile|input|exit|quit)\s*+\(",
            rb"(?:if|while|with|try|for|elif|else|except)\b[^\n]{0,200}:[ \t\r]*\n[ \t]++\S",
            rb"return\b[^\n;]{0,200};",
            rb"(?:fi|done|esac)[ \t\r]*$|(?:export|alias)\s++\w++=",
            (
                rb"(?:rm|curl|wget|chmod|chown|sudo|mkdir|cp|mv|cat|echo|exec|eval|source|kill|sh|bash"
                rb"|nc|\.)[ \t]++[-/\"'$~.\\]"
            ),
            rb"(?:my\s++)?+[$@]\w++\s*+=|(?:use|package)\s++[\w:.]++\s*+;",
            rb"local\s++\w++\s*+=|(?:local\s++)?+function\s++[\w.:]++\s*+\(|(?i:@echo\s++off\b)",
        )
    )
    + rb")"
)
SCRIPT = (
    _LINE,
    _CALL,
    _MEMBER,
    _FUNCTION,
    _after(rb"\(", *_BLOCKS) + rb"[^\n{]{0,200}\)\s*+\{",
    _after(rb"\s\(", *_BLOCKS) + rb"[^\n{]{0,200}\)\s*+\{",
    (
        rb"(?<![-.\w])(?:class\s++[\w$]++[^\n{;]{0,200}\{|class\s*+\{|(?:try|do|else|finally)\s*+\{"
        rb"|throw\s++[\w$.\"'(]++[^\n;]{0,100};|new\s++[A-Z][\w$]*+\()"
    ),
    # statements that share a line
    (
        rb"[;{}]\s*+(?:(?:const|let|var)\s++[\w$\[{]|return\b)|\*/[ \t]*+[\w$.]++\("
        rb"|[;}][ \t]*+(?!charset\b)[\w$.]++\s*+[-+*/|&^]?+=[^=][^\n;]{0,200};"
        rb"|[;}=!][ \t]*+[\w$]++\.[\w$.]++\([^\n)]{0,400}\)|<\?(?:=|php\b)"
        rb"|;\s*+(?:then|do)[ \t\r]*\n|;\s*+do\s[^\n]{0,200};\s*+done\b"
    ),
    # written to be unreadable
    (
        rb"\[\]\s*+\[|!\[\]|\+\[\]|\+!!|~\[\]|_0x[0-9a-f]{2}"
        rb"|\\u\{?[0-9A-Fa-f]{2,6}\}?[\w$\\{}]{0,99}\s*+[(=.\[]"
    ),
    rb"__[a-z]{2,30}__|\blambda\b[^\n:]{0,100}:",
    rb"\$(?:\(|\{\w++[:#%/^,])|(?<!\w)&&(?!\w)|\|\s*+(?:ba|z|da|k)?+sh\b|>\s*+/dev/\w",
)
