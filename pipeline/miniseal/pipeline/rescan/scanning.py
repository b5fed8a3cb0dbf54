"""What scans a package that is rescanned: trivy, over its content and its bills of materials.

The binary and the database are opened once for any number of packages, and may not change until the
last of them is done: every statement names both by digest. Nothing is judged or signed here.
"""

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Protocol, Self

from miniseal.formats.errors import Code, EnvironmentalError
from miniseal.formats.predicates.sbom import Sbom
from miniseal.formats.predicates.vulns import Vulns
from miniseal.packager import Packed
from miniseal.pipeline.steps.scan import predicate_of, scan_bill, scan_package
from miniseal.pipeline.trivy.coverage import check_components
from miniseal.pipeline.trivy.run import Scanner

__all__ = ["SCANNER_CHANGED", "Scanning", "TrivyScanning"]

SCANNER_CHANGED = Code(
    "scanner-changed",
    EnvironmentalError,
    meaning="the scanner or its database was replaced while packages were scanned with it",
    cause="an update of the database ran at the same time",
    remedy="run the rescan again, and no update meanwhile; what was attached before is right",
)


class Scanning(Protocol):
    """A scanner with a database."""

    @property
    def scanner(self) -> str:
        """The scanner's digest."""
        ...

    @property
    def database(self) -> str:
        """The database's digest."""
        ...

    @property
    def updated(self) -> int:
        """When the database was made, seconds since 1970."""
        ...

    async def scan(self, packed: Packed, bills: Sequence[Mapping[str, object]]) -> Vulns:
        """What is found in a package, and in what its bills of materials list."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class TrivyScanning:
    """`Scanning` by trivy in the sandbox.

    Attributes:
        trivy: binary, database, and the engine that runs them.
        marks: what tells whether binary and database are still the files that were hashed.
        clock: seconds since 1970.
    """

    trivy: Scanner
    marks: tuple[tuple[int, ...], ...]
    clock: Callable[[], float]

    @classmethod
    def of(cls, trivy: Scanner, clock: Callable[[], float]) -> Self:
        """Scan with this scanner, which was opened just now."""
        return cls(trivy=trivy, marks=_marks(trivy), clock=clock)

    @property
    def scanner(self) -> str:
        """The binary's digest."""
        return self.trivy.trivy.digest

    @property
    def database(self) -> str:
        """The database's digest."""
        return self.trivy.database.digest

    @property
    def updated(self) -> int:
        """When the database was made, seconds since 1970."""
        return self.trivy.database.updated

    async def scan(self, packed: Packed, bills: Sequence[Mapping[str, object]]) -> Vulns:
        """Scan the unpacked package, then each bill.

        Raises:
            EnvironmentalError: `scanner-changed`, `scanner-failed`, and the engine's.
            FormatError: `scan-malformed`.
            VerificationError: `scan-empty`, `scan-incomplete`, `scanner-not-pinned`.
        """
        started = int(self.clock())
        with TemporaryDirectory(prefix="miniseal-rescan-") as work:
            scans = {"package": await scan_package(self.trivy, packed, Path(work))}
        for number, bill in enumerate(bills):
            scan = await scan_bill(self.trivy, bill)
            # bills of other makers nest components within components
            parts = Sbom.from_json(bill).components
            check_components((part.purl for part in parts if part.purl), scan)
            scans[f"sbom-{number + 1}" if number else "sbom"] = scan
        if _marks(self.trivy) != self.marks:
            raise SCANNER_CHANGED(
                "the scanner or its database was replaced", found=str(self.trivy.database.folder)
            )
        return predicate_of(self.trivy.facts, scans, started=started, finished=int(self.clock()))


def _marks(scanner: Scanner) -> tuple[tuple[int, ...], ...]:
    """Of both files what no writer leaves as it was: a digest of either takes too long."""
    paths = (scanner.trivy.path, scanner.database.folder / "trivy.db")
    found = (os.stat(path) for path in paths)  # noqa: PTH116 - the link's target, as it is mounted
    return tuple((each.st_dev, each.st_ino, each.st_size, each.st_ctime_ns) for each in found)
