"""Whether this host can run the program: its platform version, and the interfaces it implements."""

from miniseal.formats.config import Config
from miniseal.formats.errors import Code, VerificationError
from miniseal.verifier.policy.model import Host
from miniseal.verifier.policy.patterns import import_matches, offers

__all__ = ["HOST_INCOMPATIBLE", "check_host"]

HOST_INCOMPATIBLE = Code(
    "host-incompatible",
    VerificationError,
    meaning="the host is too old for the program, or lacks an interface that it imports",
    cause="the program was released for a newer platform",
    remedy="update the host, or install a version of the program for this platform",
)


def check_host(host: Host, config: Config, interfaces: tuple[str, ...]) -> None:
    """Refuse what cannot run here; `interfaces` are the import keys that are allowed and used.

    Raises:
        VerificationError: `host-incompatible`.
    """
    least = config.manifest.platform_min_code
    if least > host.platform_version:
        raise HOST_INCOMPATIBLE(
            "the host's platform is too old", found=str(host.platform_version), expected=str(least)
        )
    for key in interfaces:
        always = any(import_matches(each, key) for each in host.always)
        if not always and not offers(host.interfaces, key):
            name = key.rpartition("@")[0] or key
            raise HOST_INCOMPATIBLE(
                f"the host does not implement {key}",
                found=host.interfaces.get(name, "nothing of that name"),
                expected="a compatible version, the same or newer",
            )
