"""A store in a repository of a registry."""

from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager, closing, nullcontext
from dataclasses import replace
from functools import partial

from miniseal.formats.digest import check_content, check_digest
from miniseal.formats.errors import EnvironmentalError, FormatError
from miniseal.formats.members import Members
from miniseal.formats.oci import MANIFEST_LIMIT, MANIFEST_TYPE, Descriptor
from miniseal.formats.strictjson import TOO_LARGE, loads
from miniseal.registry.access import Access
from miniseal.registry.ahead import ahead
from miniseal.registry.manifests import describe
from miniseal.registry.remote.codes import REGISTRY_MALFORMED, REGISTRY_UNREACHABLE
from miniseal.registry.remote.manifests import MANIFEST_TYPES, Manifests
from miniseal.registry.remote.pages import pages
from miniseal.registry.remote.referrers import Referrers
from miniseal.registry.remote.retries import Pace
from miniseal.registry.remote.session import Request, Session
from miniseal.registry.remote.transfer import Blobs
from miniseal.registry.store import (
    CONTENT_MISSING,
    TAG_EXISTS,
    TAG_REFUSED,
    Content,
    check_tag,
    is_content_tag,
)

__all__ = ["TAGS_LIMIT", "RegistryStore"]

TAGS_LIMIT = 100_000
_SECONDS_EACH = 0.1
_PAGE = 1000
_PAGE_BYTES = 4 * 1024 * 1024


class RegistryStore:
    """A repository of a registry; satisfies `Store`, and threads may share it.

    Besides what `Store` names, every method may raise `registry-unreachable`, `registry-untrusted`,
    `registry-refused`, `registry-malformed`, `redirect-refused`, `auth-required`, `auth-refused`
    and `credentials-unusable`.

    Attributes:
        host: of the registry, as references have it.
        repository: in it.
    """

    def __init__(
        self, host: str, repository: str, *, access: Access | None = None, pace: Pace | None = None
    ) -> None:
        """Name a repository; nothing is asked yet.

        Args:
            host: `host[:port]`.
            repository: a name that references may have.
            access: credentials, trust and bounds.
            pace: time and chance.

        Raises:
            UsageError: `ca-file-invalid`.
            EnvironmentalError: `extra-missing`.
        """
        access = access or Access()
        self.host = host
        self.repository = repository
        self._parallel = access.parallel
        self._session = Session(host, repository, access, pace or Pace())
        self._blobs = Blobs(self._session, repository)
        self._manifests = Manifests(self._session, repository)
        self._referrers = Referrers(self._session, self._manifests, repository, access.parallel)

    def resolve(self, name: str) -> Descriptor:
        """The manifest that a tag or a digest names, by the bytes that the registry serves for it.

        Raises:
            FormatError: `digest-malformed`, `oci-malformed`, `json-malformed`, `too-large`.
            VerificationError: `digest-mismatch`.
            EnvironmentalError: `content-missing`.
        """
        if ":" in name:
            check_digest(name)
        elif not is_content_tag(name):
            raise CONTENT_MISSING("no tag is called so", found=repr(name)[:160])
        return describe(*self._manifests.get(name, fresh=True))[0]

    def read(self, descriptor: Descriptor, *, limit: int) -> bytes:
        """The content of a descriptor of at most `limit` bytes, its size and digest checked.

        Raises:
            FormatError: `too-large`, before anything is read.
            VerificationError: `digest-mismatch`.
            EnvironmentalError: `content-missing`.
        """
        if descriptor.size > limit:
            raise TOO_LARGE(
                f"content of {descriptor.digest} is too large",
                found=f"{descriptor.size} bytes",
                expected=f"at most {limit}",
            )
        if descriptor.media_type in MANIFEST_TYPES:
            data, _ = self._manifests.get(check_digest(descriptor.digest))
            return check_content(data, descriptor.digest, descriptor.size, "manifest")
        with self._blobs.stream(descriptor) as chunks:
            return b"".join(chunks)

    def stream(self, descriptor: Descriptor) -> AbstractContextManager[Iterator[bytes]]:
        """The content of a descriptor in chunks, the last after size and digest were found right.

        Raises:
            VerificationError: `digest-mismatch`, also between chunks.
            EnvironmentalError: `content-missing`.
        """
        if descriptor.media_type in MANIFEST_TYPES:
            return nullcontext(iter([self.read(descriptor, limit=MANIFEST_LIMIT)]))
        return self._blobs.stream(descriptor)

    def has(self, descriptor: Descriptor) -> bool:
        """Whether content of this digest and size is there, as the registry says."""
        check_digest(descriptor.digest)
        if descriptor.media_type in MANIFEST_TYPES:
            return self._manifests.has(descriptor)
        return self._blobs.has(descriptor)

    def put(self, data: bytes, media_type: str) -> Descriptor:
        """Store a blob, unless it is there."""
        descriptor = Descriptor.of(data, media_type)
        self._blobs.put(descriptor, lambda: nullcontext(iter([data])), ask=True)
        return descriptor

    def put_stream(self, descriptor: Descriptor, content: Content) -> None:
        """Store a blob of any size, unless it is there.

        Raises:
            VerificationError: `digest-mismatch`.
        """
        self._blobs.put(descriptor, content)

    def mount(self, descriptor: Descriptor, repository: str) -> bool:
        """Take a blob over from another repository of this registry, without moving its bytes.

        False if the registry does not do so; then it has to be put.
        """
        return self._blobs.has(descriptor) or self._blobs.mount(descriptor, repository)

    def put_manifest(self, data: bytes, media_type: str = MANIFEST_TYPE) -> Descriptor:
        """Store a manifest or an index by its digest, and list it where it has a subject.

        Raises:
            FormatError: `oci-malformed`, `json-malformed`, `digest-malformed`, `too-large`.
            VerificationError: `digest-mismatch`, the registry stored something else.
            EnvironmentalError: `referrers-limit`, `referrers-unstable`.
        """
        descriptor, subject = describe(data, media_type)
        self._manifests.put(descriptor.digest, data, media_type)
        if subject is not None:
            self._referrers.add(subject.digest, descriptor, data)
        return descriptor

    def referrers(self, subject: Descriptor) -> tuple[Descriptor, ...]:
        """The manifests and indexes whose subject has the digest of `subject`, by digest.

        Each is read and its subject compared; type and annotations are the manifest's own, not the
        list's. An entry whose manifest is missing, wrong or somebody else's is left out.

        Raises:
            EnvironmentalError: `referrers-limit`.
        """
        return self._referrers.of(check_digest(subject.digest))

    def repair(
        self, subject: Descriptor, known: Iterable[Descriptor] = ()
    ) -> tuple[Descriptor, ...]:
        """List the referrers of a manifest anew, with those of `known` that are stored here.

        Returns:
            The referrers that are listed now.

        Raises:
            EnvironmentalError: `referrers-limit`, `referrers-unstable`.
        """
        return self._referrers.repair(check_digest(subject.digest), known)

    def tag(self, name: str, descriptor: Descriptor, *, force: bool = False) -> None:
        """Let a tag name a manifest, after that was read back and before the tag is.

        Registries have no lock: of two who tag at the same time one may be told `tag-exists` after
        the fact.

        Raises:
            UsageError: `tag-exists`, `tag-refused`.
            VerificationError: `digest-mismatch`.
            EnvironmentalError: `content-missing`.
        """
        check_tag(name)
        if descriptor.media_type not in MANIFEST_TYPES:
            raise TAG_REFUSED(
                "only manifests can be tagged", found=repr(descriptor.media_type)[:100]
            )
        data, media_type = self._manifests.get(check_digest(descriptor.digest), fresh=True)
        check_content(data, descriptor.digest, descriptor.size, "manifest")
        before = self._manifests.find(name)
        if before is not None and before[0] != data and not force:
            raise _other(name, before[0], descriptor)
        if before is None or before[0] != data:
            self._manifests.put(name, data, media_type)
            after, _ = self._manifests.get(name, fresh=True)
            if after != data:
                raise _other(name, after, descriptor)

    def tags(self) -> dict[str, Descriptor]:
        """Every tag and what it names, by name; the tags that hold referrers are left out.

        Raises:
            FormatError: `too-large`, there are too many.
            EnvironmentalError: `content-missing`, there is no such repository.
        """
        names = self.tag_names()
        until = self._session.deadline() + len(names) * _SECONDS_EACH
        look = partial(self._named, until)
        with closing(ahead(look, names, parallel=self._parallel)) as found:
            named = zip(names, found, strict=True)
            return {name: each for name, each in named if each is not None}

    def tag_names(self) -> tuple[str, ...]:
        """The names of `tags`, without what they name."""
        found: set[str] = set()
        request = Request(
            method="GET", url=f"/v2/{self.repository}/tags/list?n={_PAGE}", most=_PAGE_BYTES
        )
        for _, body in pages(self._session, request):
            found.update(filter(is_content_tag, _names(body)))
            if len(found) > TAGS_LIMIT:
                raise TOO_LARGE("too many tags", expected=f"at most {TAGS_LIMIT}")
        return tuple(sorted(found))

    def delete(self, name: str) -> None:
        """Remove a tag alone, or a manifest by its digest, and its tags with it.

        Many registries allow neither: `registry-refused`.

        Raises:
            UsageError: `tag-refused`.
            EnvironmentalError: `content-missing`, `registry-refused`.
        """
        self._manifests.delete(check_digest(name) if ":" in name else check_tag(name))

    def _named(self, until: float, name: str) -> Descriptor | None:
        """What a tag names, without what may be long; None if it is gone meanwhile."""
        if self._session.pace.clock() > until:
            raise REGISTRY_UNREACHABLE("registry takes too long to serve what its tags name")
        try:
            return replace(self.resolve(name), annotations={})
        except EnvironmentalError as error:
            if error.code != CONTENT_MISSING.name:
                raise
            return None


def _names(body: bytes) -> list[str]:
    try:
        value = loads(body, limit=_PAGE_BYTES, what="list of tags", floats=True)
        members = Members(value, "list of tags", REGISTRY_MALFORMED)
        return members.strings("tags") if "tags" in members else []
    except FormatError as error:
        raise REGISTRY_MALFORMED(f"list of tags is malformed: {error.message}") from error


def _other(name: str, found: bytes, wanted: Descriptor) -> Exception:
    return TAG_EXISTS(
        f"tag {name} names other content",
        found=Descriptor.of(found, "").digest,
        expected=wanted.digest,
    )
