"""Whether a scan saw what it had to see: one that covered nothing is a failure, not a pass.

A canary lies beside the scanned tree: a token that looks like a secret, a lock file and, for a
package, a wasm file with a dependency list. A scan without them saw nothing. Lock files of the
source and components of the SBOM must come back too.
"""

import json
import os
import re
import secrets
import zlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from miniseal.formats.errors import Code, VerificationError
from miniseal.pipeline.trivy.report import Package, Scan

__all__ = [
    "CANARY_FOLDER",
    "SCAN_EMPTY",
    "SCAN_INCOMPLETE",
    "Canary",
    "check_components",
    "check_locks",
    "wasm_canary",
]

SCAN_EMPTY = Code(
    "scan-empty",
    VerificationError,
    meaning="a scan did not find what was put there to be found, so it saw nothing",
    cause="the scanner skipped the folder, or does not understand its files in this mode",
    remedy="use the pinned version of the scanner; report the message if it is the pinned one",
)
SCAN_INCOMPLETE = Code(
    "scan-incomplete",
    VerificationError,
    meaning="a scan left out a lock file or a component, so a vulnerability in it stays unseen",
    cause="a lock file without exact versions, or of a kind that the scanner does not read",
    remedy="pin exact versions, or replace the lock file by one of a kind that the scanner reads",
)

CANARY_FOLDER = "canary"
_CANARY = "miniseal-canary"
_RULE = "github-pat"
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
_REQUIREMENTS = re.compile(r"[^/]*requirements[^/]*\.txt")
_REQUIREMENT = re.compile(rb"(?m)^[ \t]*([A-Za-z0-9][A-Za-z0-9._-]*)")

# Package URL types that the scanner looks up.
_ECOSYSTEMS = frozenset(
    {
        *("bitnami", "cargo", "cocoapods", "composer", "conan", "conda", "gem", "golang", "hex"),
        *("julia", "maven", "npm", "nuget", "pub", "pypi", "swift"),
    }
)


@dataclass(frozen=True, slots=True)
class Canary:
    """What is put beside a tree and must be found.

    Attributes:
        token: looks like a secret and is none; new for every scan, so that nothing can know it.
    """

    token: str

    @classmethod
    def new(cls) -> "Canary":
        """One that nobody has seen."""
        return cls("ghp" + "_" + secrets.token_hex(18))

    def write(self, folder: Path) -> None:
        """Make the canary's files in `folder`."""
        (folder / "secret.txt").write_text(f"token = '{self.token}'\n", encoding="ascii")
        package = f'version = 3\n\n[[package]]\nname = "{_CANARY}"\nversion = "1.0.0"\n'
        (folder / "Cargo.lock").write_text(package, encoding="ascii")
        (folder / "app.wasm").write_bytes(wasm_canary())
        (folder / "app.wasm").chmod(0o755)

    def take(self, scan: Scan, *, wasm: bool) -> Scan:
        """`scan` without the canary, which must be in it; `wasm` says whether wasm is read.

        Raises:
            VerificationError: `scan-empty`.
        """
        listed = {(item.target, item.name) for item in scan.packages}
        tokens = {(item.target, item.rule) for item in scan.secrets}
        wanted = {f"{CANARY_FOLDER}/Cargo.lock", *([f"{CANARY_FOLDER}/app.wasm"] if wasm else [])}
        missing = sorted(target for target in wanted if (target, _CANARY) not in listed)
        if (f"{CANARY_FOLDER}/secret.txt", _RULE) not in tokens:
            missing.append(f"{CANARY_FOLDER}/secret.txt")
        if missing:
            raise SCAN_EMPTY("the scan did not find its canary", expected=", ".join(missing))
        return replace(
            scan,
            findings=tuple(item for item in scan.findings if not _is_canary(item.target)),
            secrets=tuple(item for item in scan.secrets if not _is_canary(item.target)),
            packages=tuple(item for item in scan.packages if not _is_canary(item.target)),
            targets=tuple(item for item in scan.targets if not _is_canary(item)),
        )


def _is_canary(target: str) -> bool:
    return target.startswith(f"{CANARY_FOLDER}/")


def wasm_canary() -> bytes:
    """An empty wasm module with a dependency list as `cargo auditable` embeds it."""
    package = {"name": _CANARY, "version": "1.0.0", "source": "crates.io", "root": True}
    section = b"\x07.dep-v0" + zlib.compress(json.dumps({"packages": [package]}).encode())
    return b"\0asm\x01\0\0\0\0" + _leb128(len(section)) + section


def _leb128(value: int) -> bytes:
    return bytes([value & 0x7F | 0x80, value >> 7]) if value > 0x7F else bytes([value])


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
        for path in _files(tree)
        if (what := _uncovered(tree / path, listed.get(path, set()))) is not None
    ]
    if missing:
        raise SCAN_INCOMPLETE("the scan left out lock files", found=", ".join(missing)[:2000])


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


def _files(tree: Path) -> Iterator[str]:
    for folder, names, files in os.walk(tree):
        names[:] = sorted(name for name in names if name not in _SKIPPED)
        yield from (Path(folder, name).relative_to(tree).as_posix() for name in sorted(files))


def check_components(purls: Iterable[str], scan: Scan) -> None:
    """Every package URL of an ecosystem that the scanner looks up must be in its SBOM scan.

    The scanner looks a component up by its name and version, not by its URL: where they do not
    agree, the component counts as left out.

    Raises:
        VerificationError: `scan-incomplete`, naming them.
    """
    try:
        seen = {_key(package.purl) for package in scan.packages if _agrees(package)}
        wanted = {text: _key(text) for text in purls}
    except ValueError as error:
        raise SCAN_INCOMPLETE(f"a package URL cannot be read: {error}") from error
    missing = sorted(
        text for text, parts in wanted.items() if parts[0] in _ECOSYSTEMS and parts not in seen
    )
    if missing:
        raise SCAN_INCOMPLETE("the scan left out components", found=", ".join(missing)[:2000])


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
