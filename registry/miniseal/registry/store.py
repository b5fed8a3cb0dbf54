"""What every content store can do, whatever is behind it.

A store is one repository: blobs and manifests by digest, tags that name manifests, and the
referrers of a manifest. What comes out of `read` has the size and the digest it was asked for;
nothing else about it is checked here. What may be large goes through `stream` and `put_stream`,
which hold a chunk of it at a time.
"""

from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager
from typing import Protocol

from miniseal.formats.errors import Code, EnvironmentalError, UsageError
from miniseal.formats.oci import MANIFEST_TYPE, Descriptor
from miniseal.formats.reference import is_tag
from miniseal.registry.referrers import is_fallback_tag

__all__ = [
    "CONTENT_MISSING",
    "TAG_EXISTS",
    "TAG_REFUSED",
    "Content",
    "Store",
    "check_tag",
    "is_content_tag",
]

CONTENT_MISSING = Code(
    "content-missing",
    EnvironmentalError,
    meaning="a store does not hold the tag, digest or blob that was asked for",
    cause="a misspelt name, a copy that is not complete, or a layout that does not exist yet",
    remedy="check the reference, or push the content first",
)
TAG_EXISTS = Code(
    "tag-exists",
    UsageError,
    meaning="a tag names other content already",
    cause="the version was published before, from another build",
    remedy="raise version.code and version.name in manifest.json; a published version stays",
)
TAG_REFUSED = Code(
    "tag-refused",
    UsageError,
    meaning="a name cannot be a tag, or a tag cannot name this content",
    cause="a character that tags do not have, a name kept for referrers, or a blob in its place",
    remedy="use up to 128 of A-Z a-z 0-9 _ . - for a manifest, not sha256-<64 hex>",
)


Content = Callable[[], AbstractContextManager[Iterator[bytes]]]
"""Opens content for reading from its start; called again by a store that has to send it again."""


class Store(Protocol):
    """One repository. Every method may raise `EnvironmentalError` when what is behind it fails."""

    def resolve(self, name: str) -> Descriptor:
        """The manifest that a tag or a digest names.

        Raises:
            EnvironmentalError: `content-missing`.
        """
        ...

    def read(self, descriptor: Descriptor, *, limit: int) -> bytes:
        """The content of a descriptor of at most `limit` bytes, its size and digest checked.

        Raises:
            FormatError: `too-large`, before anything is read.
            VerificationError: `digest-mismatch`.
            EnvironmentalError: `content-missing`.
        """
        ...

    def stream(self, descriptor: Descriptor) -> AbstractContextManager[Iterator[bytes]]:
        """The content of a descriptor, of any size, in chunks, for the length of a `with` block.

        The last chunk comes only after size and digest were found right: nobody holds all of wrong
        content. Nothing is asked of what is behind the store before the block is entered.

        Raises:
            VerificationError: `digest-mismatch`, also between chunks.
            EnvironmentalError: `content-missing`.
        """
        ...

    def has(self, descriptor: Descriptor) -> bool:
        """Whether content of this digest and size is there; its bytes are not read."""
        ...

    def put(self, data: bytes, media_type: str) -> Descriptor:
        """Store a blob; storing it twice is storing it once."""
        ...

    def put_stream(self, descriptor: Descriptor, content: Content) -> None:
        """Store a blob of any size, unless it is there: `to.put_stream(d, lambda: of.stream(d))`.

        Nothing is visible before all of it was found to have the size and digest of `descriptor`.
        `content` is opened for each attempt, and not at all where the blob is there.

        Raises:
            VerificationError: `digest-mismatch`, the content is not what `descriptor` says.
        """
        ...

    def put_manifest(self, data: bytes, media_type: str = MANIFEST_TYPE) -> Descriptor:
        """Store a manifest or an index, and register it as a referrer where it has a subject.

        Raises:
            FormatError: `oci-malformed` and what else reading it raises.
            EnvironmentalError: `referrers-limit`.
        """
        ...

    def referrers(self, subject: Descriptor) -> tuple[Descriptor, ...]:
        """The manifests that name `subject`, each read and its subject compared; junk left out.

        Raises:
            EnvironmentalError: `referrers-limit`.
        """
        ...

    def tag(self, name: str, descriptor: Descriptor, *, force: bool = False) -> None:
        """Let a tag name a manifest that is in the store; `force` lets it move.

        Raises:
            UsageError: `tag-exists`, `tag-refused`.
            EnvironmentalError: `content-missing`.
        """
        ...

    def repair(
        self, subject: Descriptor, known: Iterable[Descriptor] = ()
    ) -> tuple[Descriptor, ...]:
        """List the referrers of a manifest anew, with those of `known` that are stored here.

        Returns:
            The referrers that are listed now.

        Raises:
            EnvironmentalError: `referrers-limit`.
        """
        ...

    def delete(self, name: str) -> None:
        """Remove a tag alone, or a manifest by its digest, and its tags with it.

        Raises:
            UsageError: `tag-refused`.
            EnvironmentalError: `content-missing`.
        """
        ...

    def tags(self) -> dict[str, Descriptor]:
        """Every tag and what it names; the tags that hold referrers are not among them."""
        ...


def check_tag(name: str) -> str:
    """Return `name` if content may be tagged so.

    Raises:
        UsageError: `tag-refused`.
    """
    if not is_content_tag(name):
        raise TAG_REFUSED("not a tag for content", found=repr(name)[:160])
    return name


def is_content_tag(name: str) -> bool:
    """Whether `name` is a tag, and not one kept for referrers."""
    return is_tag(name) and not is_fallback_tag(name)
