"""Credentials and tokens for one registry: what its challenges are answered with.

The distribution project's token specification, with OAuth 2 for refresh tokens. A token is kept for
the scopes that it was asked for, as long as it is good. Nothing is told to anybody but the
registry's origin and a token service that `check_realm` lets pass.
"""

import re
import threading
from base64 import b64encode
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from urllib.parse import urlencode

from miniseal.formats.errors import FormatError
from miniseal.formats.members import Members
from miniseal.formats.strictjson import loads
from miniseal.registry.access import Credential
from miniseal.registry.remote.challenge import Challenge
from miniseal.registry.remote.codes import AUTH_REFUSED, AUTH_REQUIRED, REGISTRY_MALFORMED

__all__ = ["TOKEN_LIMIT", "Asking", "Authority", "Scopes"]

Scopes = frozenset[str]

TOKEN_LIMIT = 256 * 1024
"""Bytes of a token service's answer."""

_LEAST_SECONDS = 60
_MOST_SECONDS = 3600
_TOKEN = re.compile(r"[\x21-\x7e]{1,65536}")
_FORM = {"Content-Type": "application/x-www-form-urlencoded"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Asking:
    """A request to a token service.

    Attributes:
        method: `GET` or `POST`.
        url: of the service, which was checked.
        headers: with the credential, where that goes there.
        body: or None.
    """

    method: str
    url: str
    headers: Mapping[str, str] = field(repr=False)
    body: bytes | None = field(default=None, repr=False)


class Authority:
    """What one registry's challenges are answered with; threads may share it."""

    def __init__(
        self,
        find: Callable[[], Credential | None],
        check_realm: Callable[[str], str],
        ask: Callable[[Asking], tuple[int, bytes]],
        clock: Callable[[], float],
    ) -> None:
        """Know nothing yet.

        Args:
            find: looks the registry's credential up; called once, when a challenge has come.
            check_realm: refuses a token service to which the credential must not go.
            ask: gives status and body of a token service's answer.
            clock: seconds of any beginning.
        """
        self._find = find
        self._check_realm = check_realm
        self._ask = ask
        self._clock = clock
        self._lock = threading.Lock()
        self._found: list[Credential | None] = []
        self._basic: str | None = None
        self._tokens: dict[Scopes, tuple[str, float]] = {}

    @property
    def has_credential(self) -> bool:
        """Whether there is a credential; looked up where it was not yet."""
        return self._credential() is not None

    def header(self, scopes: Scopes) -> str | None:
        """The `Authorization` for a request that needs `scopes`, as far as is known."""
        if self._basic is not None:
            return self._basic
        token, until = self._tokens.get(scopes, (None, 0.0))
        return token if token is not None and self._clock() < until else None

    def renew(self, field: str, scopes: Scopes, sent: str | None) -> None:
        """Answer the challenge `field` to a request for `scopes` that was sent with `sent`.

        Raises:
            FormatError: `registry-malformed`.
            VerificationError: `redirect-refused`, the token service is elsewhere.
            UsageError: `credentials-unusable`.
            EnvironmentalError: `auth-required`, `auth-refused`, `registry-unreachable`.
        """
        with self._lock:
            if self.header(scopes) not in {None, sent}:
                return  # another thread was faster
            challenge = Challenge.choose(field)
            if challenge.scheme == "basic":
                self._basic = self._basic_header(sent)
            else:
                self._tokens[scopes] = self._token(challenge, _merged(scopes | challenge.scopes))

    def _credential(self) -> Credential | None:
        if not self._found:
            self._found.append(self._find())
        return self._found[0]

    def _basic_header(self, sent: str | None) -> str:
        credential = self._credential()
        if credential is None:
            raise AUTH_REQUIRED("registry wants a user and a password")
        if credential.is_refresh_token or sent == (header := _basic(credential)):
            raise AUTH_REFUSED("registry does not accept the user and the password")
        return header

    def _token(self, challenge: Challenge, scopes: Scopes) -> tuple[str, float]:
        status, body = self._ask(self._asking(challenge, scopes))
        if status != 200:
            code = AUTH_REQUIRED if self._credential() is None else AUTH_REFUSED
            raise code("token service gives no token", found=f"status {status}")
        try:
            members = Members(
                loads(body, limit=TOKEN_LIMIT, what="token", floats=True),
                "answer of the token service",
                REGISTRY_MALFORMED,
            )
        except FormatError as error:
            raise REGISTRY_MALFORMED(f"token service: {error.message}") from error
        token = members.values.get("token") or members.values.get("access_token")
        if not isinstance(token, str) or not _TOKEN.fullmatch(token):
            raise REGISTRY_MALFORMED("token service gives something that is no token")
        seconds = _LEAST_SECONDS
        if "expires_in" in members:
            seconds = members.integer("expires_in")
        seconds = min(max(seconds, _LEAST_SECONDS), _MOST_SECONDS)
        return f"Bearer {token}", self._clock() + 0.9 * seconds

    def _asking(self, challenge: Challenge, scopes: Scopes) -> Asking:
        realm = self._check_realm(challenge.realm)
        service = challenge.parameters.get("service")
        asked = [("service", service)] if service is not None else []
        credential = self._credential()
        if credential is not None and credential.is_refresh_token:
            form = [
                *asked,
                ("grant_type", "refresh_token"),
                ("client_id", "miniseal"),
                ("scope", " ".join(sorted(scopes))),
                ("refresh_token", credential.secret),
            ]
            return Asking(method="POST", url=realm, headers=_FORM, body=urlencode(form).encode())
        asked += [("scope", scope) for scope in sorted(scopes)]
        mark = "&" if "?" in realm else "?"
        headers = {"Authorization": _basic(credential)} if credential else {}
        return Asking(method="GET", url=f"{realm}{mark}{urlencode(asked)}", headers=headers)


def _basic(credential: Credential) -> str:
    pair = f"{credential.username}:{credential.secret}"
    return f"Basic {b64encode(pair.encode()).decode()}"


def _merged(scopes: Scopes) -> Scopes:
    """The same with one scope for each resource."""
    actions: dict[str, set[str]] = {}
    for scope in scopes:
        resource, _, what = scope.rpartition(":")
        actions.setdefault(resource, set()).update(what.split(","))
    return frozenset(f"{each}:{','.join(sorted(actions[each]))}" for each in actions)
