"""A package from a source: resolved once, then everything by digest, bounded and checked.

First manifest and config, so that a package that will be refused anyway is not downloaded; then the
content. The source's own checks are not relied upon. What the package is allowed is not decided
here.
"""

from dataclasses import dataclass

from miniseal.formats.digest import DIGEST_MISMATCH, check_content, check_digest
from miniseal.formats.digest import sha256 as digest_of
from miniseal.formats.oci import MANIFEST_LIMIT, Descriptor
from miniseal.formats.package import (
    ASSETS_LIMIT,
    CONFIG_LIMIT,
    Config,
    Contents,
    Package,
    check_contents,
)
from miniseal.formats.strictjson import TOO_LARGE
from miniseal.formats.wasm.sections import WASM_LIMIT
from miniseal.verifier.source import Source

__all__ = ["Content", "Fetched", "fetch", "fetch_content", "read_checked"]


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

    def wasm_digests(self) -> tuple[str, ...]:
        """Digests of the main module and of every nested one."""
        nested = (digest_of(self.parts.assets[name]) for name in self.parts.nested)
        return digest_of(self.wasm), *nested


def fetch(source: Source, reference: str) -> Fetched:
    """Resolve `reference`, a tag or a digest, and read manifest and config.

    Raises:
        VerificationError: `digest-mismatch`.
        FormatError: `package-malformed` and what else a manifest or config can be refused for.
    """
    by_digest = reference.startswith("sha256:")
    descriptor = source.resolve(check_digest(reference) if by_digest else reference)
    if by_digest and descriptor.digest != reference:
        raise DIGEST_MISMATCH(
            "the store resolved a digest to another", found=descriptor.digest, expected=reference
        )
    manifest = read_checked(source, descriptor, MANIFEST_LIMIT, "the package manifest")
    package = Package.from_manifest(manifest)
    config = read_checked(source, package.config, CONFIG_LIMIT, "the package config")
    return Fetched(
        tag=None if by_digest else reference,
        descriptor=descriptor,
        manifest=manifest,
        package=package,
        config_bytes=config,
        config=Config.from_bytes(config),
    )


def fetch_content(source: Source, fetched: Fetched) -> Content:
    """Read the layers and check that the config describes them.

    Raises:
        VerificationError: `digest-mismatch`, `package-inconsistent`.
        FormatError: malformed wasm or archive, by the reader's own code.
    """
    package = fetched.package
    wasm = read_checked(source, package.wasm, WASM_LIMIT, "the wasm")
    assets = (
        None
        if package.assets is None
        else read_checked(source, package.assets, ASSETS_LIMIT, "the assets")
    )
    return Content(wasm=wasm, assets=assets, parts=check_contents(fetched.config, wasm, assets))


def read_checked(source: Source, descriptor: Descriptor, limit: int, what: str) -> bytes:
    """Content from a source, whatever the source itself checks; `what` names it in errors.

    Raises:
        VerificationError: `digest-mismatch`.
        FormatError: `too-large`.
    """
    if descriptor.size > limit:
        raise TOO_LARGE(
            f"{what} is too large", found=f"{descriptor.size} bytes", expected=f"at most {limit}"
        )
    data = source.read(descriptor, limit=limit)
    return check_content(data, descriptor.digest, descriptor.size, what)
