"""A private Sigstore for tests: Fulcio, a CT log, Rekor 2 and 1, timestamps; and a registry.

The OIDC issuer is a thread of this process.
"""

import json
import os
from functools import partial
from http import HTTPStatus
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

from cryptography import x509

from kit.serving import Services
from kit.sigstore_files import (
    FULCIO_PASSWORD,
    Material,
    fulcio_config,
    signing_config,
    trust_config,
)
from kit.sigstore_issuer import IDENTITIES, Issuer

__all__ = ["PrivateSigstore"]

_HOST = "127.0.0.1"
_OIDC, _CTLOG, _TRILLIAN, _TSA = 8790, 6963, 8091, 3010
_REKOR, _REKOR_GRPC, _REKOR1, _FULCIO, _FULCIO_GRPC = 3000, 3001, 3100, 5555, 5554
_REGISTRY, _OLD_REGISTRY = 5000, 5001
_ORIGINS = {"rekor": "rekor.miniseal.test", "rekor1": "rekor1.miniseal.test"}
_CHAIN = "/api/v1/timestamp/certchain"


class PrivateSigstore(Services):
    """The services; use it in a `with`.

    Attributes:
        programs: the folder with what was built.
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
        super().__init__("sigstore")
        self.programs = programs
        self.trusted_root = self.folder / "trusted_root.json"
        self.trust_config = self.folder / "trust_config.json"
        self.signing_config = self.folder / "signing_config.json"
        self.registry = f"{_HOST}:{_REGISTRY}"
        self.old_registry = f"{_HOST}:{_OLD_REGISTRY}"
        self.issuer = Issuer(f"{_HOST}:{_OIDC}")
        self._material = Material()

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

    def start(self) -> None:
        """Start all of them but version 1 of the log, inside."""
        self.at_end.enter_context(self.issuer.running())
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
        self._await("ctlog", _CTLOG, "/healthz")
        self._await("rekor-tiles", _REKOR, "/healthz")
        self._await("fulcio", _FULCIO, "/healthz")
        self._await("registry", _REGISTRY, "/v2/")
        self._await("old-registry", _OLD_REGISTRY, "/v2/")
        chain = self._await("timestamp-server", _TSA, _CHAIN)
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
        self._await("rekor-server", _REKOR1, "/api/v1/log")

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
        if not self.is_started("rekor-server"):
            with self.inside():
                self._start_version_1()
        return self.folder / name

    def _spawn(self, program: str, *words: str, name: str = "") -> None:
        environ = self.environ | {"PATH": os.defpath}
        self.spawn(name or program, [self.programs / program, *words], environ)

    def _await(self, name: str, port: int, path: str) -> bytes:
        connect = partial(HTTPConnection, _HOST, port, timeout=5)
        return self.wait(name, connect, path, {HTTPStatus.OK, HTTPStatus.NO_CONTENT})


def _url(port: int) -> str:
    return f"http://{_HOST}:{port}"


def _write(path: Path, value: dict[str, Any]) -> None:
    path.write_text(json.dumps(value, indent=2), encoding="utf-8")
