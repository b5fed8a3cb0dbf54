"""What the scanner found, as rows: every finding once, with what is said against it.

A finding that does not count stays in the table, with who says so: leaving it out would be another
claim.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from urllib.parse import unquote

from miniseal.formats.predicates.vulns import SEVERITIES, Finding, Vulns
from miniseal.pipeline.report.model import Report
from miniseal.pipeline.trivy.scan import Misconfiguration, Scan, Secret
from miniseal.verifier.vex import NO_FIX, Suppressed

__all__ = ["WORST_FIRST", "Licensed", "Placed", "Scanned", "Spot", "Vulnerability", "scanned_of"]

_PLACES = {"source": "the source", "package": "the package", "sbom": "the bill of materials"}
WORST_FIRST = tuple(reversed(SEVERITIES))


@dataclass(frozen=True, slots=True, order=True)
class Spot:
    """Where something was found.

    Attributes:
        place: what was scanned: `source`, `package` or `sbom`.
        path: the file in it, or empty.
        line: in the file, from 1, or 0.
    """

    place: str
    path: str = ""
    line: int = 0

    def __str__(self) -> str:
        """For people, as `source: src/a.ts, line 3`."""
        file = ": ".join(part for part in (self.place, self.path) if part)
        return f"{file}, line {self.line}" if self.line else file


@dataclass(frozen=True, slots=True, kw_only=True)
class Vulnerability:
    """One vulnerability of one package, wherever it was found.

    Attributes:
        finding: as the scanner reported it, the first of several.
        spots: where it was found.
        suppressed: why it does not count, or None where it does.
    """

    finding: Finding
    spots: tuple[Spot, ...]
    suppressed: Suppressed | None = None

    @property
    def places(self) -> tuple[str, ...]:
        """Where it was found, in words."""
        return tuple(map(str, self.spots))

    @property
    def package(self) -> str:
        """The package's URL without its version, which has a place of its own."""
        url = self.finding.package or "a package without a name"
        name = url.removeprefix("pkg:").partition("?")[0]
        return unquote(name.rpartition("@")[0] or name)

    @property
    def verdict(self) -> str:
        """Whether it counts, in words."""
        if self.suppressed is None:
            return "counts"
        if self.suppressed.reason == NO_FIX:
            return "no fix"
        return self.suppressed.reason.replace("_", " ")


@dataclass(frozen=True, slots=True, kw_only=True)
class Licensed:
    """A licence, how the scanner classifies it, and what has it."""

    name: str
    severity: str
    packages: tuple[str, ...]
    spots: tuple[Spot, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Placed:
    """A secret or a misconfiguration: by which rule and what that is about, how bad, where."""

    rule: str
    title: str = ""
    severity: str
    spot: Spot

    @property
    def what(self) -> str:
        """The rule, and what it is about."""
        return f"{self.rule} {self.title}".strip()

    @property
    def where(self) -> str:
        """The place in words."""
        return str(self.spot)


@dataclass(frozen=True, slots=True, kw_only=True)
class Scanned:
    """Everything that the scans found.

    Attributes:
        vulnerabilities: the worst first; None where no scan is known.
        severities: how many vulnerabilities of each severity, the worst first.
        licenses: by name.
        secrets: likely ones.
        misconfigurations: of configuration files.
        looked: what the scans looked at, in words; without any, an empty list means nothing.
    """

    vulnerabilities: tuple[Vulnerability, ...] | None
    severities: tuple[tuple[str, int], ...]
    licenses: tuple[Licensed, ...]
    secrets: tuple[Placed, ...]
    misconfigurations: tuple[Placed, ...]
    looked: tuple[str, ...]


def scanned_of(report: Report, vulns: Vulns | None) -> Scanned:
    """The findings of `vulns`, and what `report.scans` know beside them."""
    found = None if vulns is None else _vulnerabilities(vulns, report)
    names = [each.finding.severity for each in found or ()]
    scans = report.scans.items()
    secrets = {_secret(place, each) for place, scan in scans for each in scan.secrets}
    settings = {_setting(place, each) for place, scan in scans for each in scan.misconfigurations}
    return Scanned(
        vulnerabilities=found,
        severities=tuple((word, names.count(word)) for word in WORST_FIRST if word in names),
        licenses=_licenses(report.scans),
        secrets=tuple(sorted(secrets, key=_order)),
        misconfigurations=tuple(sorted(settings, key=_order)),
        looked=tuple(_PLACES.get(place, place) for place in report.scans),
    )


def _vulnerabilities(vulns: Vulns, report: Report) -> tuple[Vulnerability, ...]:
    said = {_identity(each.finding): each for each in report.suppressed}
    lines = {
        (each.id, each.purl, Spot(place, each.target)): each.line
        for place, scan in report.scans.items()
        for each in scan.findings
    }
    grouped: dict[tuple[str, ...], list[Finding]] = {}
    for finding in vulns.findings:
        grouped.setdefault(_identity(finding), []).append(finding)
    rows = [
        Vulnerability(
            finding=found[0],
            spots=tuple(sorted({_spot(each, lines) for each in found if each.source})),
            suppressed=said.get(identity),
        )
        for identity, found in grouped.items()
    ]
    return tuple(sorted(rows, key=_rank))


def _identity(finding: Finding) -> tuple[str, ...]:
    return finding.id, finding.package or "", finding.installed or ""


def _spot(finding: Finding, lines: Mapping[tuple[str, str, Spot], int]) -> Spot:
    """What was scanned, the file in it, and the line where the scan itself knows one."""
    place, _, path = (finding.source or "").partition(":")
    spot = Spot(place, path)
    return replace(spot, line=lines.get((finding.id, finding.package or "", spot), 0))


def _rank(row: Vulnerability) -> tuple[object, ...]:
    """What counts first, of these the worst."""
    finding = row.finding
    worst = WORST_FIRST.index(finding.severity)
    return row.suppressed is not None, worst, finding.id, finding.package or ""


def _licenses(scans: Mapping[str, Scan]) -> tuple[Licensed, ...]:
    found: dict[tuple[str, str], set[tuple[str, Spot]]] = {}
    for place, scan in scans.items():
        for each in scan.licenses:
            what = each.package or each.target, Spot(place, each.target)
            found.setdefault((each.name, each.severity), set()).add(what)
    rows = [
        Licensed(
            name=name,
            severity=severity,
            packages=tuple(sorted({package for package, _ in packages})),
            spots=tuple(sorted({spot for _, spot in packages})),
        )
        for (name, severity), packages in found.items()
    ]
    return tuple(sorted(rows, key=lambda row: (WORST_FIRST.index(row.severity), row.name)))


def _secret(place: str, secret: Secret) -> Placed:
    spot = Spot(place, secret.target, secret.line)
    return Placed(rule=secret.rule, severity=secret.severity, spot=spot)


def _setting(place: str, found: Misconfiguration) -> Placed:
    spot = Spot(place, found.target, found.line)
    return Placed(rule=found.id, title=found.title, severity=found.severity, spot=spot)


def _order(row: Placed) -> tuple[int, Spot, str]:
    return WORST_FIRST.index(row.severity), row.spot, row.what
