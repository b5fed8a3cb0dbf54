"""Version codes never go back: not below the policy's minimum, not below what was ever admitted."""

from miniseal.formats.config import Config
from miniseal.formats.errors import Code, VerificationError
from miniseal.verifier.host.head import AppHead
from miniseal.verifier.policy.model import Namespace

__all__ = ["ROLLBACK", "VERSION_REUSED", "VERSION_TOO_LOW", "check_highest", "check_minimum"]

ROLLBACK = Code(
    "rollback",
    VerificationError,
    meaning="the version is older than one that this host has admitted before",
    cause="an old tag, or somebody wants a fixed weakness back; removal does not reset it",
    remedy="install the newest version; to go back, release the old source with a higher code",
)
VERSION_REUSED = Code(
    "version-reused",
    VerificationError,
    meaning="a version code that was admitted before has another content now",
    cause="the package was built and published again under the same version",
    remedy="raise version.code with every release",
)
VERSION_TOO_LOW = Code(
    "version-too-low",
    VerificationError,
    meaning="the version code is below the namespace's min_version_code",
    cause="the platform has retired that version",
    remedy="install a newer version",
)


def check_minimum(namespace: Namespace, config: Config) -> None:
    """Refuse a version that the policy has retired.

    Raises:
        VerificationError: `version-too-low`.
    """
    code = config.manifest.version_code
    if code < namespace.min_version_code:
        raise VERSION_TOO_LOW(
            "the version is retired",
            found=str(code),
            expected=f"{namespace.min_version_code} or higher",
        )


def check_highest(highest: AppHead | None, code: int, package: str) -> None:
    """Refuse what is older than, or contradicts, the highest version ever admitted (None: none).

    Raises:
        VerificationError: `rollback`, `version-reused`.
    """
    if highest is None or code > highest.code:
        return
    if code < highest.code:
        raise ROLLBACK("an older version", found=str(code), expected=f"{highest.code} or higher")
    if package != highest.package:
        raise VERSION_REUSED(
            f"version code {code} was another package", found=package, expected=highest.package
        )
