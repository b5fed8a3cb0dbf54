"""JSON from outside, read strictly; JSON to be digested or signed, written by RFC 8785.

Reading refuses what two parsers could understand differently: duplicate keys, a byte order mark,
invalid UTF-8, lone surrogates, NaN, numbers beyond 2**53 - 1, depth over 32, and more bytes than
the caller allows. It does not know any schema. Reading needs the standard library alone.
"""

import json

from miniseal.formats.errors import Code, FormatError

__all__ = [
    "JSON_MALFORMED",
    "MAX_DEPTH",
    "MAX_INTEGER",
    "TOO_LARGE",
    "canonical",
    "loads",
    "most_values",
]

MAX_DEPTH = 32
MAX_INTEGER = 2**53 - 1

JSON_MALFORMED = Code(
    "json-malformed",
    FormatError,
    meaning="a JSON document is not well formed, or is one that parsers read differently",
    cause="duplicate keys, invalid UTF-8, a byte order mark, NaN, huge numbers or deep nesting",
    remedy="write the document with a JSON encoder, each key once, at most 32 levels deep",
)
TOO_LARGE = Code(
    "too-large",
    FormatError,
    meaning="content is larger than the bound for its kind",
    cause="a hostile or broken producer, or the wrong file",
    remedy="use content within the bound that the message names",
)


def loads(
    data: bytes, *, limit: int, what: str, floats: bool = False, values: int | None = None
) -> object:
    """Parse one JSON document of at most `limit` bytes; `what` names it in errors.

    Args:
        data: UTF-8 bytes.
        limit: the largest size accepted, in bytes.
        what: how errors call the document.
        floats: whether numbers with a fraction or an exponent are accepted (foreign formats only).
        values: how many of them there may be, where `limit` is large: `{}` takes a hundred bytes of
            memory. Commas in texts count too.

    Raises:
        FormatError: `too-large`, `json-malformed`.
    """
    if len(data) > limit:
        raise TOO_LARGE(
            f"{what} is too large", found=f"{len(data)} bytes", expected=f"at most {limit}"
        )
    if values is not None and (found := most_values(data)) > values:
        raise TOO_LARGE(
            f"{what} has too many values", found=f"about {found}", expected=f"at most {values}"
        )
    try:
        text = data.decode("utf-8")
        value: object = json.loads(
            text,
            object_pairs_hook=_unique,
            parse_int=_integer,
            parse_float=_float if floats else _no_float,
            parse_constant=_no_constant,
        )
        _check_depth(value)
    except (ValueError, RecursionError) as error:
        reason = "too deeply nested" if isinstance(error, RecursionError) else str(error)
        raise JSON_MALFORMED(f"{what} is not strict JSON: {reason[:200]}") from error
    return value


def most_values(data: bytes) -> int:
    """How many values a document may have, by its bytes alone; never less than it has, but one."""
    return sum(map(data.count, (b"{", b"[", b",")))


def canonical(value: object) -> bytes:
    """The RFC 8785 form of `value`: the bytes that are digested or signed.

    Raises:
        FormatError: `json-malformed`, for a value JSON cannot hold exactly.
    """
    import rfc8785  # only writers need it; reading stays within the standard library

    try:
        return rfc8785.dumps(value)  # type: ignore[arg-type]  # checked at run time, refused below
    except (ValueError, RecursionError) as error:  # its own errors, and what str.encode raises
        raise JSON_MALFORMED(f"value has no canonical JSON form: {error}") from error


def _unique(pairs: list[tuple[str, object]]) -> dict[str, object]:
    result = dict(pairs)
    if len(result) != len(pairs):
        raise ValueError("duplicate key")
    return result


def _integer(text: str) -> int:
    # 16 digits and a sign hold every integer that doubles hold exactly.
    if len(text) > 17 or abs(value := int(text)) > MAX_INTEGER:
        raise ValueError("integer beyond 2**53 - 1")
    return value


def _float(text: str) -> float:
    value = float(text)
    if abs(value) == float("inf"):
        raise ValueError(f"number {text[:20]} is too large")
    return value


def _no_float(text: str) -> float:
    raise ValueError(f"number {text[:20]} is not an integer")


def _no_constant(text: str) -> float:
    raise ValueError(f"{text} is not JSON")


def _check_depth(value: object) -> None:
    """Refuse nesting over `MAX_DEPTH` and strings that UTF-8 cannot hold, without recursion."""
    level = [value]
    for depth in range(MAX_DEPTH + 1):
        below: list[object] = []
        for item in level:
            if isinstance(item, str):
                item.encode("utf-8")
            elif isinstance(item, dict | list):
                if depth == MAX_DEPTH:
                    raise ValueError(f"nested deeper than {MAX_DEPTH}")
                below += item  # pyright: ignore[reportUnknownArgumentType]
                if isinstance(item, dict):
                    below += item.values()  # pyright: ignore[reportUnknownArgumentType]
        level = below
