"""A private Sigstore for tests: Fulcio, a CT log, Rekor 2 and 1, timestamps; and a registry.

They run as processes in a network of their own (`inside`), with the programs that `make services`
built, and die with the thread that started them. The OIDC issuer is a thread of this process.
"""

import http.client
import json
import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Generator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from cryptography import x509

from kit.sigstore_files import (
    FULCIO_PASSWORD,
    Material,
    fulcio_config,
    signing_config,
    trust_config,
)
from kit.sigstore_issuer import IDENTITIES, Issuer
from kit.sigstore_network import Network

__all__ = ["PrivateSigstore"]

_HOST = "127.0.0.1"
_OIDC, _CTLOG, _TRILLIAN, _TSA = 8790, 6963, 8091, 3010
_REKOR, _REKOR_GRPC, _REKOR1, _FULCIO, _FULCIO_GRPC = 3000, 3001, 3100, 5555, 5554
_REGISTRY, _OLD_REGISTRY = 5000, 5001
_ORIGINS = {"rekor": "rekor.miniseal.test", "rekor1": "rekor1.miniseal.test"}
_CHAIN = "/api/v1/timestamp/certchain"
_READY_SECONDS = 60.0
_STOP_SECONDS = 10.0
_DIES_WITH_US = ("setpriv", "--pdeathsig", "KILL")


class PrivateSigstore:
    """The services; use it in a `with`.

    Attributes:
        programs: the folder with what was built.
        folder: of its files, gone at the end.
        trusted_root: what verifiers trust, a file.
        trust_config: that and where to sign (Rekor 2, timestamps), a file.
        signing_config: the second half of it, a file.
        registry: `HOST:PORT` of a registry with the referrers API, inside.
        old_registry: of one that knows tags alone.
        issuer: of the tokens.
    """

    def __init__(self, programs: Path) -> None:
        """Make its folder.

        Args:
            programs: the folder with what was built.
        """
        self.programs = programs
        self.folder = Path(tempfile.mkdtemp(prefix="sigstore-"))
        self.trusted_root = self.folder / "trusted_root.json"
        self.trust_config = self.folder / "trust_config.json"
        self.signing_config = self.folder / "signing_config.json"
        self.registry = f"{_HOST}:{_REGISTRY}"
        self.old_registry = f"{_HOST}:{_OLD_REGISTRY}"
        self.issuer = Issuer(f"{_HOST}:{_OIDC}")
        self._processes: dict[str, subprocess.Popen[bytes]] = {}
        self._material = Material()
        self._network = Network()
        self._at_end = ExitStack()

    def __enter__(self) -> Self:
        try:
            with self.inside():
                self._start()
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()

    @contextmanager
    def inside(self) -> Generator[None]:
        """This thread, and the processes and threads that it starts, reach the services."""
        with self._network.inside():
            yield

    @property
    def environ(self) -> dict[str, str]:
        """Variables for processes that run inside: nothing of this machine's user is seen."""
        return {
            "HOME": str(self.folder / "home"),
            "TUF_ROOT": str(self.folder / "home" / "tuf"),
            "COSIGN_PASSWORD": "",
            "COSIGN_YES": "true",
        }

    def token(self, kind: str, **claims: object) -> str:
        """An identity token of `email` or `github`; see `Issuer.token`."""
        return self.issuer.token(kind, **claims)

    def actions_environ(self, **claims: object) -> dict[str, str]:
        """The variables by which a GitHub Actions job gets its token; see the issuer's."""
        return self.issuer.actions_environ(**claims)

    def issuer_url(self, kind: str) -> str:
        """The issuer that a certificate names, for `email` or `github`."""
        return self.issuer.url(kind)

    def identity(self, kind: str) -> str:
        """Whom a certificate names whose token has no claims of its own."""
        return IDENTITIES[kind]

    @property
    def trust_config_v1(self) -> Path:
        """As `trust_config`, with the log of version 1, which is started now."""
        return self._of_version_1("trust_config_v1.json")

    @property
    def signing_config_v1(self) -> Path:
        """As `signing_config`, with the log of version 1, which is started now."""
        return self._of_version_1("signing_config_v1.json")

    def stop(self) -> None:
        """End the processes and remove what they wrote."""
        for process in self._processes.values():
            process.terminate()
        for process in self._processes.values():
            try:
                process.wait(_STOP_SECONDS)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        self._processes.clear()
        self._at_end.close()
        self._network.close()
        shutil.rmtree(self.folder)

    def said(self, name: str) -> str:
        """The end of a service's log."""
        return "\n".join((self.folder / f"{name}.log").read_text().splitlines()[-25:])

    def _start(self) -> None:
        self._at_end.enter_context(self.issuer.running())
        (self.folder / "home").mkdir()
        (self.folder / "entries").mkdir()
        certificate = self._material.write(self.folder)
        issuers = {kind: self.issuer.url(kind) for kind in IDENTITIES}
        config = fulcio_config(issuers, authority=_url(_FULCIO))
        (self.folder / "fulcio.yaml").write_bytes(config)
        self._start_logs()
        self._start_authorities()
        self._spawn("registry", "-referrers", self.registry)
        self._spawn("registry", self.old_registry, name="old-registry")
        end = time.monotonic() + _READY_SECONDS
        self._await("ctlog", _CTLOG, "/healthz", end)
        self._await("rekor-tiles", _REKOR, "/healthz", end)
        self._await("fulcio", _FULCIO, "/healthz", end)
        self._await("registry", _REGISTRY, "/v2/", end)
        self._await("old-registry", _OLD_REGISTRY, "/v2/", end)
        chain = self._await("timestamp-server", _TSA, _CHAIN, end)
        self._write_trust(certificate, x509.load_pem_x509_certificates(chain))

    def _start_logs(self) -> None:
        self._spawn(
            "ctlog",
            *("-address", f"{_HOST}:{_CTLOG}", "-grpc", f"{_HOST}:{_TRILLIAN}"),
            *("-key", "ctlog.key", "-roots", "fulcio.pem"),
        )
        self._spawn(
            *("rekor-tiles", "serve", f"--hostname={_ORIGINS['rekor']}"),
            *(f"--http-address={_HOST}", f"--http-port={_REKOR}"),
            *(f"--grpc-address={_HOST}", f"--grpc-port={_REKOR_GRPC}", "--http-metrics-port=2114"),
            *("--storage-dir=entries", "--signer-filepath=rekor.key"),
            *("--checkpoint-interval=200ms", "--batch-max-age=50ms"),
        )

    def _start_authorities(self) -> None:
        self._spawn(
            *("timestamp-server", "serve", f"--host={_HOST}", f"--port={_TSA}"),
            *("--timestamp-signer=memory", "--disable-ntp-monitoring"),
        )
        self._spawn(
            *("fulcio", "serve", f"--host={_HOST}", f"--port={_FULCIO}"),
            *(f"--grpc-host={_HOST}", f"--grpc-port={_FULCIO_GRPC}", "--metrics-port=2113"),
            *("--ca=fileca", "--fileca-cert=fulcio.pem", "--fileca-key=fulcio.key"),
            *(f"--fileca-key-passwd={FULCIO_PASSWORD}", "--fileca-watch=false"),
            *(f"--ct-log-url={_url(_CTLOG)}/ct", "--config-path=fulcio.yaml"),
        )

    def _start_version_1(self) -> None:
        self._spawn(
            *("rekor-server", "serve", f"--rekor_server.address={_HOST}", f"--port={_REKOR1}"),
            *(f"--trillian_log_server.address={_HOST}", f"--trillian_log_server.port={_TRILLIAN}"),
            *("--rekor_server.signer=rekor1.key", f"--rekor_server.hostname={_ORIGINS['rekor1']}"),
            *("--enable_retrieve_api=false", "--log_type=prod"),  # without Redis
        )
        end = time.monotonic() + _READY_SECONDS
        self._await("rekor-server", _REKOR1, "/api/v1/log", end)

    def _write_trust(self, certificate: x509.Certificate, chain: list[x509.Certificate]) -> None:
        tsa = f"{_url(_TSA)}/api/v1/timestamp"
        root = self._material.trusted_root(
            certificate=certificate,
            timestamps=chain,
            urls={"fulcio": _url(_FULCIO), "ctlog": f"{_url(_CTLOG)}/ct", "tsa": tsa},
            origins=_ORIGINS,
        )
        signing, signing1 = (
            signing_config(
                start=self._material.start,
                fulcio=_url(_FULCIO),
                oidc=self.issuer.url("email"),
                rekor=_url(port),
                version=version,
                tsa=tsa if version > 1 else None,
            )
            for port, version in ((_REKOR, 2), (_REKOR1, 1))
        )
        for name, value in (
            (self.trusted_root.name, root),
            (self.signing_config.name, signing),
            (self.trust_config.name, trust_config(root, signing)),
            ("signing_config_v1.json", signing1),
            ("trust_config_v1.json", trust_config(root, signing1)),
        ):
            _write(self.folder / name, value)

    def _of_version_1(self, name: str) -> Path:
        if "rekor-server" not in self._processes:
            with self.inside():
                self._start_version_1()
        return self.folder / name

    def _spawn(self, program: str, *words: str, name: str = "") -> None:
        name = name or program
        with (self.folder / f"{name}.log").open("wb") as out:
            self._processes[name] = subprocess.Popen(
                [*_DIES_WITH_US, self.programs / program, *words],
                cwd=self.folder,
                env=self.environ | {"PATH": os.defpath},
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=out,
                start_new_session=True,
            )

    def _await(self, name: str, port: int, path: str, end: float) -> bytes:
        """What a service answers as soon as it does."""
        while True:
            status, body = _get(port, path)
            if status in {http.client.OK, http.client.NO_CONTENT}:
                return body
            ended = self._processes[name].poll() is not None
            if ended or time.monotonic() > end:
                why = "ended" if ended else "does not answer"
                raise AssertionError(f"{name} {why}:\n{self.said(name)}")
            time.sleep(0.02)


def _get(port: int, path: str) -> tuple[int, bytes]:
    """A status and a body; 0 where nobody listens."""
    connection = http.client.HTTPConnection(_HOST, port, timeout=5)
    try:
        connection.request("GET", path)
        answer = connection.getresponse()
        return answer.status, answer.read()
    except OSError:
        return 0, b""
    finally:
        connection.close()


def _url(port: int) -> str:
    return f"http://{_HOST}:{port}"


def _write(path: Path, value: dict[str, Any]) -> None:
    path.write_text(json.dumps(value, indent=2), encoding="utf-8")
