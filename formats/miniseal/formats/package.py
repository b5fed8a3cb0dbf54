"""The package: its OCI manifest, and how config and content agree (FORMATS section 3).

A package is one wasm, its assets where it has any, and a config that binds both to an app_id, a
version and what the program asks for. Nothing here does I/O, and nothing decides whether a host
should trust or allow what the package says.
"""

from dataclasses import dataclass

from miniseal.formats import ustar
from miniseal.formats.assets import executables
from miniseal.formats.config import (
    ASSETS_LIMIT,
    CONFIG_LIMIT,
    PACKAGE_MALFORMED,
    AssetsInfo,
    Config,
    Limits,
    Toolchain,
    WasmInfo,
)
from miniseal.formats.digest import sha256
from miniseal.formats.errors import Code, VerificationError
from miniseal.formats.oci import TITLE, Descriptor, Manifest
from miniseal.formats.wasm.inspect import ImportedModule, Module, inspect
from miniseal.formats.wasm.sections import WASM_LIMIT

__all__ = [
    "ASSETS_LIMIT",
    "ASSETS_TITLE",
    "ASSETS_TYPE",
    "CONFIG_LIMIT",
    "CONFIG_TYPE",
    "PACKAGE_INCONSISTENT",
    "PACKAGE_MALFORMED",
    "PACKAGE_TYPE",
    "WASM_TITLE",
    "WASM_TYPE",
    "AssetsInfo",
    "Config",
    "Contents",
    "Limits",
    "Package",
    "Toolchain",
    "WasmInfo",
    "check_contents",
    "package_manifest",
]

PACKAGE_TYPE = "application/vnd.miniseal.package.v1"
CONFIG_TYPE = "application/vnd.miniseal.package.config.v1+json"
WASM_TYPE = "application/wasm"
ASSETS_TYPE = "application/vnd.miniseal.assets.v1.tar"
WASM_TITLE = "app.wasm"
ASSETS_TITLE = "assets.tar"

PACKAGE_INCONSISTENT = Code(
    "package-inconsistent",
    VerificationError,
    meaning="a package's config does not describe the wasm or the assets that came with it",
    cause="the package was put together by hand, or by somebody who wants to be misread",
    remedy="build the package again from its source",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Package:
    """A package's OCI manifest, taken apart.

    Attributes:
        manifest: as read.
        config: points to the config blob.
        wasm: points to the `application/wasm` layer.
        assets: points to the assets layer, or None.
    """

    manifest: Manifest
    config: Descriptor
    wasm: Descriptor
    assets: Descriptor | None

    @classmethod
    def from_manifest(cls, data: bytes) -> "Package":
        """Read the manifest of a package: what `package_manifest` writes, and nothing else.

        Raises:
            FormatError: `package-malformed`, `oci-malformed`, `json-malformed`, `too-large`,
                `digest-malformed`.
        """
        manifest = Manifest.from_bytes(data)
        if manifest.artifact_type != PACKAGE_TYPE:
            raise PACKAGE_MALFORMED(
                "manifest is not a package's",
                found=repr(manifest.artifact_type)[:100],
                expected=PACKAGE_TYPE,
            )
        if not 1 <= len(manifest.layers) <= 2:
            raise PACKAGE_MALFORMED(
                "package has the wrong number of layers",
                found=str(len(manifest.layers)),
                expected="the wasm, then the assets where there are any",
            )
        wasm, *rest = manifest.layers
        package = cls(
            manifest=manifest, config=manifest.config, wasm=wasm, assets=rest[0] if rest else None
        )
        package._check(data)
        return package

    def _check(self, data: bytes) -> None:
        _check_layer(self.config, CONFIG_TYPE, None, CONFIG_LIMIT)
        _check_layer(self.wasm, WASM_TYPE, WASM_TITLE, WASM_LIMIT)
        if self.assets is not None:
            _check_layer(self.assets, ASSETS_TYPE, ASSETS_TITLE, ASSETS_LIMIT)
        if package_manifest(self.config, self.wasm, self.assets).to_bytes() != data:
            raise PACKAGE_MALFORMED(
                "package manifest carries more than a package's",
                expected="no subject, no annotations, no other members, canonical JSON",
            )


@dataclass(frozen=True, slots=True, kw_only=True)
class Contents:
    """A package's content after it was found to agree with its config.

    Attributes:
        module: the main wasm as the reader sees it.
        assets: by name; empty where there are none.
        nested: modules among the assets, by name.
    """

    module: Module
    assets: dict[str, bytes]
    nested: dict[str, Module]

    def import_modules(self) -> tuple[ImportedModule, ...]:
        """What the main wasm and every nested one import, put together and sorted."""
        functions: dict[str, set[str]] = {}
        for module in (self.module, *self.nested.values()):
            for imported in module.import_modules():
                functions.setdefault(imported.name, set()).update(imported.functions)
        return tuple(
            ImportedModule(name=name, functions=tuple(sorted(functions[name])))
            for name in sorted(functions)
        )


def package_manifest(config: Descriptor, wasm: Descriptor, assets: Descriptor | None) -> Manifest:
    """The manifest that binds these three blobs; annotations of theirs are replaced by titles."""
    layers = [_titled(wasm, WASM_TYPE, WASM_TITLE)]
    if assets is not None:
        layers.append(_titled(assets, ASSETS_TYPE, ASSETS_TITLE))
    return Manifest(
        artifact_type=PACKAGE_TYPE,
        config=Descriptor(media_type=CONFIG_TYPE, digest=config.digest, size=config.size),
        layers=tuple(layers),
    )


def check_contents(config: Config, wasm: bytes, assets: bytes | None) -> Contents:
    """Check that the config describes exactly this wasm and these assets.

    Args:
        config: as read from the package.
        wasm: the bytes of the wasm layer.
        assets: the bytes of the assets layer, or None where the package has none.

    Raises:
        VerificationError: `package-inconsistent`.
        FormatError: malformed wasm or archive, by the reader's own code.
    """
    _check_blob("wasm", wasm, config.wasm.digest, config.wasm.size)
    module = inspect(wasm)
    _agree("imports", config.wasm.imports, module.import_modules())
    _agree("exports", config.wasm.exports, module.export_names())
    entries = _check_assets(config.assets, assets)
    nested = {
        entry.name: inspect(entries[entry.name])
        for entry in (config.assets.executable if config.assets else ())
        if entry.kind == "wasm"
    }
    return Contents(module=module, assets=entries, nested=nested)


def _check_assets(info: AssetsInfo | None, data: bytes | None) -> dict[str, bytes]:
    if info is None or data is None:
        _agree("assets layer", info is not None, data is not None)
        return {}
    _check_blob("assets", data, info.digest, info.size)
    entries = ustar.read(data)
    _agree("executable assets", info.executable, executables(entries))
    return entries


def _check_blob(what: str, data: bytes, digest: str, size: int) -> None:
    _agree(f"{what} size", size, len(data))
    _agree(f"{what} digest", digest, sha256(data))


def _agree(what: str, said: object, found: object) -> None:
    if said != found:
        raise PACKAGE_INCONSISTENT(
            f"the config is wrong about the package's {what}",
            found=str(found)[:200],
            expected=str(said)[:200],
        )


def _check_layer(descriptor: Descriptor, media_type: str, title: str | None, limit: int) -> None:
    if descriptor.media_type != media_type:
        raise PACKAGE_MALFORMED(
            "package has a blob of the wrong type or in the wrong place",
            found=repr(descriptor.media_type)[:100],
            expected=media_type,
        )
    if descriptor.annotations != ({TITLE: title} if title else {}):
        raise PACKAGE_MALFORMED(
            "package has a blob with the wrong annotations",
            found=repr(descriptor.annotations)[:100],
            expected=f"the title {title} alone" if title else "none",
        )
    if descriptor.size > limit:
        raise PACKAGE_MALFORMED(
            f"package's {media_type} blob is too large",
            found=f"{descriptor.size} bytes",
            expected=f"at most {limit}",
        )


def _titled(descriptor: Descriptor, media_type: str, title: str) -> Descriptor:
    return Descriptor(
        media_type=media_type,
        digest=descriptor.digest,
        size=descriptor.size,
        annotations={TITLE: title},
    )
