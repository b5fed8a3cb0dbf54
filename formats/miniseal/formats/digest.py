"""Digests as every format here writes them: `sha256:` and 64 lower-case hexadecimal digits.

No other algorithm is read or written. Nothing here does I/O.
"""

import hashlib

from miniseal.formats.errors import Code, FormatError, VerificationError

__all__ = ["DIGEST_MALFORMED", "DIGEST_MISMATCH", "check_content", "check_digest", "sha256"]

DIGEST_MALFORMED = Code(
    "digest-malformed",
    FormatError,
    meaning="a digest is not `sha256:` followed by 64 lower-case hexadecimal digits",
    cause="another algorithm, upper-case digits, a path or a truncated value in its place",
    remedy="write digests as sha256 over the uncompressed bytes",
)
DIGEST_MISMATCH = Code(
    "digest-mismatch",
    VerificationError,
    meaning="content does not have the size or the digest by which it was asked for",
    cause="the store served other bytes: corruption, or somebody changed them",
    remedy="fetch the content again from a store you trust",
)

_PREFIX = "sha256:"
_LENGTH = len(_PREFIX) + 64
_HEX = frozenset("0123456789abcdef")


def sha256(data: bytes) -> str:
    """The digest of `data`, as `sha256:` + 64 hex digits."""
    return _PREFIX + hashlib.sha256(data).hexdigest()


def check_digest(value: object) -> str:
    """Return `value` if it is a well-formed digest.

    Raises:
        FormatError: `digest-malformed`.
    """
    if (
        isinstance(value, str)
        and len(value) == _LENGTH
        and value.startswith(_PREFIX)
        and _HEX.issuperset(value[len(_PREFIX) :])
    ):
        return value
    raise DIGEST_MALFORMED("malformed digest", found=repr(value)[:100], expected="sha256:<64 hex>")


def check_content(data: bytes, digest: str, size: int, what: str) -> bytes:
    """Return `data` if it has this size (in bytes) and digest; `what` names it in the error.

    Raises:
        VerificationError: `digest-mismatch`.
    """
    if len(data) != size:
        raise DIGEST_MISMATCH(
            f"{what} has the wrong size", found=f"{len(data)} bytes", expected=f"{size} bytes"
        )
    actual = sha256(data)
    if actual != digest:
        raise DIGEST_MISMATCH(f"{what} has the wrong digest", found=actual, expected=digest)
    return data
