"""Requests to one registry: logged in where it asks for it, tried again where that may help.

Redirects are followed for content alone, and looked at first. What is asked for by digest is
checked by whoever asked.
"""

from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace

from miniseal.formats.errors import MinisealError
from miniseal.formats.members import Members
from miniseal.formats.strictjson import loads
from miniseal.registry.access import Access
from miniseal.registry.remote import credentials, shown
from miniseal.registry.remote.codes import (
    AUTH_REFUSED,
    AUTH_REQUIRED,
    REDIRECT_REFUSED,
    REGISTRY_MALFORMED,
    REGISTRY_REFUSED,
    REGISTRY_UNREACHABLE,
)
from miniseal.registry.remote.meter import Budget
from miniseal.registry.remote.origin import Origin, check_realm, check_redirect
from miniseal.registry.remote.retries import Pace, Retries, retry_after
from miniseal.registry.remote.tokens import TOKEN_LIMIT, Asking, Authority, Scopes
from miniseal.registry.remote.wire import Answer, Body, Wire
from miniseal.registry.store import CONTENT_MISSING

__all__ = ["ERROR_LIMIT", "Request", "Session"]

ERROR_LIMIT = 64 * 1024
"""Bytes of an answer that says no."""

_LATER = frozenset({408, 425, 429, 500, 502, 503, 504})
_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_MOST_REDIRECTS = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """One request.

    Attributes:
        method: of HTTP.
        url: at the registry, or its path alone.
        actions: what it does to the repository, for its token.
        also: scopes beside those of the repository.
        accept: the statuses that are answers.
        headers: of it.
        body: gives the body, again for each attempt; None for none.
        most: bytes of an answer's body.
        until: when all of it has to be over, by the session's clock; None for the usual time.
        follow: whether redirects are followed.
        once: it is not repeated, whatever fails.
    """

    method: str
    url: str
    actions: str = "pull"
    also: tuple[str, ...] = ()
    accept: frozenset[int] = frozenset({200})
    headers: Mapping[str, str] = field(default_factory=dict[str, str])
    body: Callable[[], Body] | None = None
    most: int = ERROR_LIMIT
    until: float | None = None
    follow: bool = False
    once: bool = False


class Session:
    """One repository of one registry; threads may share it.

    Attributes:
        origin: of the registry.
        pace: of what is tried again.
    """

    def __init__(self, host: str, repository: str, access: Access, pace: Pace) -> None:
        """Ask for nothing yet.

        Raises:
            UsageError: `ca-file-invalid`.
            FormatError: `registry-malformed`, no host is called so.
            EnvironmentalError: `extra-missing`.
        """
        self.origin = Origin.of_registry(host, access)
        self.pace = pace
        self._repository = repository
        self._access = access
        self._wire = Wire(access)
        self._authority = Authority(
            find=lambda: credentials.find(host, repository, access),
            check_realm=lambda realm: check_realm(self.origin, realm, access.token_hosts),
            ask=self._token_service,
            clock=pace.clock,
        )

    def open(self, request: Request) -> Answer:
        """The answer to a request, of a status that it accepts; whoever gets it closes it.

        Raises:
            FormatError: `registry-malformed`, `too-large`.
            VerificationError: `redirect-refused`.
            UsageError: `credentials-unusable`.
            EnvironmentalError: `content-missing`, `auth-required`, `auth-refused`,
                `registry-refused`, `registry-unreachable`, `registry-untrusted`.
        """
        scopes = self._scopes(request)
        budget = self._budget(request.most, request.until)
        attempts = 1 if request.once else self._access.attempts
        answer = self._tried(lambda: self._authorized(request, scopes, budget), budget, attempts)
        if answer.status in request.accept:
            return answer
        with answer:
            raise self._refused(request, answer)

    def fetch(self, request: Request) -> tuple[Answer, bytes]:
        """The answer to a request and its whole body, of at most `request.most` bytes.

        An answer that is cut off is asked for again.

        Raises:
            MinisealError: as `open`.
        """
        until = self.deadline() if request.until is None else request.until
        retries = self.retries(until)
        bounded = replace(request, until=until)
        while True:
            with self.open(bounded) as answer:
                try:
                    return answer, answer.read(request.most)
                except MinisealError as error:
                    if error.code != REGISTRY_UNREACHABLE.name:
                        raise
                    failure = error
            retries.wait(failure)

    def retries(self, until: float) -> Retries:
        """The attempts at something that has to be over at a time."""
        return Retries(self._access.attempts, until, self.pace)

    def deadline(self, size: int = 0) -> float:
        """When something that begins now has to be over, with content of `size` bytes."""
        return self.pace.clock() + self._access.total_seconds + size / self._access.least_rate

    def _budget(self, most: int, until: float | None = None) -> Budget:
        return Budget(
            until=self.deadline() if until is None else until,
            most=most,
            patience=self._access.read_seconds,
            clock=self.pace.clock,
        )

    def _scopes(self, request: Request) -> Scopes:
        if not request.actions:
            return frozenset(request.also)
        return frozenset({f"repository:{self._repository}:{request.actions}", *request.also})

    def _tried(self, send: Callable[[], Answer], budget: Budget, attempts: int) -> Answer:
        """An answer that says something else than `not now`."""
        retries = Retries(attempts, budget.until, self.pace)
        while True:
            after = None
            try:
                answer = send()
            except MinisealError as error:
                if error.code != REGISTRY_UNREACHABLE.name:
                    raise
                failure = error
            else:
                if answer.status not in _LATER:
                    return answer
                with answer:
                    after = retry_after(answer.headers.get("Retry-After"), self.pace.now())
                    failure = REGISTRY_UNREACHABLE(
                        f"{self.origin} cannot answer now", found=_said(answer)
                    )
            retries.wait(failure, after)

    def _authorized(self, request: Request, scopes: Scopes, budget: Budget) -> Answer:
        sent = self._authority.header(scopes)
        answer = self._sent(request, sent, budget)
        challenge = answer.headers.get("WWW-Authenticate")
        asked = answer.status == 401 or (answer.status == 403 and challenge is not None)
        if not asked or not self._is_ours(answer):
            return answer
        with answer:
            self._authority.renew(challenge or "", scopes, sent)
        return self._sent(request, self._authority.header(scopes), budget)

    def _sent(self, request: Request, authorization: str | None, budget: Budget) -> Answer:
        url = f"{self.origin}{request.url}" if request.url.startswith("/") else request.url
        for _ in range(_MOST_REDIRECTS + 1):
            if Origin.of_url(url) != self.origin:
                authorization = None  # nor when it leads back: somebody else has said whereto
            headers = dict(request.headers)
            if authorization is not None:
                headers["Authorization"] = authorization
            body = request.body() if request.body else None
            answer = self._wire.ask(request.method, url, headers=headers, budget=budget, body=body)
            if not (request.follow and answer.status in _REDIRECTS):
                return answer
            with answer:
                url = check_redirect(self.origin, url, answer.headers.get("Location", ""))
        raise REDIRECT_REFUSED(
            f"{self.origin} redirects without end", expected=f"at most {_MOST_REDIRECTS} times"
        )

    def _is_ours(self, answer: Answer) -> bool:
        """Whether the registry itself answered, and not whoever content was redirected to."""
        return Origin.of_url(answer.url) == self.origin

    def _token_service(self, asking: Asking) -> tuple[int, bytes]:
        budget = self._budget(TOKEN_LIMIT)

        def send() -> Answer:
            return self._wire.ask(
                asking.method,
                asking.url,
                headers=asking.headers,
                budget=budget,
                body=asking.body,
            )

        with self._tried(send, budget, self._access.attempts) as answer:
            return answer.status, answer.read(TOKEN_LIMIT)

    def _refused(self, request: Request, answer: Answer) -> MinisealError:
        what = f"{request.method} {shown.place(answer.url)}"
        found = _said(answer)
        if answer.status == 404:
            return CONTENT_MISSING(f"{self.origin} does not have it: {what}", found=found)
        if answer.status in _REDIRECTS:
            return REDIRECT_REFUSED(f"redirect of {what}", found=found)
        if answer.status in {401, 403} and self._is_ours(answer):
            code = AUTH_REFUSED if self._authority.has_credential else AUTH_REQUIRED
            return code(f"{self.origin} does not let us: {what}", found=found)
        if answer.status < 400:
            return REGISTRY_MALFORMED(f"unexpected answer to {what}", found=found)
        return REGISTRY_REFUSED(f"{self.origin} refuses: {what}", found=found)


def _said(answer: Answer) -> str:
    """The status, and what the body says of it (distribution-spec, "Error Codes")."""
    said = f"status {answer.status}"
    with suppress(MinisealError):
        value = loads(answer.read(ERROR_LIMIT), limit=ERROR_LIMIT, what="error", floats=True)
        for each in Members(value, "error", REGISTRY_MALFORMED).children("errors")[:3]:
            words = (each.values.get(name) for name in ("code", "message"))
            said += f"; {': '.join(str(word) for word in words if word)}"
    return shown.text(said, 300)
