"""sbom: a CycloneDX bill of the package's parts, the same bytes for the same inputs.

Packages and their licences come from trivy's reading of the lock files; the wasm, its assets and
the tools that built it are added. The serial number is derived from the content and there is no
time, so that two runs agree. A package whose licence no file states has none here.
"""

# The library's serialisation decorators hide its classes from pyright; mypy sees them.
# pyright: reportCallIssue=false, reportAttributeAccessIssue=false
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false
# pyright: reportUnknownArgumentType=false, reportArgumentType=false, reportReturnType=false

import json
import uuid
from collections.abc import Iterable

from cyclonedx import spdx
from cyclonedx.model import HashAlgorithm, HashType
from cyclonedx.model.bom import Bom, BomMetaData
from cyclonedx.model.component import Component, ComponentScope, ComponentType
from cyclonedx.model.license import DisjunctiveLicense, License, LicenseExpression
from cyclonedx.output.json import JsonV1Dot6
from packageurl import PackageURL

from miniseal.formats.config import Config
from miniseal.packager import Tool
from miniseal.pipeline.trivy.coverage import SCAN_INCOMPLETE
from miniseal.pipeline.trivy.scan import Package

__all__ = ["bill_of", "tool_url"]

_NAMESPACE = uuid.uuid5(uuid.NAMESPACE_URL, "https://miniseal.dev/sbom/v1")


def bill_of(
    config: Config, packages: Iterable[Package], tools: Iterable[Tool], *, package_digest: str
) -> dict[str, object]:
    """The CycloneDX 1.6 document of a package.

    Args:
        config: of the package.
        packages: what trivy read from the source's lock files and in the package.
        tools: what built the wasm; listed as `excluded`, since they are not shipped.
        package_digest: of the package's manifest; makes the serial number.

    Raises:
        VerificationError: `scan-incomplete`, for a package URL that cannot be read.
    """
    main = Component(
        bom_ref="package",
        name=config.manifest.app_id,
        version=config.manifest.version_name,
        type=ComponentType.APPLICATION,
        hashes=[_hash(config.wasm.digest)],
    )
    parts = {part.bom_ref.value: part for part in _shipped(config)}
    found: dict[str, list[Package]] = {}
    for package in packages:
        if package.purl:
            found.setdefault(package.purl, []).append(package)
    for url, same in found.items():
        parts[url] = _library(url, ComponentScope.REQUIRED, same)
    for tool in tools:
        url = tool_url(tool)
        parts.setdefault(url, _library(url, ComponentScope.EXCLUDED, []))
    bom = Bom(
        serial_number=uuid.uuid5(_NAMESPACE, package_digest),
        metadata=BomMetaData(component=main),
        components=parts.values(),
    )
    bom.register_dependency(main, parts.values())
    document: dict[str, object] = json.loads(JsonV1Dot6(bom).output_as_string())
    metadata = document["metadata"]
    if isinstance(metadata, dict):
        metadata.pop("timestamp", None)
    return document


def tool_url(tool: Tool) -> str:
    """The package URL of a tool; its sources are named as package URLs name them."""
    namespace, _, name = tool.name.rpartition("/")
    return PackageURL(tool.source, namespace or None, name, tool.version).to_string()


def _shipped(config: Config) -> list[Component]:
    parts = [_file("app.wasm", config.wasm.digest)]
    if config.assets is not None:
        parts.append(_file("assets.tar", config.assets.digest))
    return parts


def _file(name: str, digest: str) -> Component:
    return Component(bom_ref=name, name=name, type=ComponentType.FILE, hashes=[_hash(digest)])


def _library(url: str, scope: ComponentScope, packages: list[Package]) -> Component:
    """A component for a package, in however many files it was found."""
    try:
        purl = PackageURL.from_string(url)
    except ValueError as error:  # the scanner's own word, from somebody else's bill
        raise SCAN_INCOMPLETE(f"a package URL cannot be read: {error}", found=url[:200]) from error
    group, name = _written(purl, packages)
    return Component(
        bom_ref=url,
        name=name,
        group=group,
        version=purl.version,
        purl=purl,
        type=ComponentType.LIBRARY,
        scope=scope,
        licenses=_licenses(sorted({text for each in packages for text in each.licenses})),
    )


def _written(purl: PackageURL, packages: list[Package]) -> tuple[str | None, str]:
    """Group and name. A URL spells a Go module in lower case; it is looked up as it is written."""
    written = min((package.name for package in packages), default="")
    if purl.type == "golang" and f"{purl.namespace}/{purl.name}".lower() == written.lower():
        group, _, name = written.rpartition("/")
        return group, name
    return purl.namespace, purl.name


def _licenses(texts: list[str]) -> list[License]:
    """All of them hold; CycloneDX takes several licences, or else one expression alone."""
    identifiers = {text: spdx.fixup_id(text) for text in texts}
    compound = [text for text in texts if not identifiers[text] and spdx.is_expression(text)]
    if not compound:
        return [_license(identifiers[text], text) for text in texts]
    if all(text in compound or identifiers[text] for text in texts):
        joined = " AND ".join(f"({text})" for text in texts)
        return [LicenseExpression(texts[0] if len(texts) == 1 else joined)]
    return [_license(None, text) for text in texts]


def _license(identifier: str | None, text: str) -> License:
    return DisjunctiveLicense(id=identifier) if identifier else DisjunctiveLicense(name=text)


def _hash(digest: str) -> HashType:
    return HashType(alg=HashAlgorithm.SHA_256, content=digest.removeprefix("sha256:"))
