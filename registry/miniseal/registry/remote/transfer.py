"""Blobs of a repository, up and down, a chunk of them in memory.

What is cut off on its way down goes on where it stopped. What is cut off on its way up begins anew:
nobody knows what became of the upload, so the registry is asked first whether it has the blob.
"""

from collections.abc import Generator, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing, contextmanager, suppress
from urllib.parse import urlencode

from miniseal.formats.digest import DIGEST_MISMATCH, check_digest
from miniseal.formats.errors import EnvironmentalError, MinisealError
from miniseal.formats.oci import Descriptor
from miniseal.registry.checked import checked
from miniseal.registry.remote import shown
from miniseal.registry.remote.codes import (
    AUTH_REFUSED,
    AUTH_REQUIRED,
    REGISTRY_MALFORMED,
    REGISTRY_REFUSED,
    REGISTRY_UNREACHABLE,
)
from miniseal.registry.remote.origin import resolve
from miniseal.registry.remote.session import Request, Session
from miniseal.registry.remote.wire import Answer, Body
from miniseal.registry.store import CONTENT_MISSING, Content

__all__ = ["Blobs"]

_PUSH = "pull,push"
_SMALL = 64 * 1024
_MANY = 8
_LARGE = 512 * 1024
_BINARY = "application/octet-stream"
_ANEW = frozenset({REGISTRY_UNREACHABLE.name, CONTENT_MISSING.name})
"""After what an upload begins anew: the registry has forgotten it, or did not answer."""
_NOT_MOUNTED = frozenset(
    each.name for each in (AUTH_REFUSED, AUTH_REQUIRED, CONTENT_MISSING, REGISTRY_REFUSED)
)
"""Answers to a mount after which the bytes are sent: who may not write is told so again then."""


class Blobs:
    """The blobs of one repository."""

    def __init__(self, session: Session, repository: str) -> None:
        """Ask for nothing yet."""
        self._session = session
        self._base = f"/v2/{repository}/blobs"
        self._lacked = 0  # blobs one after another; threads may miscount them

    def has(self, descriptor: Descriptor) -> bool:
        """Whether there is a blob of this digest and, as far as the registry says, size."""
        url = f"{self._base}/{check_digest(descriptor.digest)}"
        request = Request(method="HEAD", url=url, accept=frozenset({200, 404}), follow=True)
        with self._session.open(request) as answer:
            size = answer.headers.get("Content-Length")
            return answer.status == 200 and size in {None, str(descriptor.size)}

    @contextmanager
    def stream(self, descriptor: Descriptor) -> Generator[Iterator[bytes]]:
        """The content of a blob in chunks, the last after size and digest were found right.

        Raises:
            VerificationError: `digest-mismatch`, `redirect-refused`.
            FormatError: `registry-malformed`.
            EnvironmentalError: `content-missing`, and what a `Session` raises.
        """
        with closing(self._pieces(descriptor)) as pieces:
            if descriptor.size <= _LARGE:
                yield checked(pieces, descriptor)
                return
            with closing(_one_ahead(pieces)) as ahead:
                yield checked(ahead, descriptor)

    def put(self, descriptor: Descriptor, content: Content, *, ask: bool = False) -> None:
        """Upload a blob, unless it is there.

        Whether it is there is always asked before a second attempt. Before the first it is not for
        a small blob after several that were not there, unless `ask` says so: the question costs as
        much as the answer could save.

        Raises:
            VerificationError: `digest-mismatch`, `redirect-refused`.
            FormatError: `registry-malformed`.
            EnvironmentalError: what a `Session` raises.
        """
        until = self._session.deadline(descriptor.size)
        retries = self._session.retries(until)
        asked = ask or descriptor.size > _SMALL or self._lacked < _MANY
        while not (asked and self._holds(descriptor)):
            asked = True
            try:
                self._upload(descriptor, content, until)
            except EnvironmentalError as error:
                if error.code not in _ANEW:
                    raise
                failure = error
            else:
                return
            retries.wait(failure)

    def _holds(self, descriptor: Descriptor) -> bool:
        held = self.has(descriptor)
        self._lacked = 0 if held else self._lacked + 1
        return held

    def mount(self, descriptor: Descriptor, repository: str) -> bool:
        """Take a blob over from another repository of the registry; False if that cannot be.

        Raises:
            EnvironmentalError: `registry-unreachable`, `registry-untrusted`.
        """
        query = urlencode({"mount": check_digest(descriptor.digest), "from": repository})
        request = Request(
            method="POST",
            url=f"{self._base}/uploads/?{query}",
            actions=_PUSH,
            also=(f"repository:{repository}:pull",),
            accept=frozenset({201, 202}),
        )
        try:
            answer = self._session.open(request)
        except EnvironmentalError as error:
            if error.code not in _NOT_MOUNTED:
                raise
            return False
        with answer:
            if answer.status == 201:
                return self.has(descriptor)
            with suppress(MinisealError):  # an upload that nobody finishes goes away by itself
                self._cancel(answer)
            return False

    def _pieces(self, descriptor: Descriptor) -> Generator[bytes]:
        until = self._session.deadline(descriptor.size)
        retries = self._session.retries(until)
        place = 0
        while True:
            before = place
            try:
                with self._session.open(self._asking(descriptor, place, until)) as answer:
                    skipped = _check_start(answer, descriptor, place)
                    for chunk in answer.chunks():
                        new = chunk[skipped:]
                        skipped -= len(chunk) - len(new)
                        place += len(new)
                        yield new
            except EnvironmentalError as error:
                if error.code != REGISTRY_UNREACHABLE.name:
                    raise
                if place == descriptor.size:  # only the end of the answer is missing
                    return
                failure = error
            else:
                return
            if place > before:
                retries = retries.fresh()
            retries.wait(failure)

    def _asking(self, descriptor: Descriptor, place: int, until: float) -> Request:
        return Request(
            method="GET",
            url=f"{self._base}/{check_digest(descriptor.digest)}",
            headers={"Range": f"bytes={place}-"} if place else {},
            accept=frozenset({200, 206} if place else {200}),
            most=descriptor.size,
            until=until,
            follow=True,
        )

    def _upload(self, descriptor: Descriptor, content: Content, until: float) -> None:
        """One attempt, in a session of its own."""
        begin = Request(
            method="POST", url=f"{self._base}/uploads/", actions=_PUSH, accept=frozenset({202})
        )
        with self._session.open(begin) as answer:
            url = _place(answer)
        with ExitStack() as stack:

            def body() -> Body:
                return checked(stack.enter_context(content()), descriptor)

            mark = "&" if "?" in url else "?"
            send = Request(
                method="PUT",
                url=f"{url}{mark}{urlencode({'digest': descriptor.digest})}",
                actions=_PUSH,
                accept=frozenset({201}),
                headers={"Content-Type": _BINARY, "Content-Length": str(descriptor.size)},
                body=body,
                until=until,
                once=True,
            )
            self._session.open(send).close()

    def _cancel(self, answer: Answer) -> None:
        accept = frozenset({200, 202, 204})
        gone = Request(method="DELETE", url=_place(answer), actions=_PUSH, accept=accept, once=True)
        self._session.open(gone).close()


def _one_ahead(chunks: Iterator[bytes]) -> Generator[bytes]:
    """The same chunks; the next is fetched while one is looked at."""
    with ThreadPoolExecutor(1) as pool:
        coming = pool.submit(next, chunks, None)
        while (chunk := coming.result()) is not None:
            coming = pool.submit(next, chunks, None)
            yield chunk


def _place(answer: Answer) -> str:
    """Where an upload goes on: at the registry's own origin."""
    location = answer.headers.get("Location")
    if not location:
        raise REGISTRY_MALFORMED("registry does not say where to upload to")
    return resolve(answer.url, location, "place of an upload").partition("#")[0]


def _check_start(answer: Answer, descriptor: Descriptor, place: int) -> int:
    """How many bytes of an answer are known already."""
    start = place if answer.status == 206 else 0
    described = answer.headers.get("Content-Range", "")
    if start and not described.startswith(f"bytes {start}-"):
        raise REGISTRY_MALFORMED(
            "registry sends another part of the content", found=repr(described)[:100]
        )
    size = answer.headers.get("Content-Length")
    if size is not None and size != str(descriptor.size - start):
        raise DIGEST_MISMATCH(
            f"content of {descriptor.digest} has the wrong size",
            found=f"{shown.text(size, 20)} bytes",
            expected=f"{descriptor.size - start} bytes",
        )
    return place - start
