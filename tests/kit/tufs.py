"""A TUF repository of a Sigstore trusted root, made with python-tuf, and a server that serves it.

Everything that a hostile repository or mirror can do is done by changing `Repository.files`, or by
giving the server something else to answer with.
"""

import threading
from collections.abc import Callable, Generator
from contextlib import contextmanager
from copy import deepcopy
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import cast

from securesystemslib.signer import CryptoSigner
from tuf.api.metadata import (
    Metadata,
    MetaFile,
    Root,
    Signed,
    Snapshot,
    TargetFile,
    Targets,
    Timestamp,
)

from miniseal.verifier.signatures.material import Material

__all__ = [
    "DAY",
    "PATH",
    "ROOT_FILE",
    "TRUSTED_ROOT",
    "Answer",
    "Repository",
    "Server",
    "serving",
    "trusting",
]

ROOT_FILE = "tuf-root.json"
"""Beside a policy: the root that it pins."""

PATH = "trusted_root.json"
TRUSTED_ROOT = (
    b'{"mediaType":"application/vnd.dev.sigstore.trustedroot+json;version=0.1",'
    b'"certificateAuthorities":[{}],"ctlogs":[{}],"tlogs":[{}]}'
)
"""Enough of one for a policy to load."""
DAY = 86_400
_ROLES = ("root", "timestamp", "snapshot", "targets")
_SERVING_SECONDS = 10.0


class Repository:
    """A repository whose state is published step by step.

    Attributes:
        now: seconds since 1970; expiries are counted from it.
        files: by path below the repository's URL, as published so far; old versions stay.
        days: how long each role's next metadata are good for.
    """

    def __init__(self, now: int, *, content: bytes = TRUSTED_ROOT, path: str = PATH) -> None:
        self.now = now
        self.files: dict[str, bytes] = {}
        self.days = {"root": 365, "timestamp": 7, "snapshot": 21, "targets": 90}
        self.path = path
        self.signers = {role: CryptoSigner.generate_ed25519() for role in _ROLES}
        self.root = Root(consistent_snapshot=True)
        self.timestamp, self.snapshot, self.targets = Timestamp(), Snapshot(), Targets()
        for role in (self.root, self.timestamp, self.snapshot, self.targets):
            role.version = 0
        for role, signer in self.signers.items():
            self.root.add_key(signer.public_key, role)
        self.publish_root(self.signers["root"])
        self.publish(content)

    @property
    def pinned(self) -> bytes:
        """The first root."""
        return self.files["1.root.json"]

    def publish_root(self, *signers: CryptoSigner) -> None:
        """The next root, signed by these."""
        self.root.version += 1
        self.root.expires = self._expiry("root")
        self.files[f"{self.root.version}.root.json"] = _signed(self.root, *signers)

    def rotate(self, role: str) -> None:
        """Give a role another key, by a new root that both root keys sign where that is needed."""
        old = self.signers[role]
        root_signers = [self.signers["root"]]
        new = self.signers[role] = CryptoSigner.generate_ed25519()
        self.root.revoke_key(old.public_key.keyid, role)
        self.root.add_key(new.public_key, role)
        if role == "root":
            root_signers.append(new)
        self.publish_root(*root_signers)

    def publish(self, content: bytes = TRUSTED_ROOT) -> None:
        """A new state of targets, snapshot and timestamp, with this content of the target."""
        target = TargetFile.from_data(self.path, content, ["sha256"])
        self.targets.targets = {self.path: target}
        self.files[f"targets/{target.hashes['sha256']}.{self.path}"] = content
        self.publish_targets()

    def publish_targets(self) -> None:
        """As `publish`, with the targets as they are."""
        self.targets.version += 1
        self.targets.expires = self._expiry("targets")
        self.files[f"{self.targets.version}.targets.json"] = self.sign("targets")
        self.snapshot.version += 1
        self.snapshot.expires = self._expiry("snapshot")
        targets = self.files[f"{self.targets.version}.targets.json"]
        self.snapshot.meta = {
            "targets.json": MetaFile.from_data(self.targets.version, targets, ["sha256"])
        }
        self.files[f"{self.snapshot.version}.snapshot.json"] = self.sign("snapshot")
        self.publish_timestamp()

    def publish_timestamp(self) -> None:
        """A new timestamp for the snapshot as it is."""
        self.timestamp.version += 1
        self.timestamp.expires = self._expiry("timestamp")
        snapshot = self.files[f"{self.snapshot.version}.snapshot.json"]
        self.timestamp.snapshot_meta = MetaFile.from_data(
            self.snapshot.version, snapshot, ["sha256"]
        )
        self.files["timestamp.json"] = self.sign("timestamp")

    def material(self, refreshed: int | None = None) -> Material:
        """What a refresh of the state as published finds."""
        target = self.targets.targets[self.path]
        return Material(
            refreshed=self.now if refreshed is None else refreshed,
            roots=tuple(
                self.files[f"{version}.root.json"] for version in range(2, self.root.version + 1)
            ),
            timestamp=self.files["timestamp.json"],
            snapshot=self.files[f"{self.snapshot.version}.snapshot.json"],
            targets=self.files[f"{self.targets.version}.targets.json"],
            path=self.path,
            target=self.files[f"targets/{target.hashes['sha256']}.{self.path}"],
        )

    def sign(self, role: str, *more: CryptoSigner) -> bytes:
        """The role's metadata as they are now, signed by its key and by more."""
        return _signed(cast("Signed", getattr(self, role)), self.signers[role], *more)

    def _expiry(self, role: str) -> datetime:
        return datetime.fromtimestamp(self.now, UTC) + timedelta(days=self.days[role])


def _signed(signed: Signed, *signers: CryptoSigner) -> bytes:
    metadata = Metadata(deepcopy(signed))
    for signer in signers:
        metadata.sign(signer, append=True)
    return metadata.to_bytes()


def trusting(policy: str, url: str = "https://tuf.example/") -> str:
    """A policy's text with a `[trust]` that has its trusted root from this repository."""
    trust = f'[trust]\nmax_age = "30d"\n[trust.tuf]\nurl = "{url}"\nroot = "{ROOT_FILE}"\n\n'
    before, table, after = policy.partition("[signer.")
    return f"{before}{trust}{table}{after}"


Answer = Callable[[BaseHTTPRequestHandler], None]
"""Writes an answer of its own, headers and all."""


@dataclass(slots=True, kw_only=True)
class Server:
    """Serves a repository's files.

    Attributes:
        url: of the repository.
        files: what is served.
        answers: by path: what is done in place of serving the file.
        asked: every path that was asked for.
        closing: set when the server ends; answers that go on and on look at it.
    """

    url: str
    files: dict[str, bytes]
    answers: dict[str, Answer] = field(default_factory=dict[str, Answer])
    asked: list[str] = field(default_factory=list[str])
    closing: threading.Event = field(default_factory=threading.Event)


@contextmanager
def serving(files: dict[str, bytes]) -> Generator[Server]:
    """A server on loopback, until the block ends."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            path = self.path.lstrip("/")
            server.asked.append(path)
            if path in server.answers:
                server.answers[path](self)
            elif path in server.files:
                self.send_response(200)
                self.send_header("Content-Length", str(len(server.files[path])))
                self.end_headers()
                self.wfile.write(server.files[path])
            else:
                self.send_error(404)

        def log_message(self, *_: object) -> None:
            pass

    class Quiet(ThreadingHTTPServer):
        daemon_threads = True

        def handle_error(self, *_: object) -> None:
            """A client that hangs up is what these tests are about."""

    with Quiet(("127.0.0.1", 0), Handler) as http:
        server = Server(url=f"http://127.0.0.1:{http.server_port}/", files=files)
        thread = threading.Thread(target=http.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield server
        finally:
            server.closing.set()
            http.shutdown()
            thread.join(_SERVING_SECONDS)
