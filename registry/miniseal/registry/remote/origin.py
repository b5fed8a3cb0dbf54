"""Origins (scheme, host, port): which one a registry is, and where it may point to.

Loopback and addresses are no names: what listens on another port of a machine is somebody else.
Pure.
"""

import re
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address, ip_address
from urllib.parse import urljoin, urlsplit

from miniseal.registry.access import Access
from miniseal.registry.remote import shown
from miniseal.registry.remote.codes import REDIRECT_REFUSED, REGISTRY_MALFORMED

__all__ = ["Origin", "check_realm", "check_redirect", "resolve"]

_PORTS = {"http": 80, "https": 443}
_MOST_URL = 8192
# Visible ASCII without what would end a line or a request target.
_URL = re.compile(r"[\x21-\x7e]+")
# Parsers disagree about other hosts: `a\.b` is `a` to some, and a name below `b` to others.
_HOST = re.compile(r"([A-Za-z0-9_.-]+|\[[0-9A-Fa-f:.]+\])(:[0-9]*)?")
_DOCKER_HUB = "docker.io"
_DOCKER_HUB_API = "registry-1.docker.io"


@dataclass(frozen=True, slots=True, kw_only=True)
class Origin:
    """Whom a request goes to.

    Attributes:
        scheme: `http` or `https`.
        host: a name or an address, in lower case, without brackets.
        port: always there.
    """

    scheme: str
    host: str
    port: int

    @classmethod
    def of_url(cls, url: str) -> "Origin":
        """The origin of an absolute URL.

        Raises:
            FormatError: `registry-malformed`.
        """
        try:
            parts = urlsplit(url)
            host, port = parts.hostname, parts.port
        except ValueError as error:
            raise _malformed(url) from error
        if (
            len(url) > _MOST_URL
            or not _URL.fullmatch(url)
            or parts.scheme not in _PORTS
            or not host
            or port == 0
            or not _HOST.fullmatch(parts.netloc)
        ):
            raise _malformed(url)
        return cls(scheme=parts.scheme, host=host, port=port or _PORTS[parts.scheme])

    @classmethod
    def of_registry(cls, host: str, access: Access) -> "Origin":
        """The origin of a registry that references call `host`, or `host:port`.

        Raises:
            FormatError: `registry-malformed`.
        """
        served = _DOCKER_HUB_API if host == _DOCKER_HUB else host
        https = cls.of_url(f"https://{served}")
        if host in access.plain_http or (https.is_loopback and access.ca_file is None):
            return cls.of_url(f"http://{served}")
        return https

    @property
    def is_loopback(self) -> bool:
        """Whether it is this machine itself."""
        address = _address(self.host)
        return self.host == "localhost" or (address is not None and address.is_loopback)

    @property
    def authority(self) -> str:
        """`host:port`, without the port where it is the scheme's own."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == _PORTS[self.scheme] else f"{host}:{self.port}"

    def __str__(self) -> str:
        """The URL without a path."""
        return f"{self.scheme}://{self.authority}"


def resolve(url: str, location: str, what: str) -> str:
    """Where `location`, of the answer to a request for `url`, leads: to the same origin.

    Raises:
        FormatError: `registry-malformed`.
        VerificationError: `redirect-refused`.
    """
    found = _join(url, location)
    if Origin.of_url(found) != Origin.of_url(url):
        raise REDIRECT_REFUSED(
            f"{what} is at another origin",
            found=shown.place(found),
            expected=str(Origin.of_url(url)),
        )
    return found


def check_redirect(registry: Origin, url: str, location: str) -> str:
    """Where a redirect of a request for content leads: anywhere by TLS; no credentials go along.

    Without TLS it may stay at the registry's origin, and a registry on loopback may point to
    another port there.

    Raises:
        FormatError: `registry-malformed`.
        VerificationError: `redirect-refused`.
    """
    if not location:
        raise REGISTRY_MALFORMED("redirect does not say where to", found=shown.place(url))
    found = _join(url, location)
    target = Origin.of_url(found)
    local = target.is_loopback and registry.is_loopback
    if target.scheme != "https" and target != registry and not local:
        raise REDIRECT_REFUSED(
            f"redirect of {registry} leaves TLS", found=shown.place(found), expected="https://"
        )
    return found


def check_realm(registry: Origin, realm: str, allowed: tuple[str, ...]) -> str:
    """A token service to which a registry's credentials may be sent.

    That is the registry's own origin; by TLS, a host of the same registrable domain; or one that
    the caller allowed. Addresses have no domain.

    Raises:
        FormatError: `registry-malformed`.
        VerificationError: `redirect-refused`.
    """
    target = Origin.of_url(realm)
    secure = target.scheme == "https" or (target.is_loopback and registry.scheme == "http")
    same = target == registry or (
        target.scheme == "https" and _site(target.host) == _site(registry.host) is not None
    )
    if not (same or (secure and target.authority in allowed)):
        raise REDIRECT_REFUSED(
            f"token service of {registry} is elsewhere",
            found=shown.place(realm),
            expected="the same host or domain, by TLS",
        )
    return realm


def _join(url: str, location: str) -> str:
    try:
        return urljoin(url, location)
    except ValueError as error:
        raise _malformed(location) from error


def _site(host: str) -> str | None:
    """The registrable domain, as far as its form tells: `a.example.com`, `a.example.co.uk`."""
    labels = host.rstrip(".").split(".")
    if _address(host) is not None or len(labels) < 2:
        return None
    short = len(labels[-1]) == 2 and len(labels[-2]) <= 3
    size = 3 if short else 2
    return ".".join(labels[-size:]) if len(labels) >= size else host


def _address(host: str) -> IPv4Address | IPv6Address | None:
    try:
        return ip_address(host)
    except ValueError:
        return None


def _malformed(url: str) -> Exception:
    return REGISTRY_MALFORMED("not a URL that a registry may name", found=shown.place(url))
