"""Trivy's JSON report (schema 2), read down to what a release needs, in one order.

Random identifiers and times of the report are dropped, so the same scan reads the same twice.
"""

from dataclasses import dataclass, field

from miniseal.formats import strictjson
from miniseal.formats.errors import Code, FormatError, MinisealError
from miniseal.formats.members import Members
from miniseal.formats.predicates.vulns import SEVERITIES

__all__ = [
    "REPORT_LIMIT",
    "REPORT_MALFORMED",
    "Finding",
    "License",
    "Misconfiguration",
    "Package",
    "Scan",
    "Secret",
    "from_bytes",
]

REPORT_MALFORMED = Code(
    "scan-malformed",
    FormatError,
    meaning="the scanner's report is not one that Miniseal understands",
    cause="a version of the scanner with another report format, or a report that was cut off",
    remedy="use the pinned version of the scanner",
)

REPORT_LIMIT = 64 * 1024 * 1024


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class Finding:
    """A known vulnerability in a package.

    Attributes:
        id: for example `CVE-2026-1234`.
        severity: `critical`, `high`, `medium`, `low` or `unknown`.
        purl: the package's URL, or empty.
        name: the package's name.
        installed: the version found.
        fixed: versions that do not have it, separated by commas, or empty.
        target: the file in which the package was found; empty in an SBOM.
    """

    target: str
    purl: str
    name: str
    installed: str
    id: str
    severity: str
    fixed: str


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class Secret:
    """Something that looks like a secret; its text is not kept.

    Attributes:
        rule: what it looks like, for example `github-pat`.
        severity: as for `Finding`.
        target: the file.
        line: where it starts, from 1.
    """

    target: str
    line: int
    rule: str
    severity: str


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class Package:
    """A package that was looked up.

    Attributes:
        target: the file in which it was found; empty in an SBOM.
        purl: its URL, or empty.
        name: its name.
        version: its version, or empty.
    """

    target: str
    purl: str
    name: str
    version: str


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class License:
    """A licence that a package or a file has.

    Attributes:
        target: the file in which it was found; empty in an SBOM.
        package: the package's name, or empty: the licence is the file's own.
        name: an SPDX identifier, or the text that stands in its place.
        severity: how the scanner classifies the licence, in the words of `Finding`.
    """

    target: str
    package: str
    name: str
    severity: str


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class Misconfiguration:
    """A setting of a configuration file that a check of the scanner's says no to.

    Attributes:
        target: the file.
        id: of the check, for example `DS-0002`.
        title: what it is about.
        severity: as for `Finding`.
    """

    target: str
    id: str
    title: str
    severity: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Scan:
    """What one run of the scanner saw; every tuple is sorted and without repeats.

    Attributes:
        findings: known vulnerabilities.
        secrets: likely secrets.
        licenses: of packages and files.
        misconfigurations: what checks of configuration files said no to.
        packages: everything that was looked up.
        targets: the files that it read packages or secrets from.
        version: the scanner's own word for its version.
    """

    findings: tuple[Finding, ...] = ()
    secrets: tuple[Secret, ...] = ()
    licenses: tuple[License, ...] = ()
    misconfigurations: tuple[Misconfiguration, ...] = ()
    packages: tuple[Package, ...] = ()
    targets: tuple[str, ...] = ()
    version: str = field(default="", compare=False)


def from_bytes(data: bytes) -> Scan:
    """Read a report.

    Raises:
        FormatError: `scan-malformed`.
    """
    try:
        value = strictjson.loads(data, limit=REPORT_LIMIT, what="the scan report", floats=True)
        report = Members(value, "the scan report", REPORT_MALFORMED)
        report.integer("SchemaVersion", least=2, most=2)
        results = report.children("Results") if "Results" in report else []
        scan = _scan(results, report.child("Trivy").string("Version"))
    except MinisealError as error:
        if error.code == REPORT_MALFORMED.name:
            raise
        raise REPORT_MALFORMED(error.message, found=error.found) from error
    return scan


def _scan(results: list[Members], version: str) -> Scan:
    findings: set[Finding] = set()
    secrets: set[Secret] = set()
    packages: set[Package] = set()
    for result in results:
        target = _text(result, "Target")
        findings |= {_finding(item, target) for item in _list(result, "Vulnerabilities")}
        secrets |= {_secret(item, target) for item in _list(result, "Secrets")}
        packages |= {_package(item, target) for item in _list(result, "Packages")}
    targets = {item.target for items in (findings, secrets, packages) for item in items}
    return Scan(
        findings=tuple(sorted(findings)),
        secrets=tuple(sorted(secrets)),
        packages=tuple(sorted(packages)),
        targets=tuple(sorted(targets)),
        version=version,
    )


def _finding(item: Members, target: str) -> Finding:
    return Finding(
        id=item.string("VulnerabilityID"),
        severity=_severity(item),
        purl=_purl(item, "PkgIdentifier"),
        name=item.string("PkgName"),
        installed=_text(item, "InstalledVersion"),
        fixed=_text(item, "FixedVersion"),
        target=_text(item, "PkgPath") or target,
    )


def _secret(item: Members, target: str) -> Secret:
    return Secret(
        rule=item.string("RuleID"),
        severity=_severity(item),
        target=target,
        line=item.integer("StartLine"),
    )


def _package(item: Members, target: str) -> Package:
    return Package(
        target=_text(item, "FilePath") or target,
        purl=_purl(item, "Identifier"),
        name=item.string("Name"),
        version=_text(item, "Version"),
    )


def _severity(item: Members) -> str:
    word = _text(item, "Severity").lower()
    return word if word in SEVERITIES else "unknown"


def _purl(item: Members, name: str) -> str:
    return _text(item.child(name), "PURL") if name in item else ""


def _list(item: Members, name: str) -> list[Members]:
    return item.children(name) if name in item else []


def _text(item: Members, name: str) -> str:
    """A string that may be absent or empty."""
    value = item.values.get(name)
    if value is not None and not isinstance(value, str):
        raise REPORT_MALFORMED(f"{item.what}.{name} is not a string")
    return value or ""
