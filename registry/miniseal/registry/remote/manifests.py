"""Manifests of a repository, by digest and by tag.

A digest is computed here, over the very bytes that came; what the registry says of it only has to
agree. What was found right is kept for a while: who lists referrers reads them next.
"""

import threading
from collections import OrderedDict

from miniseal.formats.digest import DIGEST_MISMATCH, sha256
from miniseal.formats.errors import EnvironmentalError
from miniseal.formats.oci import MANIFEST_LIMIT, MANIFEST_TYPE, MANIFEST_TYPES, Descriptor
from miniseal.registry.remote import shown
from miniseal.registry.remote.codes import REGISTRY_MALFORMED
from miniseal.registry.remote.session import Request, Session
from miniseal.registry.store import CONTENT_MISSING

__all__ = ["MANIFEST_TYPES", "Manifests"]

_ACCEPT = {"Accept": ", ".join(sorted(MANIFEST_TYPES, reverse=True))}
_MOST_KEPT = 8 * 1024 * 1024
_ENTRY = 512
"""Bytes that what is kept takes beside its content."""


class Manifests:
    """The manifests and indexes of one repository; threads may share it."""

    def __init__(self, session: Session, repository: str) -> None:
        """Ask for nothing yet."""
        self._session = session
        self._base = f"/v2/{repository}/manifests"
        self._lock = threading.Lock()
        self._kept: OrderedDict[str, tuple[bytes, str]] = OrderedDict()
        self._size = 0

    def get(self, name: str, *, fresh: bool = False) -> tuple[bytes, str]:
        """The bytes and the media type of the manifest with this tag or digest.

        Args:
            name: well formed.
            fresh: ask the registry, even for a digest that is known.

        Raises:
            FormatError: `registry-malformed`, it is another kind of document; `too-large`.
            VerificationError: `digest-mismatch`.
            EnvironmentalError: `content-missing`, and what a `Session` raises.
        """
        if not fresh and (known := self._known(name)):
            return known
        request = Request(
            method="GET", url=f"{self._base}/{name}", headers=_ACCEPT, most=MANIFEST_LIMIT
        )
        answer, data = self._session.fetch(request)
        media_type = answer.headers.get("Content-Type", "").partition(";")[0].strip()
        if media_type not in MANIFEST_TYPES:
            raise REGISTRY_MALFORMED(
                f"what the registry has under {name} is no OCI manifest",
                found=repr(media_type)[:100],
                expected=MANIFEST_TYPE,
            )
        digest = sha256(data)
        _check_said(answer.headers.get("Docker-Content-Digest"), digest)
        if ":" in name:
            _check_said(name, digest)
        self._keep(digest, data, media_type)
        return data, media_type

    def find(self, name: str) -> tuple[bytes, str] | None:
        """As `get` with `fresh`; None if there is none."""
        try:
            return self.get(name, fresh=True)
        except EnvironmentalError as error:
            if error.code != CONTENT_MISSING.name:
                raise
            return None

    def has(self, descriptor: Descriptor) -> bool:
        """Whether there is a manifest of this digest and, as far as the registry says, size."""
        request = Request(
            method="HEAD",
            url=f"{self._base}/{descriptor.digest}",
            headers=_ACCEPT,
            accept=frozenset({200, 404}),
        )
        with self._session.open(request) as answer:
            size = answer.headers.get("Content-Length")
            return answer.status == 200 and size in {None, "0", str(descriptor.size)}

    def put(self, name: str, data: bytes, media_type: str) -> None:
        """Store a manifest under a tag or its digest.

        Raises:
            VerificationError: `digest-mismatch`, the registry stored something else.
            EnvironmentalError: what a `Session` raises.
        """
        request = Request(
            method="PUT",
            url=f"{self._base}/{name}",
            actions="pull,push",
            accept=frozenset({201}),
            headers={"Content-Type": media_type},
            body=lambda: data,
        )
        with self._session.open(request) as answer:
            _check_said(answer.headers.get("Docker-Content-Digest"), sha256(data))

    def delete(self, name: str) -> None:
        """Remove a tag, or a manifest and its tags.

        Raises:
            EnvironmentalError: `content-missing`, `registry-refused`, and what a `Session` raises.
        """
        request = Request(
            method="DELETE",
            url=f"{self._base}/{name}",
            actions="delete,pull,push",
            accept=frozenset({202, 204}),
        )
        self._session.open(request).close()
        with self._lock:
            if gone := self._kept.pop(name, None):
                self._size -= len(gone[0]) + _ENTRY

    def _known(self, name: str) -> tuple[bytes, str] | None:
        with self._lock:
            return self._kept.get(name)

    def _keep(self, digest: str, data: bytes, media_type: str) -> None:
        with self._lock:
            if digest in self._kept:
                return
            self._kept[digest] = (data, media_type)
            self._size += len(data) + _ENTRY
            while self._size > _MOST_KEPT:
                _, (oldest, _) = self._kept.popitem(last=False)
                self._size -= len(oldest) + _ENTRY


def _check_said(said: str | None, digest: str) -> None:
    """What a registry, or a reference, says of a digest; other algorithms are not looked at."""
    if said is not None and said.startswith("sha256:") and said != digest:
        raise DIGEST_MISMATCH(
            "manifest has another digest", found=digest, expected=shown.text(said, 100)
        )
