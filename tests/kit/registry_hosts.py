"""Real registries for tests, as processes in a network of their own, and what they are.

| name | is | referrers | TLS | lets in |
|---|---|---|---|---|
| `olareg` | olareg | API | no | everybody |
| `distribution` | distribution v3 | tag | no | everybody |
| `debian` | Debian's docker-registry 2.8 | tag | yes | by password, from a file |
| `tokens` | distribution v3 | tag | yes | by token, from a service at another port |
| `nginx` | olareg behind nginx | API | yes | by password, from the proxy |

Some of the programs are Debian's, unpacked. The token service is a thread of this process.
"""

import http.client
import json
import ssl
from base64 import b64encode
from dataclasses import dataclass
from functools import partial
from http import HTTPStatus
from pathlib import Path

from kit.registry_files import Authority, distribution_config, nginx_config
from kit.registry_tokens import TokenService
from kit.serving import Services
from miniseal.registry import Access
from services import unpacked

__all__ = ["HOSTS", "PASSWORD", "USER", "Host", "Registries"]

USER, PASSWORD = "ci", "s3cret"

_PASSWORD_HASH = "$2y$04$abcdefghijklmnopqrstuuLZYjhNQAOdpbzt4WxWlUHjv1wsyH5DG"  # noqa: S105 - of tests
"""bcrypt of `PASSWORD`, which is all that distribution takes; with its least cost."""

_TOKENS = "localhost:5109"
_BEHIND = "127.0.0.1:5108"


@dataclass(frozen=True, slots=True, kw_only=True)
class Host:
    """A registry.

    Clients take `localhost` as a host without TLS, and some of them any address as one with it.

    Attributes:
        name: in the table above.
        address: what references call it.
        referrers: whether it has the referrers API.
        secure: whether it wants TLS and a credential.
    """

    name: str
    address: str
    referrers: bool
    secure: bool

    def reference(self, repository: str, name: str) -> str:
        """What clients call a tag or a digest."""
        return f"{self.address}/{repository}{'@' if ':' in name else ':'}{name}"


HOSTS = {
    host.name: host
    for host in (
        Host(name="olareg", address="localhost:5100", referrers=True, secure=False),
        Host(name="distribution", address="localhost:5101", referrers=False, secure=False),
        Host(name="debian", address="127.0.0.1:5102", referrers=False, secure=True),
        Host(name="tokens", address="127.0.0.1:5103", referrers=False, secure=True),
        Host(name="nginx", address="127.0.0.1:5104", referrers=True, secure=True),
    )
}
"""The registries by name."""


class Registries(Services):
    """The services; use it in a `with`.

    Attributes:
        programs: the folder with what was built from Go modules.
        ca_file: the certificate of the authority that theirs are from.
        docker_config: a folder with a `config.json` that has the user's password for all of them.
        tokens: gives tokens to the user, for the registry `tokens`.
    """

    def __init__(self, programs: Path, debian: Path) -> None:
        """Make its folder.

        Args:
            programs: the folder with what was built from Go modules.
            debian: the folder into which Debian's packages were unpacked.
        """
        super().__init__("registries")
        self.programs = programs
        self.ca_file = self.folder / "ca.pem"
        self.docker_config = self.folder / "docker"
        self.tokens = TokenService(address=_TOKENS, user=USER, password=PASSWORD)
        self._debian = unpacked.environ(debian)

    @property
    def environ(self) -> dict[str, str]:
        """Variables for clients: they trust the registries' authority and know the password."""
        home = self.folder / "home"
        return self._debian | {
            "HOME": str(home),
            "DOCKER_CONFIG": str(self.docker_config),
            "REGISTRY_AUTH_FILE": str(self.docker_config / "config.json"),
            "REGCTL_CONFIG": str(home / "regctl.json"),
            "SSL_CERT_FILE": str(self.ca_file),
            "COSIGN_PASSWORD": "",
            "COSIGN_YES": "true",
        }

    def access(self, host: Host) -> Access:
        """How our own client reaches a registry."""
        if not host.secure:
            return Access()
        return Access(
            ca_file=self.ca_file,
            auth_files=(self.docker_config / "config.json",),
            token_hosts=(self.tokens.address,),
        )

    def variables(self, host: Host) -> dict[str, str]:
        """The same as variables of our own command line."""
        access = self.access(host)
        return {
            "DOCKER_CONFIG": str(self.docker_config),
            "MINISEAL_TOKEN_HOSTS": " ".join(access.token_hosts),
            **({"MINISEAL_CA_FILE": str(access.ca_file)} if access.ca_file else {}),
        }

    def start(self) -> None:
        """Start all of them, inside."""
        authority = Authority()
        authority.write(self.folder)
        (self.folder / "htpasswd").write_text(f"{USER}:{_PASSWORD_HASH}\n")
        (self.folder / "htpasswd.nginx").write_text(f"{USER}:{{PLAIN}}{PASSWORD}\n")
        (self.folder / "tokens.pem").write_bytes(self.tokens.certificate)
        self._write_for_clients()
        self.at_end.enter_context(self.tokens.running(authority.server(self.folder)))
        self._start_olareg("olareg", HOSTS["olareg"].address)
        self._start_olareg("behind", _BEHIND)
        self._start_distribution("distribution", "distribution", None)
        self._start_distribution(
            "debian", "docker-registry", {"htpasswd": {"realm": "debian", "path": "htpasswd"}}
        )
        token = {
            "realm": f"https://{_TOKENS}/token",
            "service": self.tokens.service,
            "issuer": self.tokens.issuer,
            "rootcertbundle": "tokens.pem",
        }
        self._start_distribution("tokens", "distribution", {"token": token})
        config = nginx_config(HOSTS["nginx"].address, _BEHIND)
        (self.folder / "nginx.conf").write_text(config)
        words = ("-p", str(self.folder), "-c", "nginx.conf", "-e", "stderr")
        self._spawn("nginx", "nginx", *words)
        for host in HOSTS.values():
            ready = {HTTPStatus.UNAUTHORIZED if host.secure else HTTPStatus.OK}
            self.wait(host.name, partial(self._connect, host), "/v2/", ready)

    def _start_olareg(self, name: str, address: str) -> None:
        host, _, port = address.rpartition(":")
        words = ("serve", "--addr", host, "--port", port, "--dir", f"{name}.store")
        self._spawn(name, "olareg", *words, "--api-delete", "--api-blob-delete")

    def _start_distribution(self, name: str, program: str, auth: dict[str, object] | None) -> None:
        config = distribution_config(HOSTS[name].address, f"{name}.store", auth)
        (self.folder / f"{name}.json").write_text(json.dumps(config))
        self._spawn(name, program, "serve", f"{name}.json")

    def _spawn(self, name: str, program: str, *words: str) -> None:
        """Start a program of ours, or of Debian's where there is none."""
        environ = {
            **self._debian,
            "HOME": str(self.folder / "home"),
            "OTEL_TRACES_EXPORTER": "none",
            "PATH": f"{self.programs}:{self._debian['PATH']}",
        }
        self.spawn(name, [program, *words], environ)

    def _write_for_clients(self) -> None:
        home = self.folder / "home"
        containers = home / ".config" / "containers"
        containers.mkdir(parents=True)
        self.docker_config.mkdir()
        auth = b64encode(f"{USER}:{PASSWORD}".encode()).decode()
        secure = [host.address for host in HOSTS.values() if host.secure]
        plain = [host.address for host in HOSTS.values() if not host.secure]
        auths = {"auths": {address: {"auth": auth} for address in secure}}
        (self.docker_config / "config.json").write_text(json.dumps(auths))
        each: dict[str, object] = {"reqConcurrent": 1}  # for olareg loses what comes at once
        hosts = dict.fromkeys(secure, each)
        hosts |= {address: {**each, "tls": "disabled"} for address in plain}
        regctl = {"hosts": hosts}
        (home / "regctl.json").write_text(json.dumps(regctl))
        lines = [f'[[registry]]\nlocation = "{address}"\ninsecure = true\n' for address in plain]
        (containers / "registries.conf").write_text("".join(lines))
        policy = {"default": [{"type": "insecureAcceptAnything"}]}
        (containers / "policy.json").write_text(json.dumps(policy))

    def _connect(self, host: Host) -> http.client.HTTPConnection:
        if not host.secure:
            return http.client.HTTPConnection(host.address, timeout=5)
        context = ssl.create_default_context(cafile=self.ca_file)
        return http.client.HTTPSConnection(host.address, timeout=5, context=context)
