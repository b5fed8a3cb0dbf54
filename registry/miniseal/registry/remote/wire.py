"""One HTTP request and its answer, within a budget.

Nothing is repeated here, no redirect is followed, no credential is known, and no exception of
urllib3 gets out.
"""

from collections.abc import Generator, Iterable, Mapping
from contextlib import contextmanager, suppress
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from miniseal.formats.errors import Code, MinisealError, UsageError
from miniseal.formats.strictjson import TOO_LARGE
from miniseal.registry.access import Access
from miniseal.registry.checked import CHUNK
from miniseal.registry.remote import shown
from miniseal.registry.remote.codes import (
    REGISTRY_MALFORMED,
    REGISTRY_UNREACHABLE,
    REGISTRY_UNTRUSTED,
)
from miniseal.registry.remote.meter import Budget, MeteredResponse, metered

if TYPE_CHECKING:
    from urllib3 import BaseHTTPResponse, PoolManager

__all__ = ["CA_FILE_INVALID", "Answer", "Body", "Wire"]

CA_FILE_INVALID = Code(
    "ca-file-invalid",
    UsageError,
    meaning="a file of certificates to trust cannot be used",
    cause="a file that is missing, or that holds something else than certificates in PEM",
    remedy="name a file with the certificates of the registry's authority, in PEM",
)

Body = bytes | Iterable[bytes]

_DRAIN = 64 * 1024
_CONNECTIONS = 16


class Answer:
    """The answer to a request; its body is read once.

    Attributes:
        url: that was asked for.
        status: of HTTP.
        headers: by name, whatever the case.
    """

    __slots__ = ("_response", "headers", "status", "url")

    def __init__(self, url: str, response: "BaseHTTPResponse") -> None:
        """Take over a response whose header was read."""
        self.url = url
        self.status = response.status
        self.headers: Mapping[str, str] = response.headers
        self._response = response

    def read(self, limit: int) -> bytes:
        """All of the body.

        Raises:
            FormatError: `too-large`; `registry-malformed`, it is compressed.
            EnvironmentalError: `registry-unreachable`, also where it ends early.
        """
        found: list[bytes] = []
        size = 0
        for chunk in self.chunks():
            size += len(chunk)
            if size > limit:
                raise TOO_LARGE(
                    f"answer to {shown.place(self.url)} is too large",
                    expected=f"at most {limit} bytes",
                )
            found.append(chunk)
        return b"".join(found)

    def chunks(self) -> Generator[bytes]:
        """The body in pieces.

        Raises:
            FormatError: `registry-malformed`, it is compressed.
            EnvironmentalError: `registry-unreachable`, also where it ends early.
        """
        encoding = self.headers.get("Content-Encoding", "identity")
        if encoding.lower() != "identity":
            raise REGISTRY_MALFORMED("answer is encoded", found=repr(encoding)[:60])
        with _failures(self.url):
            while chunk := self._response.read(CHUNK, decode_content=False):
                yield chunk

    def __enter__(self) -> Self:
        """The answer itself."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Close it."""
        self.close()

    def close(self) -> None:
        """Let go of the connection; it is used again if the body was read, or nearly."""
        left = self._response.length_remaining
        if left is not None and left <= _DRAIN:
            with suppress(MinisealError), _failures(self.url):
                self._response.read(left + 1, decode_content=False)
        with suppress(MinisealError), _failures(self.url):
            self._response.close()


class Wire:
    """Connections, kept for the next request."""

    __slots__ = ("_access", "_pool")

    def __init__(self, access: Access) -> None:
        """Open none yet.

        Raises:
            UsageError: `ca-file-invalid`.
            EnvironmentalError: `extra-missing`.
        """
        self._access = access
        self._pool = _pool(access)

    def ask(
        self,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str],
        budget: Budget,
        body: Body | None = None,
    ) -> Answer:
        """Send a request; whoever gets the answer closes it.

        Raises:
            EnvironmentalError: `registry-unreachable`, `registry-untrusted`.
        """
        from urllib3 import Timeout

        with metered(budget), _failures(url):
            if budget.left <= 0:
                raise TimeoutError("there is no time left")
            connect = min(self._access.connect_seconds, budget.left)
            response = self._pool.urlopen(
                method,
                url,
                body=body if isinstance(body, bytes | None) else _in_time(body, budget),
                headers={"User-Agent": "miniseal", "Accept-Encoding": "identity", **headers},
                timeout=Timeout(connect=connect, read=budget.patience),
                redirect=False,
                retries=False,
                preload_content=False,
                decode_content=False,
            )
        return Answer(url, response)


def _in_time(body: Iterable[bytes], budget: Budget) -> Generator[bytes]:
    """The pieces of a body; each has the socket's time, and all of them have the budget's."""
    for piece in body:
        if budget.left <= 0:
            raise TimeoutError("registry takes what is sent too slowly")
        yield piece


def _pool(access: Access) -> "PoolManager":
    from miniseal.formats.extras import need

    need("registry")
    import ssl

    from urllib3 import HTTPConnectionPool, HTTPSConnectionPool, PoolManager
    from urllib3.connection import HTTPConnection, HTTPSConnection

    class Plain(HTTPConnection):
        response_class = MeteredResponse

    class Secure(HTTPSConnection):
        response_class = MeteredResponse

    class PlainPool(HTTPConnectionPool):
        ConnectionCls: Any = Plain

    class SecurePool(HTTPSConnectionPool):
        ConnectionCls: Any = Secure

    trust = ssl.create_default_context()
    if access.ca_file is not None:
        try:
            trust.load_verify_locations(access.ca_file)
        except (OSError, ssl.SSLError) as error:
            raise CA_FILE_INVALID(
                f"cannot use {access.ca_file}", found=error.strerror or type(error).__name__
            ) from error
    pool = PoolManager(
        num_pools=_CONNECTIONS,
        maxsize=_CONNECTIONS,
        ssl_context=trust,
        blocksize=CHUNK,
    )
    classes: dict[str, Any] = {"http": PlainPool, "https": SecurePool}
    pool.pool_classes_by_scheme = classes
    return pool


@contextmanager
def _failures(url: str) -> Generator[None]:
    """Turn what urllib3 and the operating system say within the block into our words."""
    from http.client import HTTPException
    from ssl import SSLCertVerificationError

    from urllib3.exceptions import HTTPError

    try:
        yield
    except (HTTPError, HTTPException, OSError, ValueError) as error:
        inner = (error.__cause__, *error.args)
        reason = next((each for each in inner if isinstance(each, Exception)), error)
        found = shown.text(f"{type(reason).__name__}: {' '.join(str(reason).split())}", 300)
        if isinstance(reason, SSLCertVerificationError):
            raise REGISTRY_UNTRUSTED(
                f"cannot tell who answers for {shown.place(url)}", found=found
            ) from error
        raise REGISTRY_UNREACHABLE(f"no answer from {shown.place(url)}", found=found) from error
