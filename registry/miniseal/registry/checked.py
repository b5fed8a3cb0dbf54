"""Content in chunks, whose last one comes only after size and digest were found right.

So whoever writes down what comes never holds a whole copy of wrong bytes, and what is passed on to
another store ends early rather than wrong.
"""

import hashlib
from collections.abc import Iterable, Iterator

from miniseal.formats.digest import DIGEST_MISMATCH, check_digest
from miniseal.formats.oci import Descriptor

__all__ = ["CHUNK", "checked"]

CHUNK = 256 * 1024
"""Bytes that stores read and write at a time."""


def checked(chunks: Iterable[bytes], descriptor: Descriptor) -> Iterator[bytes]:
    """The chunks of `descriptor`'s content, none of them empty; the last is held back.

    Raises:
        FormatError: `digest-malformed`.
        VerificationError: `digest-mismatch`, in place of the last chunk, or as soon as the content
            is too long.
    """
    check_digest(descriptor.digest)
    what = f"content of {descriptor.digest}"
    running, size, held = hashlib.sha256(), 0, b""
    for chunk in chunks:
        size += len(chunk)
        if size > descriptor.size:
            raise DIGEST_MISMATCH(
                f"{what} is longer than it should be", expected=f"{descriptor.size} bytes"
            )
        running.update(chunk)
        if held and chunk:
            yield held
        held = chunk or held
    if size != descriptor.size:
        raise DIGEST_MISMATCH(
            f"{what} has the wrong size",
            found=f"{size} bytes",
            expected=f"{descriptor.size} bytes",
        )
    found = f"sha256:{running.hexdigest()}"
    if found != descriptor.digest:
        raise DIGEST_MISMATCH(
            f"{what} has the wrong digest", found=found, expected=descriptor.digest
        )
    if held:
        yield held
