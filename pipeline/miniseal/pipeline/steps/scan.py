"""sbom and scan: trivy over the source, the unpacked package and the bill of materials.

The bill's packages are what trivy read from the source's lock files; each of its components must
come back from the scan of the bill. What a scan did not see is a failure, never a pass. Strings of
the wasm's data segments are laid beside it as text, because the scanner does not look for secrets
in binaries.
"""

import json
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from miniseal.formats import times
from miniseal.formats.predicates import vulns
from miniseal.formats.wasm.inspect import data_segments
from miniseal.packager import Packed, lock
from miniseal.pipeline.engines.engine import Engine
from miniseal.pipeline.events import Events
from miniseal.pipeline.steps.resolve import Resolved
from miniseal.pipeline.trivy.binary import Trivy
from miniseal.pipeline.trivy.coverage import check_components
from miniseal.pipeline.trivy.database import Database
from miniseal.pipeline.trivy.run import Scanner
from miniseal.pipeline.trivy.scan import Finding, Scan, Secret

__all__ = [
    "ScanSettings",
    "Scanned",
    "open_scanner",
    "predicate_of",
    "scan",
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
        database: a folder with trivy.db and metadata.json.
        max_age: of the database, seconds.
        min_age: of the scanner since its release, seconds.
        denied: digests of binaries that may not run, whatever the lock pins.
    """

    trivy: Path | None
    search: str
    database: Path
    max_age: int
    min_age: int = 7 * 86400
    denied: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True, kw_only=True)
class Scanned:
    """What the scans found.

    Attributes:
        bill: the CycloneDX document.
        vulns: the predicate, all scans together.
        secrets: likely secrets, all scans together.
    """

    bill: dict[str, object]
    vulns: vulns.Vulns
    secrets: tuple[Secret, ...]


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
        EnvironmentalError: `scanner-missing`, `database-missing`.
        VerificationError: `scanner-not-pinned`, `scanner-denied`, `scanner-too-new`,
            `database-stale`.
        FormatError: `database-invalid`.
    """
    trivy = Trivy.locate(settings.trivy, search=settings.search, pinned=pinned)
    trivy.check(now=now, min_age=settings.min_age, denied=settings.denied)
    database = Database.open(settings.database)
    database.check_age(now=now, max_age=settings.max_age)
    return Scanner(engine=engine, trivy=trivy, database=database)


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
        VerificationError: `scan-empty`, `scanner-not-pinned`.
    """
    return await scanner.package(_unpack(packed, work / "package"))


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


async def scan(
    resolved: Resolved,
    packed: Packed,
    *,
    settings: ScanSettings,
    engine: Engine,
    events: Events,
    clock: Callable[[], float],
    work: Path,
) -> Scanned:
    """Make the bill and scan everything; raises what the parts do."""
    from miniseal.pipeline.steps.sbom import bill_of  # slow; an unchanged release has no use for it

    with events.step("sbom") as facts:
        started = int(clock())
        scanner = open_scanner(settings, resolved.project.lock.scanner, engine, now=started)
        source = await scan_source(scanner, resolved.snapshot)
        bill = bill_of(
            packed.config,
            source.packages,
            resolved.project.tools,
            package_digest=packed.package.descriptor.digest,
        )
        facts.update(components=len(list(_components(bill))))
    with events.step("scan") as facts:
        package = await scan_package(scanner, packed, work)
        scans = {"source": source, "package": package, "sbom": await scan_bill(scanner, bill)}
        predicate = predicate_of(scanner, scans, started=started, finished=int(clock()))
        facts.update(findings=len(predicate.findings))
    return Scanned(bill=bill, vulns=predicate, secrets=_secrets(scans))


def _unpack(packed: Packed, folder: Path) -> Path:
    """The package as files: the wasm executable (else trivy skips it), its strings, the assets."""
    contents = packed.contents
    wasm, _ = packed.blobs[packed.config.wasm.digest]
    modules = {"app.wasm": wasm, **{name: contents.assets[name] for name in contents.nested}}
    for name, data in {**contents.assets, **modules}.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
        path.chmod(0o755)
    for name, data in modules.items():
        (folder / _beside(name, contents.assets)).write_bytes(_strings(data))
    return folder


def _strings(module: bytes) -> bytes:
    """The texts of a module's data segments, a line each."""
    texts = [text for segment in data_segments(module) for text in _TEXT.findall(segment)]
    return b"\n".join(texts).replace(b"\0", b"") + b"\n"


def _beside(name: str, assets: Iterable[str]) -> str:
    """A name for the texts of the module `name` that no asset has, nor a folder of one."""
    taken = set(assets)
    text = f"{name}.strings.txt"
    while any(each == text or each.startswith(f"{text}/") for each in taken):
        text += "_"
    return text


def predicate_of(
    scanner: Scanner, scans: Mapping[str, Scan], *, started: int, finished: int
) -> vulns.Vulns:
    """What all scans found, as the predicate that is signed.

    Args:
        scanner: that made them.
        scans: by what was scanned: `source`, `package`, `sbom`.
        started: of the first, seconds since 1970.
        finished: of the last.
    """
    trivy, database = scanner.trivy, scanner.database
    found = {
        _finding(place, finding) for place, result in scans.items() for finding in result.findings
    }
    return vulns.Vulns(
        scanner_uri=f"pkg:generic/trivy@{trivy.version}?checksum={trivy.digest}",
        scanner_version=trivy.version,
        database_uri=f"pkg:generic/trivy-db@2?checksum={database.digest}",
        database_version="2",
        database_updated=times.to_text(database.updated),
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


def _secrets(scans: Mapping[str, Scan]) -> tuple[Secret, ...]:
    return tuple(
        Secret(
            target=f"{place}:{secret.target}",
            line=secret.line,
            rule=secret.rule,
            severity=secret.severity,
        )
        for place, result in scans.items()
        for secret in result.secrets
    )


def _components(bill: Mapping[str, object]) -> Iterable[dict[str, object]]:
    components = bill.get("components")
    return components if isinstance(components, list) else ()  # pyright: ignore[reportUnknownVariableType]


def _urls(bill: Mapping[str, object]) -> list[str]:
    return [str(part["purl"]) for part in _components(bill) if "purl" in part]
