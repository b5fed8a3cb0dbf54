"""A small registry in this process, honest until a test gives it lies; it notes what it is asked.

    with EvilRegistry() as registry:
        registry.lie("GET", "/blobs/", lambda asked: asked.reply(200, b"wrong"))
        store = registry.store("acme/tip")

Content of every repository is in one place. Nothing is checked that an honest client would not do.
"""

import hashlib
import json
import re
import ssl
import threading
from base64 import b64decode
from collections.abc import Callable, Generator, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Self
from urllib.parse import parse_qs, unquote_plus, urlsplit

from miniseal.formats.oci import INDEX_TYPE
from miniseal.registry import Access, Credential
from miniseal.registry.remote import RegistryStore
from miniseal.registry.remote.retries import Pace

__all__ = ["PASSWORD", "QUICK", "USER", "Asked", "EvilRegistry", "Seen", "store_at"]

USER, PASSWORD = "somebody", "canary"
QUICK = Access(
    connect_seconds=2,
    read_seconds=0.5,
    total_seconds=2,
    least_rate=10 << 20,
    attempts=3,
    helper_seconds=1,
)
"""Bounds that a test can wait for."""
_PATH = re.compile(
    r"/v2/(?P<repository>[a-z0-9/]+)/(?P<what>blobs/uploads|blobs|manifests|referrers|tags)/(?P<name>.*)"
)

_SMALL = 65536

How = Callable[["Asked"], object]


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """A request that came."""

    method: str
    path: str
    authorization: str | None
    body: bytes = b""
    fields: str = ""

    def holds(self, secret: str) -> bool:
        """Whether a secret is anywhere in it, plain or as HTTP writes it."""
        text = f"{self.path}\n{self.fields}\n{self.body.decode('latin-1')}"
        decoded = unquote_plus(text)
        words = [_decoded(word) for word in re.findall(r"[A-Za-z0-9+/]{8,}={0,2}", decoded)]
        return any(secret in each for each in (text, decoded, *words))


@dataclass(slots=True, kw_only=True)
class _Lie:
    method: str
    path: str
    how: How
    times: int


class EvilRegistry:
    """The registry; use it in a `with`.

    Attributes:
        host: `127.0.0.1:PORT`.
        seen: every request, in order.
        sent: bytes of bodies that were sent, or tried to be.
        blobs: content by digest.
        manifests: bytes and media type by digest and by tag.
        over: set at the end; what stalls waits for it.
        scheme: `Basic`, `Bearer` or none: how it asks for credentials.
        tokens: those that are good, and their scopes.
        swallow: forget what is uploaded as it comes.
        sips: seconds between two pieces of what is swallowed.
    """

    def __init__(
        self,
        *,
        referrers: bool = True,
        scheme: str = "",
        realm: str = "",
        page: int = 1000,
        certificate: Path | None = None,
    ) -> None:
        """Listen on some port of loopback; `certificate` has its key beside it."""
        self._server = _Server(("127.0.0.1", 0), partial(_Handler, self))
        if certificate is not None:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(certificate, certificate.with_suffix(".key"))
            self._server.socket = context.wrap_socket(
                self._server.socket, server_side=True, do_handshake_on_connect=False
            )
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,))
        self._lies: list[_Lie] = []
        self._referrers = referrers
        self._realm = realm
        self._page = page
        self._lock = threading.Lock()
        self.host = f"127.0.0.1:{self._server.server_port}"
        self.seen: list[Seen] = []
        self.sent = 0
        self.blobs: dict[str, bytes] = {}
        self.manifests: dict[str, tuple[bytes, str]] = {}
        self.over = threading.Event()
        self.scheme = scheme
        self.tokens: dict[str, set[str]] = {}
        self.swallow = False
        self.sips = 0.0

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.over.set()
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    @property
    def url(self) -> str:
        """Where it is."""
        return f"http://{self.host}"

    def lie(self, method: str, path: str, how: How, *, times: int = 1_000_000) -> None:
        """Answer requests of a method, with `path` in their path, by `how`; the last lie first."""
        self._lies.insert(0, _Lie(method=method, path=path, how=how, times=times))

    def be_honest(self) -> None:
        """Forget all lies."""
        self._lies.clear()

    def asked(self, method: str, path: str = "") -> list[Seen]:
        """The requests of a method with `path` in their path."""
        return [each for each in self.seen if each.method == method and path in each.path]

    def answer(self, asked: "Asked") -> None:
        """Answer as a lie says, or honestly."""
        with self._lock:
            self.seen.append(
                Seen(
                    method=asked.method,
                    path=asked.target,
                    authorization=asked.headers.get("Authorization"),
                    body=asked.body,
                    fields=str(asked.headers),
                )
            )
            told = next(
                (
                    each
                    for each in self._lies
                    if each.times and each.method == asked.method and each.path in asked.target
                ),
                None,
            )
            if told is not None:
                told.times -= 1
        if told is not None:
            told.how(asked)
        else:
            self.honest(asked)

    def honest(self, asked: "Asked") -> None:
        """Answer as registries should."""
        if asked.path == "/token":
            self._give_token(asked)
        elif self.scheme and not self._lets_in(asked):
            self._challenge(asked)
        elif asked.path == "/v2/":
            asked.reply(200, b"{}")
        elif (match := _PATH.fullmatch(asked.path)) is None:
            asked.reply(404)
        else:
            self._route(asked, match["what"], match["name"])

    def _route(self, asked: "Asked", what: str, name: str) -> None:
        method = asked.method
        if what == "blobs/uploads":
            self._upload(asked, name)
        elif method == "PUT":
            self._put_manifest(asked, name)
        elif method == "DELETE":
            asked.reply(202 if self.manifests.pop(name, None) else 404)
        elif what == "blobs":
            self._give_blob(asked, name)
        elif what == "manifests":
            self._give_manifest(asked, name)
        elif what == "tags":
            tags = sorted(each for each in self.manifests if ":" not in each)
            self._give_page(asked, tags, "tags", "application/json")
        elif self._referrers:
            self._give_page(asked, list(self._refer_to(name)), "manifests", INDEX_TYPE)
        else:
            asked.reply(404)

    def _give_blob(self, asked: "Asked", name: str) -> None:
        data = self.blobs.get(name)
        if data is None:
            asked.reply(404)
        elif match := re.fullmatch(r"bytes=(\d+)-", asked.headers.get("Range", "")):
            start = int(match[1])
            described = {"Content-Range": f"bytes {start}-{len(data) - 1}/{len(data)}"}
            asked.reply(206, data[start:], described)
        else:
            asked.reply(200, data)

    def _give_manifest(self, asked: "Asked", name: str) -> None:
        data, media_type = self.manifests.get(name, (None, ""))
        if data is None:
            asked.reply(404, b'{"errors":[{"code":"MANIFEST_UNKNOWN","message":"no\\u001bne"}]}')
        else:
            headers = {"Content-Type": media_type, "Docker-Content-Digest": _digest(data)}
            asked.reply(200, data, headers)

    def _put_manifest(self, asked: "Asked", name: str) -> None:
        entry = (asked.body, asked.headers["Content-Type"])
        with self._lock:
            self.manifests[name] = self.manifests[_digest(asked.body)] = entry
        asked.reply(201, headers={"Docker-Content-Digest": _digest(asked.body)})

    def _upload(self, asked: "Asked", name: str) -> None:
        digest = asked.query.get("digest")
        mount = asked.query.get("mount")
        if asked.method == "POST" and mount in self.blobs:
            asked.reply(201)
        elif asked.method == "POST":
            asked.reply(202, headers={"Location": f"{asked.path}{len(self.seen)}?state=x"})
        elif asked.method == "PUT" and digest == _digest(asked.body) and name:
            self.blobs[digest] = asked.body
            asked.reply(201)
        else:
            asked.reply(204 if asked.method == "DELETE" else 400)

    def _refer_to(self, subject: str) -> Generator[dict[str, object]]:
        for name, (data, media_type) in sorted(self.manifests.items()):
            document = json.loads(data)
            if ":" in name and document.get("subject", {}).get("digest") == subject:
                # as some registries have it: the wrong type
                wrong = document.get("config", {}).get("mediaType", "")
                yield {
                    "mediaType": media_type,
                    "digest": name,
                    "size": len(data),
                    "artifactType": wrong,
                }

    def _give_page(
        self, asked: "Asked", items: list[object] | list[str], name: str, media_type: str
    ) -> None:
        start = int(asked.query.get("last", "0"))
        end = start + self._page
        document: dict[str, object] = {name: items[start:end]}
        if media_type == INDEX_TYPE:
            document |= {"schemaVersion": 2, "mediaType": INDEX_TYPE}
        headers = {"Content-Type": media_type}
        if end < len(items):
            headers["Link"] = f'<{asked.path}?last={end}>; rel="next"'
        asked.reply(200, json.dumps(document).encode(), headers)

    def _needs(self, asked: "Asked") -> set[str]:
        return {"pull"} if asked.method in {"GET", "HEAD"} else {"pull", "push"}

    def _lets_in(self, asked: "Asked") -> bool:
        kind, _, said = asked.headers.get("Authorization", "").partition(" ")
        if kind != self.scheme:
            return False
        if kind == "Basic":
            return b64decode(said).decode() == f"{USER}:{PASSWORD}"
        return said in self.tokens and self.tokens[said] >= self._needs(asked)

    def _challenge(self, asked: "Asked") -> None:
        described = f'{self.scheme} realm="{self._realm or self.url + "/token"}"'
        if self.scheme == "Bearer":
            actions = ",".join(sorted(self._needs(asked)))
            described += f',service="evil",scope="repository:acme/tip:{actions}"'
        asked.reply(401, b'{"errors":[{"code":"UNAUTHORIZED"}]}', {"WWW-Authenticate": described})

    def _give_token(self, asked: "Asked") -> None:
        kind, _, said = asked.headers.get("Authorization", "").partition(" ")
        form = parse_qs(asked.body.decode()) if asked.method == "POST" else {}
        good = form.get("refresh_token") == [PASSWORD] or (
            kind == "Basic" and b64decode(said).decode() == f"{USER}:{PASSWORD}"
        )
        if not good:
            asked.reply(401)
            return
        scopes = form["scope"][0].split() if form else asked.queries.get("scope", [])
        actions = {each for scope in scopes for each in scope.rpartition(":")[2].split(",")}
        token = f"{PASSWORD}-token-{len(self.tokens)}"
        self.tokens[token] = actions
        asked.reply(200, json.dumps({"token": token, "expires_in": 300}).encode())


class Asked:
    """One request, and how to answer it.

    Attributes:
        registry: that was asked.
        method: of HTTP.
        target: path and query.
        headers: of the request.
        body: all of it.
    """

    def __init__(self, registry: EvilRegistry, handler: BaseHTTPRequestHandler) -> None:
        """Read the request's body."""
        self.registry = registry
        self.method = handler.command
        self.target = handler.path
        self.headers: Mapping[str, str] = handler.headers
        self._handler = handler
        size = int(handler.headers.get("Content-Length", 0))
        while registry.swallow and size > _SMALL and (piece := handler.rfile.read(_SMALL)):
            size -= len(piece)
            if registry.sips:
                registry.over.wait(registry.sips)
        self.body = handler.rfile.read(size)

    @property
    def path(self) -> str:
        """Without the query."""
        return urlsplit(self.target).path

    @property
    def queries(self) -> dict[str, list[str]]:
        """The query's members."""
        return parse_qs(urlsplit(self.target).query)

    @property
    def query(self) -> dict[str, str]:
        """The last of each member."""
        return {name: values[-1] for name, values in self.queries.items()}

    def honest(self) -> None:
        """Answer as registries should."""
        self.registry.honest(self)

    def reply(
        self, status: int, body: bytes = b"", headers: Mapping[str, str] | None = None
    ) -> None:
        """A whole answer; `headers` may say another length, or none at all with an empty one."""
        given = {"Content-Length": str(len(body)), **(headers or {})}
        self.begin(status, {name: value for name, value in given.items() if value})
        if self.method != "HEAD":
            self.send(body)
        if given["Content-Length"] != str(len(body)):
            self.hang_up()

    def begin(self, status: int, headers: Mapping[str, str]) -> None:
        """Send status and header fields alone."""
        self._handler.send_response(status)
        for name, value in headers.items():
            self._handler.send_header(name, value)
        self._handler.end_headers()

    def send(self, data: bytes) -> None:
        """Send some of the body."""
        self.registry.sent += len(data)
        self._handler.wfile.write(data)
        self._handler.wfile.flush()

    def send_all(self, pieces: Iterable[bytes]) -> None:
        """Send what may have no end, until nobody reads it."""
        with suppress(OSError):
            for piece in pieces:
                self.send(piece)
        self.hang_up()

    def hang_up(self) -> None:
        """Close the connection after this answer, or instead of one."""
        self._handler.close_connection = True

    def stall(self) -> None:
        """Say nothing more."""
        self.registry.over.wait(30)
        self.hang_up()


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 64

    def handle_error(self, request: object, client_address: object) -> None:
        """A client that went away is what most tests are about."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    timeout = 30
    disable_nagle_algorithm = True

    def __init__(self, registry: EvilRegistry, *arguments: object) -> None:
        self._registry = registry
        super().__init__(*arguments)  # type: ignore[arg-type]

    def do_GET(self) -> None:
        self._registry.answer(Asked(self._registry, self))

    do_HEAD = do_POST = do_PUT = do_DELETE = do_GET  # noqa: N815 - names of http.server

    def log_message(self, *_: object) -> None:
        pass


def store_at(host: str, access: Access = QUICK, repository: str = "acme/tip") -> RegistryStore:
    """A store that waits for nothing between its attempts."""
    return RegistryStore(host, repository, access=access, pace=Pace(pause=lambda _: None))


def with_credential(host: str, access: Access = QUICK) -> Access:
    """As `access`, with a good credential for `host`."""
    from dataclasses import replace

    return replace(access, credentials={host: Credential(username=USER, secret=PASSWORD)})


def _decoded(word: str) -> str:
    try:
        return b64decode(word + "=" * (-len(word) % 4)).decode("latin-1")
    except ValueError:
        return ""


def _digest(data: bytes) -> str:
    return f"sha256:{hashlib.sha256(data).hexdigest()}"
