"""Trivy, run as a stranger: a pinned binary in the sandbox, offline, with its own configuration.

It sees copies made for it, a read-only database and files made here; whatever configuration, ignore
list or template lies in the tree is not read, and a file cannot switch checks off for itself. Its
exit code is 0 or a failure: findings are counted from the report, never from the code. What it says
it could not read is a failure too.
"""

import tempfile
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

from miniseal.formats.errors import Code, EnvironmentalError, MinisealError
from miniseal.pipeline.engines.engine import Engine, Exec, Mount
from miniseal.pipeline.trivy import report
from miniseal.pipeline.trivy.bills import bills, purls
from miniseal.pipeline.trivy.binary import SCANNER_NOT_PINNED, Trivy
from miniseal.pipeline.trivy.canary import CANARY_FOLDER, Canary
from miniseal.pipeline.trivy.coverage import (
    SCAN_INCOMPLETE,
    check_components,
    check_locks,
    check_settings,
)
from miniseal.pipeline.trivy.database import Database
from miniseal.pipeline.trivy.headers import declared
from miniseal.pipeline.trivy.scan import Scan
from miniseal.pipeline.trivy.settings import may_configure
from miniseal.pipeline.trivy.view import View

__all__ = ["SCANNER_FAILED", "Scan", "Scanner", "ScannerFacts", "Trivy"]

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
_LINES_MOST = 20
_EMBEDDED = "[misconfig] Falling back to embedded checks"

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
    *("--secret-config", f"{_CONFIG}/secret.yaml", "--module-dir", f"{_CONFIG}/modules"),
    *("--file-patterns", r"pip:[^/]*requirements[^/]*\.txt$"),
)
# Texts of licences and settings of configuration files are looked for in the source alone: it takes
# a second each time, and all that is shipped as it is lies in the source too.
_SOURCE = ("--include-dev-deps", "--license-full", "--skip-check-update", "--scanners")
_PACKAGE = ("--scanners", "vuln,secret,license")
_BILL = ("--scanners", "vuln,license")
# Trivy's built-in rules that let secrets in such places pass (pkg/fanal/secret).
_ALLOW_RULES = (
    *("anaconda-log", "examples", "golang", "locale-dir", "markdown", "node.js", "python"),
    *("rubygems", "tests", "usr-dirs", "vendor", "wordpress"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class ScannerFacts:
    """What scanned, and what with.

    Attributes:
        scanner: the binary's digest.
        version: what the lock says it is.
        database: the digest of what vulnerabilities were looked up in.
        updated: when that was made, seconds since 1970.
    """

    scanner: str
    version: str
    database: str
    updated: int


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

    @property
    def facts(self) -> ScannerFacts:
        """What its scans say of it."""
        return ScannerFacts(
            scanner=self.trivy.digest,
            version=self.trivy.version,
            database=self.database.digest,
            updated=self.database.updated,
        )

    async def source(self, tree: Path) -> Scan:
        """Scan a source tree: lock files, secrets, licences, settings, bills of materials.

        Targets are paths below `tree`. Settings are checked where there may be any.

        Raises:
            EnvironmentalError: `scanner-failed`, and the engine's.
            FormatError: `scan-malformed`.
            VerificationError: `scan-empty`, `scan-incomplete`, `scanner-not-pinned`.
        """
        settings = may_configure(tree)
        scanners = "vuln,secret,license,misconfig" if settings else "vuln,secret,license"
        canary = Canary.new(installed=False, settings=settings)
        scan = await self._tree("fs", tree, (*_SOURCE, scanners), canary)
        check_locks(tree, scan)
        check_settings(tree, scan)
        return scan

    async def package(self, tree: Path) -> Scan:
        """Scan an unpacked package: secrets, bills, and what wasm files and packages in it list.

        Raises:
            EnvironmentalError: `scanner-failed`, and the engine's.
            FormatError: `scan-malformed`.
            VerificationError: `scan-empty`, `scan-incomplete`, `scanner-not-pinned`.
        """
        return await self._tree("rootfs", tree, _PACKAGE, Canary.new(installed=True))

    async def sbom(self, document: bytes) -> Scan:
        """Scan the components of a CycloneDX or SPDX document.

        Raises:
            EnvironmentalError: `scanner-failed`, and the engine's.
            FormatError: `scan-malformed`.
            VerificationError: `scanner-not-pinned`.
        """
        with tempfile.TemporaryDirectory(prefix="miniseal-") as name:
            file = Path(name) / "bom.json"
            file.write_bytes(document)
            mount = Mount(path=f"{_ROOT}/bom.json", host=file)
            scan = await self._run("sbom", _BILL, "bom.json", (mount,))
        return scan.moved(lambda _: "")

    async def _tree(self, mode: str, tree: Path, options: tuple[str, ...], canary: Canary) -> Scan:
        wanted = {path: (data, purls(data, path)) for path, data in bills(tree).items()}
        scan = await self._files(mode, tree, options, canary, without=wanted)
        listed = [await self._bill(path, *each) for path, each in wanted.items()]
        return scan.joined(Scan(licenses=tuple(declared(tree))), *listed)

    async def _bill(self, path: str, data: bytes, wanted: Collection[str]) -> Scan:
        scan = await self.sbom(data)
        check_components(wanted, scan, path)
        return scan.moved(lambda _: path)

    async def _files(
        self,
        mode: str,
        tree: Path,
        options: tuple[str, ...],
        canary: Canary,
        without: Collection[str],
    ) -> Scan:
        with tempfile.TemporaryDirectory(prefix="miniseal-") as name:
            folder = Path(name)
            view = View.of(tree, folder, without=without)
            (folder / CANARY_FOLDER).mkdir()
            canary.write(folder / CANARY_FOLDER)
            scan = await self._run(mode, (*_FILES, *options), "", (Mount(path=_ROOT, host=folder),))
        return canary.take(scan).moved(view.place)

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
            errors: list[str] = []
            result = await self.engine.run(command, lambda line: _note(line, errors))
        if result.exit_code != 0:
            raise _failure(mode, f"exit code {result.exit_code}", result.stderr)
        try:
            with (result.outputs[_OUT] / "report.json").open("rb") as file:
                data = file.read(report.REPORT_LIMIT + 1)
        except OSError as error:
            raise _failure(mode, "no report", result.stderr) from error
        if errors:
            raise SCAN_INCOMPLETE("the scanner could not read all", found="; ".join(errors)[:2000])
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


def _note(line: str, errors: list[str]) -> None:
    """Keep what the scanner says it failed at; that it brings its checks along is no failure."""
    _, mark, text = line.partition("\tERROR\t")
    message, _, _ = text.partition("\t")  # what follows may be a path, as somebody else named it
    if mark and message.strip() != _EMBEDDED and len(errors) < _LINES_MOST:
        errors.append(text)


def _write_config(folder: Path) -> None:
    rules = "".join(f"  - {name}\n" for name in _ALLOW_RULES)
    folder.joinpath("secret.yaml").write_text(f"disable-allow-rules:\n{rules}", encoding="ascii")
    for name in ("trivy.yaml", "ignore"):
        folder.joinpath(name).write_bytes(b"")
