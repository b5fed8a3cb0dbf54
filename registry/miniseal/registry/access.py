"""How registries are reached: what a caller may decide, and the environment may not.

Nothing here is read from the environment; whoever has one puts it in here.
"""

from dataclasses import dataclass, field
from pathlib import Path

__all__ = ["Access", "Credential"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Credential:
    """What one registry is given so that it lets somebody in.

    Attributes:
        username: or empty, for a refresh token.
        secret: the password, or a token that a token service changes for others.
    """

    username: str
    secret: str = field(repr=False)

    @property
    def is_refresh_token(self) -> bool:
        """Whether the secret is an OAuth 2 refresh token, not a password."""
        return not self.username


@dataclass(frozen=True, slots=True, kw_only=True)
class Access:
    """Where credentials are, whom to trust, and how long to wait.

    Attributes:
        plain_http: hosts (`host[:port]`) that are spoken to without TLS. Loopback is as well,
            unless there is a `ca_file`.
        ca_file: certificates of authorities to trust beside the system's.
        credentials: by host, before any file is asked.
        auth_text: what a configuration file of docker's would hold, asked before the files.
        auth_files: configuration files of docker and podman, in the order in which they are asked.
        token_hosts: hosts (`host[:port]`) that may change credentials of any registry for tokens.
        helper_seconds: how long a credential helper may take.
        connect_seconds: how long a connection may take to be made.
        read_seconds: how long a registry may be silent.
        total_seconds: how long one request may take with all its repetitions, content apart.
        least_rate: bytes a second; what content may take beyond that.
        attempts: how often something is tried.
        parallel: how many requests one listing sends at a time.
    """

    plain_http: tuple[str, ...] = ()
    ca_file: Path | None = None
    credentials: dict[str, Credential] = field(default_factory=dict[str, Credential])
    auth_text: str = field(default="", repr=False)
    auth_files: tuple[Path, ...] = ()
    token_hosts: tuple[str, ...] = ()
    helper_seconds: float = 10.0
    connect_seconds: float = 10.0
    read_seconds: float = 30.0
    total_seconds: float = 120.0
    least_rate: int = 32 * 1024
    attempts: int = 5
    parallel: int = 4
