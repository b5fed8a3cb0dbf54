"""The scans: trivy over the source, the unpacked package and the bill of materials.

What a scan did not see is a failure, never a pass. The scanner looks into wasm only for what `cargo
auditable` embeds: the strings of the data segments are laid beside a module as text, and the
modules that a Go program lists are looked up as a bill of their own.
"""

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from miniseal.formats import times
from miniseal.formats.predicates import vulns
from miniseal.formats.wasm.inspect import data_segments, inspect
from miniseal.packager import Packed, lock
from miniseal.pipeline.engines.engine import Engine
from miniseal.pipeline.trivy import golang
from miniseal.pipeline.trivy.binary import SCANNER_NOT_PINNED, Trivy
from miniseal.pipeline.trivy.coverage import check_components, check_modules
from miniseal.pipeline.trivy.database import Database
from miniseal.pipeline.trivy.run import Scanner, ScannerFacts
from miniseal.pipeline.trivy.scan import Finding, Scan
from miniseal.pipeline.trivy.source import Source

__all__ = [
    "ScanSettings",
    "check_facts",
    "open_scanner",
    "predicate_of",
    "scan_bill",
    "scan_package",
    "scan_source",
]

_TEXT = re.compile(rb"[\x20-\x7e]{6,}|(?:[\x20-\x7e]\0){6,}")  # ASCII, also as UTF-16


@dataclass(frozen=True, slots=True, kw_only=True)
class ScanSettings:
    """Which scanner and which database.

    Attributes:
        trivy: the binary, or None: the one on `search`.
        search: a PATH.
        database: where the vulnerability database is.
        max_age: of the database, seconds.
        min_age: of the scanner since its release, seconds.
        denied: digests of binaries that may not run, whatever the lock pins.
    """

    trivy: Path | None
    search: str
    database: Source
    max_age: int
    min_age: int = 7 * 86400
    denied: frozenset[str] = frozenset()


def open_scanner(
    settings: ScanSettings, pinned: lock.Scanner, engine: Engine, *, now: int
) -> Scanner:
    """The pinned scanner with a database that is not too old.

    Args:
        settings: where both are.
        pinned: the binaries that may run.
        engine: runs them; one that isolates.
        now: seconds since 1970.

    Raises:
        EnvironmentalError: `scanner-missing`, `database-missing`, `content-missing`.
        VerificationError: `scanner-not-pinned`, `scanner-denied`, `scanner-too-new`,
            `database-not-pinned`, `database-stale`, `digest-mismatch`.
        FormatError: `database-invalid`, `too-large`.
    """
    trivy = Trivy.locate(settings.trivy, search=settings.search, pinned=pinned)
    trivy.check(now=now, min_age=settings.min_age, denied=settings.denied)
    database = settings.database.open()
    database.check_age(now=now, max_age=settings.max_age)
    return Scanner(engine=engine, trivy=trivy, database=database)


def check_facts(
    facts: ScannerFacts, settings: ScanSettings, pinned: lock.Scanner, *, now: float
) -> None:
    """Refuse scans that were made elsewhere by what `open_scanner` would not open here.

    Raises:
        VerificationError: `scanner-not-pinned`, `scanner-denied`, `scanner-too-new`,
            `database-stale`.
    """
    if facts.scanner not in pinned.digests or facts.version != pinned.version:
        raise SCANNER_NOT_PINNED(
            "the scans are not a pinned scanner's",
            found=f"trivy {facts.version}, {facts.scanner}"[:200],
            expected=f"trivy {pinned.version}",
        )
    trivy = Trivy(
        path=Path(), digest=facts.scanner, version=pinned.version, released=pinned.released
    )
    trivy.check(now=now, min_age=settings.min_age, denied=settings.denied)
    database = Database(folder=Path(), digest=facts.database, updated=facts.updated)
    database.check_age(now=now, max_age=settings.max_age)


async def scan_source(scanner: Scanner, snapshot: Path) -> Scan:
    """Scan a source tree, all of whose lock files have to come back.

    Raises:
        EnvironmentalError: `scanner-failed`, and the engine's.
        FormatError: `scan-malformed`.
        VerificationError: `scan-empty`, `scan-incomplete`, `scanner-not-pinned`.
    """
    return await scanner.source(snapshot)


async def scan_package(scanner: Scanner, packed: Packed, work: Path) -> Scan:
    """Scan what is shipped, unpacked below `work`.

    Raises:
        EnvironmentalError: `scanner-failed`, and the engine's.
        FormatError: `scan-malformed`.
        VerificationError: `scan-empty`, `scan-incomplete`, `scanner-not-pinned`.
    """
    modules = _modules(packed)
    scan = await scanner.package(_unpack(packed, modules, work / "package"))
    check_modules((name for name, data in modules.items() if _is_auditable(data)), scan)
    built = [await _scan_go(scanner, name, data) for name, data in modules.items()]
    return scan.joined(*built)


async def _scan_go(scanner: Scanner, name: str, module: bytes) -> Scan:
    """What a Go program says that it was built from; nothing of any other."""
    listed = golang.modules(module)
    if not listed:
        return Scan()
    scan = await scan_bill(scanner, golang.bill_of(listed))
    return scan.moved(lambda _: name)


async def scan_bill(scanner: Scanner, bill: Mapping[str, object]) -> Scan:
    """Scan a bill of materials, all of whose components have to come back.

    Raises:
        EnvironmentalError: `scanner-failed`, and the engine's.
        FormatError: `scan-malformed`.
        VerificationError: `scan-incomplete`, `scanner-not-pinned`.
    """
    scan = await scanner.sbom(json.dumps(bill).encode("utf-8"))
    check_components(_urls(bill), scan)
    return scan


def _modules(packed: Packed) -> dict[str, bytes]:
    """The main wasm and those among the assets, by names of files."""
    wasm, _ = packed.blobs[packed.config.wasm.digest]
    assets = packed.contents.assets
    return {_free("app.wasm", assets): wasm} | {
        name: assets[name] for name in packed.contents.nested
    }


def _is_auditable(module: bytes) -> bool:
    return any(custom.name == ".dep-v0" for custom in inspect(module).customs)


def _unpack(packed: Packed, modules: Mapping[str, bytes], folder: Path) -> Path:
    """The package as files: each wasm executable (else trivy skips it), its strings, the assets."""
    assets = packed.contents.assets
    for name, data in {**assets, **modules}.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
        path.chmod(0o755)
    for name, data in modules.items():
        (folder / _free(f"{name}.strings.txt", assets)).write_bytes(_strings(data))
    return folder


def _strings(module: bytes) -> bytes:
    """The texts of a module's data segments, a line each."""
    texts = [text for segment in data_segments(module) for text in _TEXT.findall(segment)]
    return b"\n".join(texts).replace(b"\0", b"") + b"\n"


def _free(name: str, assets: Iterable[str]) -> str:
    """`name`, made longer until no asset has it, nor a folder of one."""
    taken = set(assets)
    while any(each == name or each.startswith(f"{name}/") for each in taken):
        name += "_"
    return name


def predicate_of(
    by: ScannerFacts, scans: Mapping[str, Scan], *, started: int, finished: int
) -> vulns.Vulns:
    """What all scans found, as the predicate that is signed.

    Args:
        by: what made them.
        scans: by what was scanned: `source`, `package`, `sbom`.
        started: of the first, seconds since 1970.
        finished: of the last.
    """
    found = {
        _finding(place, finding) for place, result in scans.items() for finding in result.findings
    }
    return vulns.Vulns(
        scanner_uri=f"pkg:generic/trivy@{by.version}?checksum={by.scanner}",
        scanner_version=by.version,
        database_uri=f"pkg:generic/trivy-db@2?checksum={by.database}",
        database_version="2",
        database_updated=times.to_text(by.updated),
        findings=tuple(sorted(found, key=_order)),
        started_on=times.to_text(started),
        finished_on=times.to_text(finished),
    )


def _finding(place: str, finding: Finding) -> vulns.Finding:
    return vulns.Finding(
        id=finding.id,
        severity=finding.severity,
        package=finding.purl or None,
        installed=finding.installed or None,
        fixed=finding.fixed or None,
        source=f"{place}:{finding.target}" if finding.target else place,
    )


def _order(finding: vulns.Finding) -> tuple[str, str, str]:
    return finding.id, finding.package or "", finding.source or ""


def _urls(bill: Mapping[str, object]) -> list[str]:
    parts = bill.get("components")
    components: list[dict[str, object]] = parts if isinstance(parts, list) else []  # pyright: ignore[reportUnknownVariableType]
    return [str(part["purl"]) for part in components if "purl" in part]
