"""What the scanner found, as rows: every finding once, with what is said against it.

A finding that does not count stays in the table, with who says so: leaving it out would be another
claim.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from urllib.parse import unquote

from miniseal.formats.predicates.vulns import SEVERITIES, Finding, Vulns
from miniseal.pipeline.report.model import Report
from miniseal.pipeline.trivy.scan import Misconfiguration, Scan, Secret
from miniseal.verifier.vex import NO_FIX, Suppressed

__all__ = ["Licensed", "Placed", "Scanned", "Vulnerability", "scanned_of"]

_PLACES = {"source": "the source", "package": "the package", "sbom": "the bill of materials"}
_WORST_FIRST = tuple(reversed(SEVERITIES))


@dataclass(frozen=True, slots=True, kw_only=True)
class Vulnerability:
    """One vulnerability of one package, wherever it was found.

    Attributes:
        finding: as the scanner reported it, the first of several.
        places: where it was found.
        suppressed: why it does not count, or None where it does.
    """

    finding: Finding
    places: tuple[str, ...]
    suppressed: Suppressed | None = None

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


@dataclass(frozen=True, slots=True, kw_only=True)
class Placed:
    """A secret or a misconfiguration: what, how bad, where."""

    what: str
    severity: str
    where: str


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
    found = None if vulns is None else _vulnerabilities(vulns, report.suppressed)
    names = [each.finding.severity for each in found or ()]
    scans = report.scans.items()
    secrets = {_secret(place, each) for place, scan in scans for each in scan.secrets}
    settings = {_setting(place, each) for place, scan in scans for each in scan.misconfigurations}
    return Scanned(
        vulnerabilities=found,
        severities=tuple((word, names.count(word)) for word in _WORST_FIRST if word in names),
        licenses=_licenses(report.scans),
        secrets=tuple(sorted(secrets, key=_order)),
        misconfigurations=tuple(sorted(settings, key=_order)),
        looked=tuple(_PLACES.get(place, place) for place in report.scans),
    )


def _vulnerabilities(vulns: Vulns, suppressed: Iterable[Suppressed]) -> tuple[Vulnerability, ...]:
    said = {_identity(each.finding): each for each in suppressed}
    grouped: dict[tuple[str, ...], list[Finding]] = {}
    for finding in vulns.findings:
        grouped.setdefault(_identity(finding), []).append(finding)
    rows = [
        Vulnerability(
            finding=found[0],
            places=tuple(sorted({_place(each.source) for each in found if each.source})),
            suppressed=said.get(identity),
        )
        for identity, found in grouped.items()
    ]
    return tuple(sorted(rows, key=_rank))


def _identity(finding: Finding) -> tuple[str, ...]:
    return finding.id, finding.package or "", finding.installed or ""


def _place(source: str) -> str:
    """What was scanned, and the file in it."""
    return ": ".join(part for part in source.split(":", 1) if part)


def _rank(row: Vulnerability) -> tuple[object, ...]:
    """What counts first, of these the worst."""
    finding = row.finding
    worst = _WORST_FIRST.index(finding.severity)
    return row.suppressed is not None, worst, finding.id, finding.package or ""


def _licenses(scans: Mapping[str, Scan]) -> tuple[Licensed, ...]:
    found: dict[tuple[str, str], set[str]] = {}
    for scan in scans.values():
        for each in scan.licenses:
            found.setdefault((each.name, each.severity), set()).add(each.package or each.target)
    rows = [
        Licensed(name=name, severity=severity, packages=tuple(sorted(packages)))
        for (name, severity), packages in found.items()
    ]
    return tuple(sorted(rows, key=lambda row: (_WORST_FIRST.index(row.severity), row.name)))


def _secret(place: str, secret: Secret) -> Placed:
    where = f"{place}: {secret.target}, line {secret.line}"
    return Placed(what=secret.rule, severity=secret.severity, where=where)


def _setting(place: str, found: Misconfiguration) -> Placed:
    what = f"{found.id} {found.title}".strip()
    return Placed(what=what, severity=found.severity, where=f"{place}: {found.target}")


def _order(row: Placed) -> tuple[int, str, str]:
    return _WORST_FIRST.index(row.severity), row.where, row.what
