"""Whether the permissions a program asks for cover what its modules import.

This is the author's own check, at build time. What a host grants is decided by its policy alone.
"""

from collections.abc import Iterable, Mapping

from miniseal.formats.errors import Code, VerificationError
from miniseal.formats.manifest import MiniAppManifest
from miniseal.formats.wasm.inspect import ImportedModule

__all__ = ["ALWAYS", "IMPORT_UNDECLARED", "check_permissions"]

ALWAYS = ("env",)
"""Import modules that need no permission: what compilers take for granted (`env.abort`), and what
policies open to every program by `[host] always`. A host that does not refuses at admission."""

IMPORT_UNDECLARED = Code(
    "import-undeclared",
    VerificationError,
    meaning="a module imports something that none of the program's permissions covers",
    cause="a new use of the host without a permission, or a library that brought its own imports",
    remedy="ask for a permission in manifest.json and map it to the import in miniseal.toml, "
    "or stop importing it",
)


def check_permissions(
    manifest: MiniAppManifest,
    permissions: Mapping[str, tuple[str, ...]],
    imports: Iterable[ImportedModule],
) -> tuple[str, ...]:
    """Check that every import is covered.

    Args:
        manifest: asks for permissions.
        permissions: per permission the interfaces it is used for.
        imports: of the main module and of every module among the assets.

    Returns:
        Warnings: one per permission that nothing uses.

    Raises:
        VerificationError: `import-undeclared`.
    """
    imported = {module.name: module.functions for module in imports}
    covered = {interface for uses in permissions.values() for interface in uses}
    for name in sorted(imported.keys() - covered - set(ALWAYS)):
        functions = ", ".join(imported[name][:5])
        raise IMPORT_UNDECLARED(
            "an import is not covered by any permission",
            found=f"{name!r} ({functions})"[:200],
            expected=f"one of {sorted(covered | set(ALWAYS))}"[:400],
        )
    return tuple(
        f"permission {asked.name} is asked for and not used by any import"
        for asked in manifest.req_permissions
        if not imported.keys() & set(permissions.get(asked.name, ()))
    )
