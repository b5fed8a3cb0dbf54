"""What the program may have: permissions, imports, network hosts, executable assets, limits.

The policy is the only authority: the map that a package's author writes under `permissions` is not
read here. Imports are those of the wasm itself and of every wasm among the assets.
"""

from miniseal.formats.config import Config
from miniseal.formats.errors import Code, VerificationError
from miniseal.formats.package import Contents
from miniseal.verifier.host.record import Grants
from miniseal.verifier.policy.model import Limits, Namespace
from miniseal.verifier.policy.patterns import host_matches, import_matches
from miniseal.verifier.policy.policy import Policy

__all__ = ["EXECUTABLE_ASSET", "LIMITS_EXCEEDED", "PERMISSION_DENIED", "check_permissions"]

PERMISSION_DENIED = Code(
    "permission-denied",
    VerificationError,
    meaning="the program asks for, or imports, something that the policy does not give it",
    cause="a new permission or import, or a namespace that may have less than the program wants",
    remedy="do without it, or have the policy's author allow it",
)
EXECUTABLE_ASSET = Code(
    "executable-asset",
    VerificationError,
    meaning="the package has an asset that a host could execute, of a kind that is not allowed",
    cause="a script, a page or a wasm module among the assets",
    remedy="leave it out, or have the policy's author list the kind in executable_assets",
)
LIMITS_EXCEEDED = Code(
    "limits-exceeded",
    VerificationError,
    meaning="the program asks for more memory, fuel or time than the policy allows",
    cause="limits in miniseal.toml above the namespace's ceilings, or above the built-in ones",
    remedy="lower the limits, or have the policy's author raise the namespace's",
)


def check_permissions(
    policy: Policy, namespace: Namespace, config: Config, contents: Contents
) -> Grants:
    """What the host may give to the program.

    Raises:
        VerificationError: `permission-denied`, `executable-asset`, `limits-exceeded`.
    """
    permissions = _permissions(namespace, config)
    _check_assets(namespace, config)
    return Grants(
        permissions=permissions,
        interfaces=_interfaces(policy, permissions, contents),
        network_hosts=_hosts(namespace, config),
        limits=_limits(namespace.limits or Limits(), config),
    )


def _permissions(namespace: Namespace, config: Config) -> tuple[str, ...]:
    names = tuple(permission.name for permission in config.manifest.req_permissions)
    for name in names:
        if name not in namespace.permissions:
            raise PERMISSION_DENIED(
                "the program asks for a permission that its namespace may not have",
                found=name,
                expected=", ".join(namespace.permissions) or "none",
            )
    return names


def _interfaces(
    policy: Policy, permissions: tuple[str, ...], contents: Contents
) -> tuple[str, ...]:
    known = policy.document.permission
    opened = [key for name in permissions if name in known for key in known[name].interfaces]
    allowed = [*policy.document.host.always, *opened]
    keys = tuple(module.name for module in contents.import_modules())
    for key in keys:
        if not any(import_matches(each, key) for each in allowed):
            raise PERMISSION_DENIED(
                "the program imports what no permission of its opens",
                found=repr(key)[:200],
                expected=", ".join(allowed) or "no imports",
            )
    return keys


def _check_assets(namespace: Namespace, config: Config) -> None:
    for asset in config.assets.executable if config.assets else ():
        if asset.kind not in namespace.executable_assets:
            raise EXECUTABLE_ASSET(
                f"an asset is executable: {asset.name}",
                found=asset.kind,
                expected=", ".join(namespace.executable_assets) or "none",
            )


def _hosts(namespace: Namespace, config: Config) -> tuple[str, ...]:
    for host in config.allowed_hosts:
        if not any(host_matches(pattern, host) for pattern in namespace.network_hosts):
            raise PERMISSION_DENIED(
                "the program wants to reach a host that its namespace may not",
                found=host,
                expected=", ".join(namespace.network_hosts) or "none",
            )
    return config.allowed_hosts


def _limits(ceilings: Limits, config: Config) -> dict[str, int]:
    asked = {
        "fuel": (config.limits.fuel, ceilings.fuel),
        "memory_mib": (config.limits.memory_mib, ceilings.memory_mib),
        "wall_ms": (config.limits.wall_ms, ceilings.wall_ms),
    }
    for name, (wanted, ceiling) in asked.items():
        if wanted > ceiling:
            raise LIMITS_EXCEEDED(
                f"the program asks for too much {name}",
                found=str(wanted),
                expected=f"at most {ceiling}",
            )
    return {name: wanted for name, (wanted, _) in asked.items()}
