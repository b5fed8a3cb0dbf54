"""Lists that come in pages: each names the next in its `Link` field (RFC 8288)."""

import re
from collections.abc import Generator
from dataclasses import replace

from miniseal.registry.remote import shown
from miniseal.registry.remote.codes import REDIRECT_REFUSED
from miniseal.registry.remote.origin import resolve
from miniseal.registry.remote.session import Request, Session
from miniseal.registry.remote.wire import Answer

__all__ = ["pages"]

_MOST_PAGES = 1000
_NEXT = re.compile(r"<([^<>]*)>\s*;\s*rel\s*=\s*\"?next\"?\s*(?:[;,]|$)", re.IGNORECASE)


def pages(session: Session, request: Request) -> Generator[tuple[Answer, bytes]]:
    """The answers and bodies of a list, from the page that `request` asks for, in one time.

    Raises:
        VerificationError: `redirect-refused`, the next page is at another origin, or there is no
            last one.
        MinisealError: what a `Session` raises.
    """
    seen: set[str] = set()
    request = replace(request, until=session.deadline())
    while True:
        answer, body = session.fetch(request)
        yield answer, body
        link = _NEXT.search(answer.headers.get("Link", "")[:8192])
        if link is None or answer.status != 200:
            return
        url = resolve(answer.url, link[1], "next page of a list")
        seen.add(answer.url)
        if url in seen or len(seen) >= _MOST_PAGES:
            raise REDIRECT_REFUSED("list of the registry has no end", found=shown.place(url))
        request = replace(request, url=url)
