"""Wasm and assets to a package, a wasm artifact and an image: bytes in, bytes out.

Pure: the same input gives the same bytes in any folder, for any user, clock and locale. What comes
out is read back by the host's own reader before it is returned.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from miniseal.formats import ustar
from miniseal.formats.manifest import MiniAppManifest
from miniseal.formats.oci import MANIFEST_TYPE, Descriptor, Manifest
from miniseal.formats.package import (
    ASSETS_TYPE,
    CONFIG_TYPE,
    WASM_TITLE,
    WASM_TYPE,
    AssetsInfo,
    Config,
    Contents,
    Package,
    Toolchain,
    WasmInfo,
    check_contents,
    package_manifest,
)
from miniseal.formats.wasm.inspect import inspect
from miniseal.packager.images import image, wasm_artifact
from miniseal.packager.permissions import check_permissions
from miniseal.packager.settings import PROJECT_INVALID, Settings

__all__ = ["Built", "Packed", "pack"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Built:
    """A manifest that is ready to be stored.

    Attributes:
        manifest: its bytes.
        descriptor: what points to it.
        tag: what to call it.
    """

    manifest: bytes
    descriptor: Descriptor
    tag: str

    @classmethod
    def of(cls, manifest: Manifest, tag: str) -> "Built":
        """Serialise `manifest`."""
        data = manifest.to_bytes()
        return cls(manifest=data, descriptor=Descriptor.of(data, MANIFEST_TYPE), tag=tag)


@dataclass(frozen=True, slots=True, kw_only=True)
class Packed:
    """Three manifests over one set of blobs.

    Attributes:
        package: for hosts.
        wasm: for wasm tools.
        image: for container runtimes.
        blobs: (data, media type) by digest, all that the manifests point to.
        config: the package's.
        contents: what the host's reader sees in it.
        warnings: for the author.
    """

    package: Built
    wasm: Built
    image: Built
    blobs: Mapping[str, tuple[bytes, str]]
    config: Config
    contents: Contents
    warnings: tuple[str, ...]


def pack(
    manifest: MiniAppManifest,
    settings: Settings,
    wasm: bytes,
    assets: Mapping[str, bytes],
    toolchain: Toolchain,
) -> Packed:
    """Pack one program.

    Args:
        manifest: the author's.
        settings: `miniseal.toml`.
        wasm: a core module.
        assets: content by name.
        toolchain: what compiled the wasm.

    Raises:
        VerificationError: `import-undeclared`.
        UsageError: `project-invalid`, where an asset takes the wasm's name.
        FormatError: malformed wasm or archive name, or something over its bound, by the format's
            own code.
    """
    if any(name.casefold() == WASM_TITLE for name in assets):
        raise PROJECT_INVALID(f"an asset is called {WASM_TITLE}", expected="another name")
    tar = ustar.write(assets) if assets else None
    config = Config(
        manifest=manifest,
        wasm=WasmInfo.of(wasm, inspect(wasm)),
        assets=AssetsInfo.of(tar, assets) if tar is not None else None,
        permissions={name: tuple(sorted(uses)) for name, uses in settings.permissions.items()},
        allowed_hosts=tuple(sorted(settings.network.allowed_hosts)),
        limits=settings.asked_limits,
        toolchain=toolchain,
    )
    blobs = {config.wasm.digest: (wasm, WASM_TYPE)}
    if tar is not None and config.assets is not None:
        blobs[config.assets.digest] = (tar, ASSETS_TYPE)
    package, contents = _package(config, wasm, tar, blobs)
    artifact, artifact_blobs = wasm_artifact(manifest, wasm)
    runnable, runnable_blobs = image(manifest, wasm, assets)
    tag = manifest.version_name
    return Packed(
        package=Built.of(package, tag),
        wasm=Built.of(artifact, f"{tag}-wasm"),
        image=Built.of(runnable, f"{tag}-image"),
        blobs={**blobs, **artifact_blobs, **runnable_blobs},
        config=config,
        contents=contents,
        warnings=check_permissions(manifest, config.permissions, contents.import_modules()),
    )


def _package(
    config: Config, wasm: bytes, tar: bytes | None, blobs: dict[str, tuple[bytes, str]]
) -> tuple[Manifest, Contents]:
    data = config.to_bytes()
    descriptor = Descriptor.of(data, CONFIG_TYPE)
    blobs[descriptor.digest] = (data, CONFIG_TYPE)
    assets = Descriptor.of(tar, ASSETS_TYPE) if tar is not None else None
    manifest = package_manifest(descriptor, Descriptor.of(wasm, WASM_TYPE), assets)
    # whatever a host would refuse is refused here
    Package.from_manifest(manifest.to_bytes())
    return manifest, check_contents(Config.from_bytes(data), wasm, tar)
