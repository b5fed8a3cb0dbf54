"""An OIDC issuer for a private Sigstore: discovery, keys, and tokens with the claims a test wants.

Three issuers in one: of people by e-mail address, of GitHub Actions jobs, and of such jobs whose
tokens are for one certificate authority alone. It also answers the two ways in which a client gets
a token for itself: what Actions offers its jobs, and a browser's visit.
"""

import base64
import json
import threading
import time
import uuid
from collections.abc import Generator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature

__all__ = ["EMAIL", "IDENTITIES", "WORKFLOW", "Issuer"]

EMAIL = "dev@miniseal.test"
WORKFLOW = "acme/app/.github/workflows/release.yml@refs/heads/main"
IDENTITIES = {
    "email": EMAIL,
    "github": f"https://github.com/{WORKFLOW}",
    "bound": f"https://github.com/{WORKFLOW}",
}
"""What a certificate names whose token has no claims of its own."""

_AUDIENCE = "sigstore"
_LIFE_SECONDS = 600
_COMMIT = "a" * 40
_GITHUB = {
    "event_name": "push",
    "job_workflow_ref": WORKFLOW,
    "job_workflow_sha": _COMMIT,
    "ref": "refs/heads/main",
    "ref_type": "branch",
    "repository": "acme/app",
    "repository_id": "1001",
    "repository_owner": "acme",
    "repository_owner_id": "2002",
    "repository_visibility": "private",
    "run_attempt": "1",
    "run_id": "7",
    "runner_environment": "github-hosted",
    "sha": _COMMIT,
    "sub": "repo:acme/app:ref:refs/heads/main",
    "workflow": "release",
    "workflow_ref": WORKFLOW,
    "workflow_sha": _COMMIT,
}


class Issuer:
    """Serves in a thread of this process while it is `running`."""

    def __init__(self, address: str) -> None:
        """Make its key.

        Args:
            address: `HOST:PORT` where it will listen.
        """
        self.address = address
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._bearer = uuid.uuid4().hex
        self._codes: dict[str, str] = {}

    def url(self, kind: str) -> str:
        """The issuer's name, as certificates have it."""
        return f"http://{self.address}/{kind}"

    def token(self, kind: str, **claims: object) -> str:
        """A signed token; `None` leaves a claim out, and times are `iat`, `nbf` and `exp`."""
        now = int(time.time())
        standing = {"aud": _AUDIENCE, "iat": now, "nbf": now - 5, "exp": now + _LIFE_SECONDS}
        own: dict[str, object] = dict(_GITHUB)
        if kind == "email":
            address = claims.get("email", EMAIL)
            own = {"sub": address, "email": address, "email_verified": True}
        every = {"iss": self.url(kind), **standing, **own, **claims}
        return self._signed({name: value for name, value in every.items() if value is not None})

    def actions_environ(self, **claims: object) -> dict[str, str]:
        """The variables of a GitHub Actions job that may ask for a token with these claims."""
        query = urlencode({"claims": json.dumps(claims)})
        return {
            "GITHUB_ACTIONS": "true",
            "ACTIONS_ID_TOKEN_REQUEST_URL": f"http://{self.address}/actions?{query}",
            "ACTIONS_ID_TOKEN_REQUEST_TOKEN": self._bearer,
        }

    @contextmanager
    def running(self) -> Generator[None]:
        """Answer requests, in the network of the thread that calls this."""
        host, _, port = self.address.rpartition(":")
        server = _Server((host, int(port)), self)
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        try:
            yield
        finally:
            server.shutdown()
            thread.join()
            server.server_close()

    def discovery(self, kind: str) -> dict[str, Any]:
        url = self.url(kind)
        return {
            "issuer": url,
            "jwks_uri": f"{url}/keys",
            "authorization_endpoint": f"{url}/auth",
            "token_endpoint": f"{url}/token",
            "response_types_supported": ["code"],
            "subject_types_supported": ["public"],
            "id_token_signing_alg_values_supported": ["ES256"],
        }

    def keys(self) -> dict[str, Any]:
        point = self._key.public_key().public_numbers()
        key = {"kty": "EC", "crv": "P-256", "use": "sig", "alg": "ES256", "kid": "test"}
        return {"keys": [key | {"x": _text(_bytes(point.x)), "y": _text(_bytes(point.y))}]}

    def admits(self, authorization: str | None) -> bool:
        """Whether it is the job's own that asks."""
        return (authorization or "").lower() == f"bearer {self._bearer}"

    def code(self, token: str) -> str:
        """What a browser brings back, for which the token is then given once."""
        code = uuid.uuid4().hex
        self._codes[code] = token
        return code

    def redeem(self, code: str) -> str | None:
        return self._codes.pop(code, None)

    def _signed(self, claims: dict[str, object]) -> str:
        header = {"alg": "ES256", "typ": "JWT", "kid": "test"}
        text = ".".join(_text(json.dumps(part).encode()) for part in (header, claims))
        r, s = decode_dss_signature(self._key.sign(text.encode(), ec.ECDSA(hashes.SHA256())))
        return f"{text}.{_text(_bytes(r) + _bytes(s))}"


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, address: tuple[str, int], issuer: Issuer) -> None:
        super().__init__(address, _Handler)
        self.issuer = issuer


class _Handler(BaseHTTPRequestHandler):
    server: _Server

    def do_GET(self) -> None:
        url = urlsplit(self.path)
        query = dict(parse_qsl(url.query))
        _, kind, *rest = url.path.split("/")
        issuer = self.server.issuer
        match kind, rest:
            case "actions", []:
                self._actions(query)
            case "email" | "github" | "bound", [".well-known", "openid-configuration"]:
                self._answer(issuer.discovery(kind))
            case "email" | "github" | "bound", ["keys"]:
                self._answer(issuer.keys())
            case "email" | "github" | "bound", ["auth"]:
                code = issuer.code(issuer.token(kind))
                back = urlencode({"code": code, "state": query["state"]})
                self._answer({}, 302, {"Location": f"{query['redirect_uri']}?{back}"})
            case _:
                self._answer({"error": "not found"}, 404)

    def do_POST(self) -> None:
        length = int(self.headers.get("Content-Length", "0"))
        form = dict(parse_qsl(self.rfile.read(length).decode()))
        token = self.server.issuer.redeem(form.get("code", ""))
        if token is None:
            self._answer({"error": "invalid_grant"}, 400)
        else:
            self._answer({"access_token": token, "id_token": token, "token_type": "Bearer"})

    def _actions(self, query: dict[str, str]) -> None:
        if not self.server.issuer.admits(self.headers.get("Authorization")):
            self._answer({"message": "no permission"}, 403)
            return
        claims = json.loads(query["claims"]) | {"aud": query["audience"]}
        kind = "github" if claims["aud"] == _AUDIENCE else "bound"
        self._answer({"value": self.server.issuer.token(kind, **claims)})

    def _answer(
        self, value: dict[str, Any], status: int = 200, headers: dict[str, str] | None = None
    ) -> None:
        body = json.dumps(value).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        for name, text in (headers or {}).items():
            self.send_header(name, text)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base's name
        pass


def _text(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).decode().rstrip("=")


def _bytes(number: int) -> bytes:
    return number.to_bytes(32, "big")
