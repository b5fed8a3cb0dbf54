"""Just enough DER to write what `cryptography` does not: timestamps and logged certificates."""

from datetime import UTC, datetime

BOOLEAN, INTEGER, OCTETS, OID, UTF8 = 0x01, 0x02, 0x04, 0x06, 0x0C
UTC_TIME, GENERALIZED_TIME, SEQUENCE, SET = 0x17, 0x18, 0x30, 0x31


def der(tag: int, *parts: bytes) -> bytes:
    """One value: its tag, the length, the content."""
    content = b"".join(parts)
    size = len(content)
    if size < 0x80:
        return bytes([tag, size]) + content
    length = size.to_bytes((size.bit_length() + 7) // 8, "big")
    return bytes([tag, 0x80 | len(length)]) + length + content


def sequence(*parts: bytes) -> bytes:
    return der(SEQUENCE, *parts)


def integer(value: int) -> bytes:
    return der(INTEGER, value.to_bytes(value.bit_length() // 8 + 1, "big"))


def oid(dotted: str) -> bytes:
    first, second, *rest = map(int, dotted.split("."))
    encoded = bytearray([first * 40 + second])
    for number in rest:
        septets = [number & 0x7F]
        while number := number >> 7:
            septets.append(number & 0x7F | 0x80)
        encoded += bytes(reversed(septets))
    return der(OID, bytes(encoded))


def utf8(text: str) -> bytes:
    return der(UTF8, text.encode())


def time(seconds: int, tag: int = GENERALIZED_TIME) -> bytes:
    form = "%Y%m%d%H%M%SZ" if tag == GENERALIZED_TIME else "%y%m%d%H%M%SZ"
    return der(tag, datetime.fromtimestamp(seconds, UTC).strftime(form).encode())
