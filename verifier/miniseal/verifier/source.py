"""What the verifier needs from a content store, in its own words; registry stores satisfy it.

A source is not trusted: sizes and digests of everything that it returns are checked again. What it
does not have it says with an error of the code `content-missing`; any other error means that it
could not answer, and ends the verification.
"""

from collections.abc import Iterable
from typing import Protocol

from miniseal.formats.oci import Descriptor

__all__ = ["Source"]


class Source(Protocol):
    """One repository of content that is addressed by digest."""

    def resolve(self, name: str) -> Descriptor:
        """The manifest that a tag, or a digest, names now."""
        ...

    def read(self, descriptor: Descriptor, *, limit: int) -> bytes:
        """The content of a descriptor; more than `limit` bytes are refused before reading."""
        ...

    def referrers(self, subject: Descriptor) -> Iterable[Descriptor]:
        """The manifests whose subject is `subject`."""
        ...
