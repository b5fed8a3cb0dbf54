"""What can go wrong between a client and a registry."""

from miniseal.formats.errors import Code, EnvironmentalError, FormatError, VerificationError

__all__ = [
    "AUTH_REFUSED",
    "AUTH_REQUIRED",
    "REDIRECT_REFUSED",
    "REGISTRY_MALFORMED",
    "REGISTRY_REFUSED",
    "REGISTRY_UNREACHABLE",
    "REGISTRY_UNTRUSTED",
]

REGISTRY_UNREACHABLE = Code(
    "registry-unreachable",
    EnvironmentalError,
    meaning="a registry did not answer, or not in time, or only that it cannot now",
    cause="a wrong host or port, a network that is down, a registry that is overloaded, or that "
    "does not speak TLS",
    remedy="check the reference and the network, then try again; see --plain-http",
)
REGISTRY_UNTRUSTED = Code(
    "registry-untrusted",
    EnvironmentalError,
    meaning="nobody who is trusted vouches for the certificate that a registry shows",
    cause="a registry with a certificate of its own authority, an expired certificate, or somebody "
    "in between",
    remedy="name the certificates of the registry's authority with --ca-file",
)
REGISTRY_REFUSED = Code(
    "registry-refused",
    EnvironmentalError,
    meaning="a registry answered that it does not do what was asked",
    cause="a repository that is read-only or full, a tag that the registry keeps, or a feature "
    "that it lacks",
    remedy="see what the registry says, and its settings",
)
REGISTRY_MALFORMED = Code(
    "registry-malformed",
    FormatError,
    meaning="a registry's answer does not follow the distribution specification",
    cause="a web server or a proxy in place of a registry, or a registry with a defect",
    remedy="check the host and the port of the reference, and what is between you and it",
)
REDIRECT_REFUSED = Code(
    "redirect-refused",
    VerificationError,
    meaning="a registry points to a place to which this client does not go",
    cause="another origin for an upload, a page or a token, a redirect without TLS, or a loop",
    remedy="find out who answers for the registry; a token service on another host is allowed with "
    "--token-host",
)
AUTH_REQUIRED = Code(
    "auth-required",
    EnvironmentalError,
    meaning="a registry wants credentials, and there are none for it",
    cause="nobody logged in to this registry, or the repository does not exist",
    remedy="run `miniseal login HOST`, or see which configuration files are read",
)
AUTH_REFUSED = Code(
    "auth-refused",
    EnvironmentalError,
    meaning="a registry, or its token service, does not accept the credentials",
    cause="a wrong or expired password, or an account that may not do this in this repository",
    remedy="log in again, with an account that may",
)
