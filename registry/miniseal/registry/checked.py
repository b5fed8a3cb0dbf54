"""Content in chunks, whose last one comes only after size and digest were found right.

So whoever writes down what comes never holds a whole copy of wrong bytes, and what is passed on to
another store ends early rather than wrong.
"""

import hashlib
from collections.abc import Callable, Iterable, Iterator

from miniseal.formats.digest import DIGEST_MISMATCH, check_digest
from miniseal.formats.oci import Descriptor

__all__ = ["CHUNK", "Checked", "checked"]

CHUNK = 256 * 1024
"""Bytes that stores read and write at a time."""


class Checked(Iterator[bytes]):
    """Chunks that are checked on their way; whoever gets them need not hash them again.

    Attributes:
        descriptor: of the content that all of them are.
        started: whether a chunk was taken, so that the rest is not all.
    """

    __slots__ = ("_chunks", "_error", "descriptor", "started")

    def __init__(self, chunks: Iterator[bytes], descriptor: Descriptor) -> None:
        """Only for `checked`, which gives chunks that check themselves."""
        self._chunks = chunks
        self.descriptor = descriptor
        self.started = False
        self._error: Exception | None = None

    def __next__(self) -> bytes:
        """The next chunk; after an error nothing but that error, never a clean end."""
        self.started = True
        if self._error is not None:
            raise self._error
        try:
            return next(self._chunks)
        except StopIteration:
            raise
        except Exception as error:
            self._error = error
            raise

    def watched(self, watch: Callable[[bytes], object]) -> "Checked":
        """The same chunks, each shown to `watch` before it is handed out."""

        def shown() -> Iterator[bytes]:
            for chunk in self:
                watch(chunk)
                yield chunk

        result = Checked(shown(), self.descriptor)
        result.started = self.started
        return result


def checked(chunks: Iterable[bytes], descriptor: Descriptor) -> Checked:
    """The chunks of `descriptor`'s content, none of them empty; the last is held back.

    What is checked for the same content already, and all of it, is given back as it is.

    Raises:
        FormatError: `digest-malformed`.
        VerificationError: `digest-mismatch`, in place of the last chunk, or as soon as the content
            is too long.
    """
    check_digest(descriptor.digest)
    if isinstance(chunks, Checked) and not chunks.started:
        known = chunks.descriptor
        if (known.digest, known.size) == (descriptor.digest, descriptor.size):
            return chunks
    return Checked(_checked(chunks, descriptor), descriptor)


def _checked(chunks: Iterable[bytes], descriptor: Descriptor) -> Iterator[bytes]:
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
