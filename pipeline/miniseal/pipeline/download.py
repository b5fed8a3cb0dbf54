"""Downloads for python-tuf's client: so many bytes for all of them together, each answer in time.

HTTPS, or plain HTTP to this machine itself; no redirect is followed and no content is decoded. What
is trustworthy in the bytes is for the client to find out. A server that sends headers byte by byte
is not stopped here, but by the time that the caller gives to the whole.
"""

import time
from collections.abc import Generator, Iterator
from http.client import HTTPException, HTTPResponse
from ipaddress import ip_address
from urllib.parse import urlsplit
from urllib.request import (
    HTTPHandler,
    HTTPSHandler,
    OpenerDirector,
    ProxyHandler,
    Request,
    getproxies,
)

from tuf.api.exceptions import DownloadError, DownloadHTTPError, SlowRetrievalError
from tuf.ngclient import FetcherInterface

__all__ = ["Downloader"]

_WAIT_SECONDS = 15.0
"""For a connection, and for each piece of an answer."""
_PIECE = 64 * 1024


class Downloader(FetcherInterface):
    """Fetches for one update; to be closed after it."""

    def __init__(self, *, seconds: float, limit: int) -> None:
        """Allow so many seconds from now on, and so many bytes, in all."""
        self._deadline = time.monotonic() + seconds
        self._left = limit
        self._responses: list[HTTPResponse] = []
        self._opener = OpenerDirector()
        proxies = {name: url for name, url in getproxies().items() if name == "https"}
        for handler in (ProxyHandler(proxies), HTTPHandler(), HTTPSHandler()):
            self._opener.add_handler(handler)

    def close(self) -> None:
        """Close what the client has not read to its end."""
        for response in self._responses:
            response.close()

    def _fetch(self, url: str) -> Iterator[bytes]:
        if not _is_acceptable(url):
            raise DownloadError(f"{url} is neither https nor on this machine")
        request = Request(url, headers={"User-Agent": "miniseal"})  # noqa: S310 - checked above
        try:
            response: HTTPResponse = self._opener.open(request, timeout=_WAIT_SECONDS)
        except (OSError, HTTPException, ValueError) as error:
            raise _failed(url, error) from error
        self._responses.append(response)
        if response.status != 200:
            raise DownloadHTTPError(f"{url} answers {response.status}", response.status)
        return self._pieces(url, response)

    def _pieces(self, url: str, response: HTTPResponse) -> Generator[bytes]:
        try:
            while piece := response.read1(_PIECE):
                self._left -= len(piece)
                if self._left < 0:
                    raise DownloadError("the repository sends too much")
                if time.monotonic() > self._deadline:
                    raise TimeoutError
                yield piece
        except (OSError, HTTPException, ValueError) as error:
            raise _failed(url, error) from error
        if response.length:
            raise DownloadError(f"{url} ends too early")


def _failed(url: str, error: Exception) -> DownloadError:
    reason = getattr(error, "reason", error)
    if isinstance(reason, TimeoutError):
        return SlowRetrievalError(f"{url} is too slow")
    return DownloadError(f"{url}: {reason}")


def _is_acceptable(url: str) -> bool:
    parts = urlsplit(url)
    if parts.scheme == "https":
        return bool(parts.hostname)
    try:
        return parts.scheme == "http" and ip_address(parts.hostname or "").is_loopback
    except ValueError:
        return parts.scheme == "http" and parts.hostname == "localhost"
