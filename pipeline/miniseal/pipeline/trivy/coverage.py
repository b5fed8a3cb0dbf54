"""Whether a scan saw what it was given: one that left something out is a failure, not a pass.

Lock files and container files of a tree, the components of a bill of materials, and what is listed
inside a wasm file have to come back from the scanner.
"""

import os
import re
from collections.abc import Iterable, Iterator
from pathlib import Path

from miniseal.formats.errors import Code, VerificationError
from miniseal.pipeline.trivy.scan import Package, Scan

__all__ = [
    "SCAN_INCOMPLETE",
    "check_components",
    "check_locks",
    "check_modules",
    "check_settings",
    "files",
]

SCAN_INCOMPLETE = Code(
    "scan-incomplete",
    VerificationError,
    meaning="a scan left out a file or a component, so what is wrong with it stays unseen",
    cause="a lock file without exact versions or of a kind that the scanner does not read, or a "
    "file that it cannot parse",
    remedy="pin exact versions, and repair or replace the file that the message names",
)

_SKIPPED = frozenset({".git", "node_modules"})
_LOCK_LIMIT = 64 * 1024 * 1024

# File name, and what is in one that lists a package. The last four are of kinds that no version of
# the scanner reads so far: a source that has one cannot be scanned.
_LOCKS: tuple[tuple[str, bytes], ...] = (
    (r"package-lock\.json", rb'"node_modules/|"resolved"\s*:'),
    (r"yarn\.lock", rb"(?m)^\s+resolved |@npm:"),
    (r"pnpm-lock\.yaml", rb"(?m)^packages:\s*\n+\s+\S"),
    (r"bun\.lock", rb'"packages"\s*:\s*\{\s*"'),
    (r"(Cargo|uv|poetry)\.lock", rb"(?m)^\[\[package\]\]"),
    (r"pylock(\.[^.]+)?\.toml", rb"(?m)^\[\[packages\]\]"),
    (r"Pipfile\.lock", rb'"version"\s*:'),
    (r"go\.mod", rb"(?m)^\s*module\s"),
    (r"Gemfile\.lock", rb"(?m)^    \S+ \("),
    (r"composer\.lock", rb'"version"\s*:'),
    (r"pom\.xml", rb"<artifactId>"),
    (r".*gradle\.lockfile", rb"(?m)^[^#\s=:]+:[^=:]+:[^=]+="),
    (r"packages\.lock\.json", rb'"resolved"\s*:'),
    (r"pubspec\.lock", rb"(?m)^    version:"),
    (r"mix\.lock", rb":hex,"),
    (r"Package\.resolved", rb'"version"\s*:'),
    (r"Podfile\.lock", rb"(?m)^  - \S"),
    (r"conan\.lock", rb"/"),
    (r"npm-shrinkwrap\.json", rb'"node_modules/|"resolved"\s*:'),
    (r"pdm\.lock", rb"(?m)^\[\[package\]\]"),
    (r"bun\.lockb", rb"."),
    (r"deno\.lock", rb'"(npm|jsr|remote)"\s*:\s*\{\s*"'),
)
_CONTAINER_FILE = re.compile(
    r"(?i)(docker|container)file(\.(?!dockerignore$).+)?|.+\.(docker|container)file"
)
_INSTRUCTION = re.compile(rb"(?im)^[ \t]*FROM\s")
_REQUIREMENTS = re.compile(r"[^/]*requirements[^/]*\.txt")
_REQUIREMENT = re.compile(rb"(?m)^[ \t]*([A-Za-z0-9][A-Za-z0-9._-]*)")

# Package URL types that the scanner looks up.
_ECOSYSTEMS = frozenset(
    {
        *("bitnami", "cargo", "cocoapods", "composer", "conan", "conda", "gem", "golang", "hex"),
        *("julia", "maven", "npm", "nuget", "pub", "pypi", "swift"),
    }
)


def check_locks(tree: Path, scan: Scan) -> None:
    """Every lock file below `tree` that lists packages must be a target of `scan` with packages.

    Raises:
        VerificationError: `scan-incomplete`, naming the files.
        OSError: the tree cannot be read.
    """
    listed: dict[str, set[str]] = {}
    for package in scan.packages:
        listed.setdefault(package.target, set()).add(_normal(package.name))
    missing = [
        f"{path} ({what})"
        for path in files(tree)
        if (what := _uncovered(tree / path, listed.get(path, set()))) is not None
    ]
    if missing:
        raise SCAN_INCOMPLETE("the scan left out lock files", found=", ".join(missing)[:2000])


def check_settings(tree: Path, scan: Scan) -> None:
    """Every container file below `tree` that has an instruction must be a target of `scan`.

    Raises:
        VerificationError: `scan-incomplete`, naming the files.
        OSError: the tree cannot be read.
    """
    missing = [
        path
        for path in files(tree)
        if path not in scan.targets
        and _CONTAINER_FILE.fullmatch(path.rpartition("/")[2])
        and _INSTRUCTION.search(_content(tree / path))
    ]
    if missing:
        raise SCAN_INCOMPLETE("the scan left out container files", found=", ".join(missing)[:2000])


def check_modules(names: Iterable[str], scan: Scan) -> None:
    """Each of these wasm files, which list what they were built from, must have been read.

    Raises:
        VerificationError: `scan-incomplete`, naming them.
    """
    read = {package.target for package in scan.packages}
    if missing := sorted(set(names) - read):
        raise SCAN_INCOMPLETE(
            "the scan left out the dependencies inside wasm", found=", ".join(missing)[:2000]
        )


def _uncovered(path: Path, listed: set[str]) -> str | None:
    """What of a lock file is not among `listed`; None where all is, or it is no lock file."""
    if _REQUIREMENTS.fullmatch(path.name):
        wanted = {_normal(name.decode()) for name in _REQUIREMENT.findall(_content(path))}
        return ", ".join(sorted(wanted - listed)[:5]) or None
    for name, lists_something in _LOCKS:
        if re.fullmatch(name, path.name):
            empty = re.search(lists_something, _content(path)) is None
            return None if listed or empty else "nothing"
    return None


def _content(path: Path) -> bytes:
    with path.open("rb") as file:
        return file.read(_LOCK_LIMIT)


def _normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def files(tree: Path) -> Iterator[str]:
    """The files below `tree`, as paths in order, but those of git and of installed packages."""
    for folder, names, files in os.walk(tree):
        names[:] = sorted(name for name in names if name not in _SKIPPED)
        yield from (Path(folder, name).relative_to(tree).as_posix() for name in sorted(files))


def check_components(purls: Iterable[str], scan: Scan, what: str = "the bill") -> None:
    """Every package URL of an ecosystem that the scanner looks up must be in its SBOM scan.

    `what` names the bill in errors. The scanner looks a component up by its name and version, not
    by its URL: where they do not agree, the component counts as left out.

    Raises:
        VerificationError: `scan-incomplete`, naming them.
    """
    try:
        seen = {_key(package.purl) for package in scan.packages if _agrees(package)}
        wanted = {text: _key(text) for text in purls}
    except ValueError as error:
        raise SCAN_INCOMPLETE(f"a package URL of {what} cannot be read: {error}") from error
    missing = sorted(
        text for text, parts in wanted.items() if parts[0] in _ECOSYSTEMS and parts not in seen
    )
    if missing:
        raise SCAN_INCOMPLETE(
            f"the scan left out components of {what}", found=", ".join(missing)[:2000]
        )


def _agrees(package: Package) -> bool:
    if not package.purl:
        return False
    _, place, name, version = _key(package.purl)
    names = {f"{place}/{name}", f"{place}:{name}"} if place else {name}
    return package.version == version and _normal(package.name) in map(_normal, names)


def _key(text: str) -> tuple[str, str, str, str]:
    """Type, namespace, name and version, in one spelling."""
    from packageurl import PackageURL  # only SBOM scans need the pipeline's extra

    purl = PackageURL.from_string(text)
    return purl.type, (purl.namespace or "").lower(), _normal(purl.name), purl.version or ""
