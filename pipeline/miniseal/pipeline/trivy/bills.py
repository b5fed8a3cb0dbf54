"""Bills of materials that lie in a tree: which files they are, and which packages they list.

The scanner reads some of them in some modes, and passes over one that it cannot read. Here each is
found by its name and read for its package URLs, so that it can be scanned by itself and everything
in it be asked back. Components without a package URL are nobody's to look up.
"""

import re
from collections.abc import Iterator
from pathlib import Path

from miniseal.formats import strictjson
from miniseal.formats.errors import MinisealError
from miniseal.pipeline.trivy.coverage import SCAN_INCOMPLETE, files

__all__ = ["BILLS_MOST", "BILL_LIMIT", "bills", "purls"]

BILL_LIMIT = 16 * 1024 * 1024
BILLS_MOST = 32

_BILL = re.compile(r"(?i).+\.(cdx|spdx)(\.json|\.xml)?")
_PERHAPS = re.compile(r"(?i)(.+[.-])?s?bom\.(json|xml)")
_MARK = re.compile(
    rb'"bomFormat"\s*:\s*"CycloneDX"|"spdxVersion"\s*:|^SPDXVersion:|cyclonedx\.org/schema/bom'
)
_TAG_VALUE = re.compile(r"(?m)^ExternalRef:\s*PACKAGE[-_]MANAGER\s+purl\s+(\S+)")


def bills(tree: Path) -> dict[str, bytes]:
    """The bills below `tree`, by path.

    Raises:
        VerificationError: `scan-incomplete`, where there are too many, or one is too large.
        OSError: the tree cannot be read.
    """
    found: dict[str, bytes] = {}
    for path in files(tree):
        name = path.rpartition("/")[2]
        if (tree / path).is_symlink() or not (_BILL.fullmatch(name) or _PERHAPS.fullmatch(name)):
            continue
        data = _content(tree, path)
        if _BILL.fullmatch(name) or _MARK.search(data):
            found[path] = data
    if len(found) > BILLS_MOST:
        raise SCAN_INCOMPLETE(
            "the tree has too many bills of materials",
            found=str(len(found)),
            expected=f"at most {BILLS_MOST}",
        )
    return found


def purls(data: bytes, what: str) -> list[str]:
    """The package URLs that a bill lists: CycloneDX or SPDX as JSON, or SPDX as tags and values.

    Raises:
        VerificationError: `scan-incomplete`, where it is none of them.
    """
    if data.startswith(b"SPDXVersion:"):
        return _TAG_VALUE.findall(data.decode("utf-8", "replace"))
    try:
        value = strictjson.loads(data, limit=BILL_LIMIT, what=what, floats=True)
    except MinisealError as error:
        raise SCAN_INCOMPLETE(f"{what} is no bill of materials that can be read") from error
    members: dict[str, object] = value if isinstance(value, dict) else {}  # pyright: ignore[reportUnknownVariableType]
    if members.get("bomFormat") == "CycloneDX":
        return list(_components(members))
    if "spdxVersion" in members:
        return list(_packages(members))
    raise SCAN_INCOMPLETE(f"{what} is no bill of materials of a kind that the scanner reads")


def _content(tree: Path, path: str) -> bytes:
    with (tree / path).open("rb") as file:
        data = file.read(BILL_LIMIT + 1)
    if len(data) > BILL_LIMIT:
        raise SCAN_INCOMPLETE(f"{path} is too large", expected=f"at most {BILL_LIMIT} bytes")
    return data


def _components(members: dict[str, object]) -> Iterator[str]:
    """Of a CycloneDX document: its components, and those inside them."""
    for component in _objects(members, "components"):
        if isinstance(url := component.get("purl"), str):
            yield url
        yield from _components(component)


def _packages(members: dict[str, object]) -> Iterator[str]:
    for package in _objects(members, "packages"):
        for reference in _objects(package, "externalRefs"):
            url = reference.get("referenceLocator")
            if reference.get("referenceType") == "purl" and isinstance(url, str):
                yield url


def _objects(members: dict[str, object], name: str) -> list[dict[str, object]]:
    items = members.get(name)
    return [item for item in items if isinstance(item, dict)] if isinstance(items, list) else []  # pyright: ignore[reportUnknownVariableType]
