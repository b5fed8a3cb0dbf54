"""A token service for registries: the distribution project's specification, on loopback.

It gives a token to whoever knows the user's password, or a refresh token, for exactly the scopes
that were asked for, and remembers what they were.
"""

import base64
import json
import ssl
import threading
import time
import uuid
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature

from kit.registry_files import certificate

__all__ = ["Asked", "TokenService"]

_LIFE_SECONDS = 300


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """A request for a token.

    Attributes:
        scopes: that were asked for.
        by: `password`, `refresh`, or empty where nobody was let in.
    """

    scopes: tuple[str, ...]
    by: str


class TokenService:
    """Gives tokens, and signs them with a key of its own.

    Attributes:
        address: where it listens.
        issuer: its name in tokens.
        service: the registry's.
        certificate: that registries trust, as PEM.
        refresh_token: which does instead of a password.
        asked: every request, in order.
        life_seconds: of the tokens, whatever it says of them.
    """

    def __init__(self, *, address: str, user: str, password: str) -> None:
        self.address = address
        self.issuer = "token service of the tests"
        self.service = "tokens"
        self.refresh_token = uuid.uuid4().hex
        self.asked: list[Asked] = []
        self.life_seconds = _LIFE_SECONDS
        self._user = user
        self._basic = base64.b64encode(f"{user}:{password}".encode()).decode()
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._certificate = certificate("tokens", self._key)

    @property
    def certificate(self) -> bytes:
        return self._certificate.public_bytes(serialization.Encoding.PEM)

    @contextmanager
    def running(self, context: ssl.SSLContext) -> Generator[None]:
        """Answer requests by TLS, in the network of the thread that calls this."""
        host, _, port = self.address.rpartition(":")
        server = _Server((host, int(port)), self, context)
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        try:
            yield
        finally:
            server.shutdown()
            thread.join()
            server.server_close()

    def answer(self, scopes: list[str], *, basic: str = "", refresh: str = "") -> str | None:
        """A token, or None for a stranger."""
        by = "password" if basic == self._basic else ""
        by = "refresh" if refresh == self.refresh_token else by
        each = tuple(scope for text in scopes for scope in text.split())
        self.asked.append(Asked(scopes=each, by=by))
        return self._token(each) if by else None

    def _token(self, scopes: tuple[str, ...]) -> str:
        now = int(time.time())
        access: list[dict[str, object]] = []
        for scope in scopes:
            resource, _, actions = scope.rpartition(":")
            kind, _, name = resource.partition(":")
            access.append({"type": kind, "name": name, "actions": actions.split(",")})
        return self._signed(
            {
                "iss": self.issuer,
                "sub": self._user,
                "aud": self.service,
                "iat": now,
                "nbf": now - 600,
                "exp": now + self.life_seconds,
                "jti": uuid.uuid4().hex,
                "access": access,
            }
        )

    def _signed(self, claims: dict[str, object]) -> str:
        der = self._certificate.public_bytes(serialization.Encoding.DER)
        header = {"alg": "ES256", "typ": "JWT", "x5c": [base64.b64encode(der).decode()]}
        text = ".".join(_text(json.dumps(part).encode()) for part in (header, claims))
        r, s = decode_dss_signature(self._key.sign(text.encode(), ec.ECDSA(hashes.SHA256())))
        return f"{text}.{_text(r.to_bytes(32, 'big') + s.to_bytes(32, 'big'))}"


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(
        self, address: tuple[str, int], tokens: TokenService, context: ssl.SSLContext
    ) -> None:
        super().__init__(address, _Handler)
        self.tokens = tokens
        self.socket = context.wrap_socket(
            self.socket, server_side=True, do_handshake_on_connect=False
        )


class _Handler(BaseHTTPRequestHandler):
    server: _Server
    timeout = 30

    def do_GET(self) -> None:
        query = parse_qs(urlsplit(self.path).query)
        scheme, _, basic = self.headers.get("Authorization", "").partition(" ")
        known = basic if scheme.lower() == "basic" else ""
        self._answer(self.server.tokens.answer(query.get("scope", []), basic=known))

    def do_POST(self) -> None:
        length = int(self.headers.get("Content-Length", "0"))
        form = parse_qs(self.rfile.read(length).decode())
        refresh = form.get("refresh_token", [""])[0]
        self._answer(self.server.tokens.answer(form.get("scope", []), refresh=refresh))

    def _answer(self, token: str | None) -> None:
        value = {"token": token, "access_token": token, "expires_in": _LIFE_SECONDS}
        body = json.dumps(value if token else {"errors": [{"code": "UNAUTHORIZED"}]}).encode()
        self.send_response(200 if token else 401)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base's name
        pass


def _text(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).decode().rstrip("=")
