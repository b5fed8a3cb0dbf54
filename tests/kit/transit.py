"""What Vault's transit engine answers to whoever reads a key and signs with it, on loopback."""

import base64
import json
import threading
from collections.abc import Callable, Generator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

__all__ = ["TOKEN", "Transit", "transit"]

TOKEN = "hvs.a-token-of-nobody"  # noqa: S105

Private = ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey


class Transit:
    """The engine's state.

    Attributes:
        keys: versions by name, the first is 1.
        kinds: what the engine says a key is, where that is not what it is.
        answer: what is said instead of everything else, if it is not None.
        asked: method and path of each request.
        url: of the server.
    """

    def __init__(self, url: str) -> None:
        self.keys: dict[str, list[Private]] = {}
        self.kinds: dict[str, str] = {}
        self.answer: tuple[int, bytes] | None = None
        self.asked: list[tuple[str, str]] = []
        self.url = url

    @property
    def environ(self) -> dict[str, str]:
        """The variables that reach it."""
        return {"VAULT_ADDR": self.url, "VAULT_TOKEN": TOKEN}

    def rotate(self, name: str, *, p256: bool = False) -> Private:
        """Give a key, old or new, a new version."""
        made: Private = (
            ec.generate_private_key(ec.SECP256R1())
            if p256
            else ed25519.Ed25519PrivateKey.generate()
        )
        self.keys.setdefault(name, []).append(made)
        return made

    def read(self, name: str) -> dict[str, object]:
        """What `GET transit/keys/NAME` has in `data`."""
        versions = self.keys[name]
        is_ec = isinstance(versions[-1], ec.EllipticCurvePrivateKey)
        kind = "ecdsa-p256" if is_ec else "ed25519"
        return {
            "name": name,
            "type": self.kinds.get(name, kind),
            "latest_version": len(versions),
            "keys": {
                str(number): {"name": kind, "public_key": _public(key)}
                for number, key in enumerate(versions, 1)
            },
        }

    def sign(self, name: str, asked: dict[str, Any]) -> dict[str, object]:
        """What `POST transit/sign/NAME` has in `data`."""
        version = asked.get("key_version") or len(self.keys[name])
        key, data = self.keys[name][version - 1], base64.b64decode(asked["input"])
        assert asked.get("marshaling_algorithm", "asn1") == "asn1"
        assert not asked.get("prehashed")
        if isinstance(key, ec.EllipticCurvePrivateKey):
            assert asked.get("hash_algorithm", "sha2-256") == "sha2-256"
            signature = key.sign(data, ec.ECDSA(SHA256()))
        else:
            signature = key.sign(data)
        text = base64.b64encode(signature).decode()
        return {"key_version": version, "signature": f"vault:v{version}:{text}"}


def _public(key: Private) -> str:
    if isinstance(key, ec.EllipticCurvePrivateKey):
        spki = PublicFormat.SubjectPublicKeyInfo
        return key.public_key().public_bytes(Encoding.PEM, spki).decode()
    raw = key.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
    return base64.b64encode(raw).decode()


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    state: Transit


class _Handler(BaseHTTPRequestHandler):
    server: _Server

    def log_message(self, *_: object) -> None:
        pass

    def do_GET(self) -> None:
        parts = self._path()
        self._answer(parts[:2] == ["transit", "keys"], lambda: self.server.state.read(parts[2]))

    def do_POST(self) -> None:
        parts = self._path()
        asked = json.loads(self.rfile.read(int(self.headers.get("Content-Length", 0))))
        is_sign = parts[:2] == ["transit", "sign"]
        self._answer(is_sign, lambda: self.server.state.sign(parts[2], asked))

    def _path(self) -> list[str]:
        self.server.state.asked.append((self.command, self.path))
        return self.path.removeprefix("/v1/").split("/")

    def _answer(self, known: bool, data: Callable[[], dict[str, object]]) -> None:
        state = self.server.state
        if state.answer is not None:
            self._send(*state.answer)
        elif self.headers.get("X-Vault-Token") != TOKEN:
            self._send(403, b'{"errors":["permission denied"]}')
        elif not known or self._path_key() not in state.keys:
            self._send(404, b'{"errors":[]}')
        else:
            self._send(200, json.dumps({"data": data()}).encode())

    def _path_key(self) -> str:
        return self.path.split("/")[4]

    def _send(self, status: int, body: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


@contextmanager
def transit() -> Generator[Transit]:
    """A Vault with a transit engine."""
    with _Server(("127.0.0.1", 0), _Handler) as server:
        server.state = Transit(f"http://127.0.0.1:{server.server_address[1]}")
        thread = threading.Thread(
            target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True
        )
        thread.start()
        try:
            yield server.state
        finally:
            server.shutdown()
            thread.join()
