"""A package in memory: manifest and config first, then the layers; each from bytes, checked.

Where the bytes come from is not asked here: from a store (`fetch`), or from a caller (`core`).
"""

from dataclasses import dataclass

from miniseal.formats.digest import check_content
from miniseal.formats.digest import sha256 as digest_of
from miniseal.formats.oci import MANIFEST_TYPE, Descriptor
from miniseal.formats.package import PACKAGE_INCONSISTENT, Config, Contents, Package, check_contents

__all__ = ["Content", "Fetched"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Fetched:
    """A package's manifest and config.

    Attributes:
        tag: what it was asked for by, or None where that was a digest.
        descriptor: of the manifest.
        manifest: the manifest's bytes.
        package: the manifest, read.
        config_bytes: the config's bytes.
        config: the config, read.
    """

    tag: str | None
    descriptor: Descriptor
    manifest: bytes
    package: Package
    config_bytes: bytes
    config: Config

    @classmethod
    def of(cls, manifest: bytes, config: bytes, *, tag: str | None = None) -> "Fetched":
        """Read both, and check that the manifest names this config.

        Raises:
            VerificationError: `digest-mismatch`.
            FormatError: `package-malformed` and what else a manifest or config can be refused for.
        """
        package = Package.from_manifest(manifest)
        named = package.config
        check_content(config, named.digest, named.size, "the package config")
        return cls(
            tag=tag,
            descriptor=Descriptor.of(manifest, MANIFEST_TYPE),
            manifest=manifest,
            package=package,
            config_bytes=config,
            config=Config.from_bytes(config),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Content:
    """A package's layers, which agree with its config.

    Attributes:
        wasm: the bytes of the wasm.
        assets: the bytes of the assets' archive, or None.
        parts: what the readers found in them.
    """

    wasm: bytes
    assets: bytes | None
    parts: Contents

    @classmethod
    def of(cls, fetched: Fetched, wasm: bytes, assets: bytes | None) -> "Content":
        """Check the layers against manifest and config.

        Raises:
            VerificationError: `digest-mismatch`, `package-inconsistent`.
            FormatError: malformed wasm or archive, by the reader's own code.
        """
        package = fetched.package
        check_content(wasm, package.wasm.digest, package.wasm.size, "the wasm")
        if (package.assets is None) != (assets is None):
            raise PACKAGE_INCONSISTENT(
                "the manifest has another opinion on whether there are assets"
            )
        if package.assets is not None and assets is not None:
            check_content(assets, package.assets.digest, package.assets.size, "the assets")
        return cls(wasm=wasm, assets=assets, parts=check_contents(fetched.config, wasm, assets))

    def wasm_digests(self) -> tuple[str, ...]:
        """Digests of the main module and of every nested one."""
        nested = (digest_of(self.parts.assets[name]) for name in self.parts.nested)
        return digest_of(self.wasm), *nested
