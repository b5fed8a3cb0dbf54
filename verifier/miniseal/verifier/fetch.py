"""A package from a source: resolved once, then everything by digest, bounded and checked.

First manifest and config, so that a package that will be refused anyway is not downloaded; then the
content. The source's own checks are not relied upon. What the package is allowed is not decided
here.
"""

from miniseal.formats.digest import DIGEST_MISMATCH, check_content, check_digest
from miniseal.formats.oci import MANIFEST_LIMIT, Descriptor
from miniseal.formats.package import ASSETS_LIMIT, CONFIG_LIMIT, Package
from miniseal.formats.strictjson import TOO_LARGE
from miniseal.formats.wasm.sections import WASM_LIMIT
from miniseal.verifier.contents import Content, Fetched
from miniseal.verifier.source import Source

__all__ = ["fetch", "fetch_content", "read_checked"]


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
    named = Package.from_manifest(manifest).config
    config = read_checked(source, named, CONFIG_LIMIT, "the package config")
    return Fetched.of(manifest, config, tag=None if by_digest else reference)


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
    return Content.of(fetched, wasm, assets)


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
