"""Trivy, run as a stranger: a pinned binary in the sandbox, offline, with its own configuration.

It sees a read-only tree, a read-only database and files made here; whatever configuration, ignore
list or template lies in the tree is not read. Its path rules for secrets are switched off, and
because some cannot be, every file is also scanned under a neutral name. Its exit code is 0 or a
failure: findings are counted from the report, never from the code.
"""

import os
import shutil
import tempfile
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypeVar

from miniseal.formats.errors import Code, EnvironmentalError, MinisealError, VerificationError
from miniseal.pipeline.engines.engine import Engine, Exec, Mount
from miniseal.pipeline.trivy import report
from miniseal.pipeline.trivy.coverage import CANARY_FOLDER, Canary, check_locks
from miniseal.pipeline.trivy.database import Database, file_digest
from miniseal.pipeline.trivy.report import (
    Finding,
    License,
    Misconfiguration,
    Package,
    Scan,
    Secret,
)

__all__ = [
    "SCANNER_FAILED",
    "SCANNER_MISSING",
    "SCANNER_NOT_PINNED",
    "Finding",
    "License",
    "Misconfiguration",
    "Package",
    "Scan",
    "Scanner",
    "Secret",
    "Trivy",
]

SCANNER_MISSING = Code(
    "scanner-missing",
    EnvironmentalError,
    meaning="there is no scanner where one was named, or none on PATH",
    cause="trivy is not installed",
    remedy="install the pinned version of trivy, or name the binary",
)
SCANNER_NOT_PINNED = Code(
    "scanner-not-pinned",
    VerificationError,
    meaning="the scanner is not one of the binaries that the lock pins",
    cause="another version, another build, a launcher script in its place, or a tampered binary",
    remedy="install the pinned version, or renew the lock after looking at the new binary",
)
SCANNER_FAILED = Code(
    "scanner-failed",
    EnvironmentalError,
    meaning="the scanner ended without a report",
    cause="a crash, too little memory, or a database that it cannot read",
    remedy="read the end of its output in the message",
)

_HOME = "/scanner"
_BINARY = f"{_HOME}/trivy"
_CACHE = f"{_HOME}/cache"
_CONFIG = f"{_HOME}/config"
_ROOT = f"{_HOME}/root"
_OUT = f"{_HOME}/out"
_SECONDS = 900.0
_TREE, _PLAIN = "tree", "plain"
_Item = TypeVar("_Item", Finding, Secret, Package, str)

_COMMON = (
    *("--format", "json", "--output", f"{_OUT}/report.json", "--list-all-pkgs"),
    *("--config", f"{_CONFIG}/trivy.yaml", "--ignorefile", f"{_CONFIG}/ignore"),
    *("--cache-dir", _CACHE, "--cache-backend", "memory", "--timeout", f"{_SECONDS:g}s"),
    *(
        "--skip-db-update",
        "--skip-java-db-update",
        "--skip-version-check",
        "--skip-vex-repo-update",
    ),
    *("--offline-scan", "--disable-telemetry", "--no-progress"),
)
_FILES = (
    *("--scanners", "vuln,secret", "--secret-config", f"{_CONFIG}/secret.yaml"),
    *("--module-dir", f"{_CONFIG}/modules"),
    *("--file-patterns", r"pip:[^/]*requirements[^/]*\.txt$"),
)
# Trivy's built-in rules that let secrets in such places pass (pkg/fanal/secret).
_ALLOW_RULES = (
    *("anaconda-log", "examples", "golang", "locale-dir", "markdown", "node.js", "python"),
    *("rubygems", "tests", "usr-dirs", "vendor", "wordpress"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Trivy:
    """A binary that the lock pins.

    Attributes:
        path: where it is.
        digest: of its bytes.
        version: what the lock says it is; each report must say the same.
    """

    path: Path
    digest: str
    version: str

    @classmethod
    def locate(
        cls, named: Path | None, *, search: str, pinned: Collection[str], version: str
    ) -> "Trivy":
        """Find and hash the binary.

        Args:
            named: the binary, where somebody named one.
            search: a PATH on which to look for `trivy` otherwise.
            pinned: the digests of the binaries that may run.
            version: theirs.

        Raises:
            EnvironmentalError: `scanner-missing`.
            VerificationError: `scanner-not-pinned`.
        """
        found = str(named) if named is not None else shutil.which("trivy", path=search)
        if found is None:
            raise SCANNER_MISSING("trivy is not on PATH")
        try:
            path = Path(found).resolve()
            digest = file_digest(path)
        except (OSError, RuntimeError) as error:  # RuntimeError: a loop of links, until Python 3.13
            reason = error.strerror if isinstance(error, OSError) else "a loop of links"
            raise SCANNER_MISSING(f"{found!r} cannot be read: {reason}") from error
        if digest not in pinned:
            raise SCANNER_NOT_PINNED(
                f"{found!r} is not a pinned scanner", found=digest, expected=f"trivy {version}"
            )
        return cls(path=path, digest=digest, version=version)


@dataclass(frozen=True, slots=True, kw_only=True)
class Scanner:
    """A binary with a database and a place to run.

    Attributes:
        engine: runs it; one that isolates.
        trivy: the binary.
        database: what it looks vulnerabilities up in.
    """

    engine: Engine
    trivy: Trivy
    database: Database

    async def source(self, tree: Path) -> Scan:
        """Scan a source tree: lock files and secrets; targets are paths below `tree`.

        Raises:
            EnvironmentalError: `scanner-failed`, and the engine's.
            FormatError: `scan-malformed`.
            VerificationError: `scan-empty`, `scan-incomplete`, `scanner-not-pinned`.
        """
        scan = await self._files("fs", tree, ("--include-dev-deps",))
        check_locks(tree, scan)
        return scan

    async def package(self, tree: Path) -> Scan:
        """Scan an unpacked package: what is embedded in executable wasm files, and secrets.

        Raises:
            EnvironmentalError: `scanner-failed`, and the engine's.
            FormatError: `scan-malformed`.
            VerificationError: `scan-empty`, `scanner-not-pinned`.
        """
        return await self._files("rootfs", tree, ())

    async def sbom(self, document: bytes) -> Scan:
        """Scan the components of a CycloneDX document.

        Raises:
            EnvironmentalError: `scanner-failed`, and the engine's.
            FormatError: `scan-malformed`.
            VerificationError: `scanner-not-pinned`.
        """
        with tempfile.TemporaryDirectory(prefix="miniseal-") as name:
            file = Path(name) / "bom.json"
            file.write_bytes(document)
            mount = Mount(path=f"{_ROOT}/bom.json", host=file)
            scan = await self._run("sbom", ("--scanners", "vuln"), "bom.json", (mount,))
        return _moved(scan, lambda _: "")

    async def _files(self, mode: str, tree: Path, options: tuple[str, ...]) -> Scan:
        canary = Canary.new()
        with tempfile.TemporaryDirectory(prefix="miniseal-") as name:
            beside = Path(name)
            for part in (_PLAIN, CANARY_FOLDER):
                (beside / part).mkdir()
            canary.write(beside / CANARY_FOLDER)
            names = _neutral_copies(tree, beside / _PLAIN)
            mounts = (
                Mount(path=f"{_ROOT}/{_TREE}", host=tree),
                *(
                    Mount(path=f"{_ROOT}/{part}", host=beside / part)
                    for part in (_PLAIN, CANARY_FOLDER)
                ),
            )
            scan = await self._run(mode, (*_FILES, *options), "", mounts)
        own = canary.take(scan, wasm=mode == "rootfs")
        return _moved(own, lambda target: names.get(target, target.removeprefix(f"{_TREE}/")))

    async def _run(
        self, mode: str, options: tuple[str, ...], target: str, mounts: tuple[Mount, ...]
    ) -> Scan:
        with tempfile.TemporaryDirectory(prefix="miniseal-") as name:
            _write_config(Path(name))
            command = Exec(
                argv=(_BINARY, mode, *_COMMON, *options, f"{_ROOT}/{target}".rstrip("/")),
                inputs=(
                    Mount(path=_BINARY, host=self.trivy.path),
                    Mount(path=f"{_CACHE}/db", host=self.database.folder),
                    Mount(path=_CONFIG, host=Path(name)),
                    *mounts,
                ),
                outputs=(_OUT,),
                cwd=_CONFIG,
                timeout_seconds=_SECONDS,
            )
            result = await self.engine.run(command)
        if result.exit_code != 0:
            raise _failure(mode, f"exit code {result.exit_code}", result.stderr)
        try:
            with (result.outputs[_OUT] / "report.json").open("rb") as file:
                data = file.read(report.REPORT_LIMIT + 1)
        except OSError as error:
            raise _failure(mode, "no report", result.stderr) from error
        return self._checked(report.from_bytes(data))

    def _checked(self, scan: Scan) -> Scan:
        if scan.version != self.trivy.version:
            raise SCANNER_NOT_PINNED(
                "the scanner reports another version",
                found=repr(scan.version)[:60],
                expected=self.trivy.version,
            )
        return scan


def _failure(mode: str, what: str, stderr: bytes) -> MinisealError:
    tail = stderr[-2000:].decode(errors="replace").strip()
    return SCANNER_FAILED(f"trivy {mode} failed: {tail}", found=what, expected="a report")


def _write_config(folder: Path) -> None:
    rules = "".join(f"  - {name}\n" for name in _ALLOW_RULES)
    folder.joinpath("secret.yaml").write_text(f"disable-allow-rules:\n{rules}", encoding="ascii")
    for name in ("trivy.yaml", "ignore"):
        folder.joinpath(name).write_bytes(b"")


def _neutral_copies(tree: Path, plain: Path) -> dict[str, str]:
    """Put every regular file of `tree` into `plain` under a number; say which is which.

    No rule about folders, names or endings applies to such a name.
    """
    names: dict[str, str] = {}
    for folder, folders, files in os.walk(tree):
        folders.sort()
        for name in sorted(files):
            path = Path(folder, name)
            if path.is_symlink() or not path.is_file():
                continue
            neutral = f"{len(names):06}"
            _link(path, plain / neutral)
            names[f"{_PLAIN}/{neutral}"] = path.relative_to(tree).as_posix()
    return names


def _link(source: Path, target: Path) -> None:
    try:
        os.link(source, target)
    except OSError:  # another file system, or links to other people's files are forbidden
        shutil.copy(source, target)


def _moved(scan: Scan, place: Callable[[str], str]) -> Scan:
    """`scan` with other targets; what then is twice the same is one."""
    return replace(
        scan,
        findings=_unique(replace(item, target=place(item.target)) for item in scan.findings),
        secrets=_unique(replace(item, target=place(item.target)) for item in scan.secrets),
        packages=_unique(replace(item, target=place(item.target)) for item in scan.packages),
        targets=_unique(map(place, scan.targets)),
    )


def _unique(items: Iterable[_Item]) -> tuple[_Item, ...]:
    return tuple(sorted(set(items)))
