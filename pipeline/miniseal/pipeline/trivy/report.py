"""Trivy's JSON report (schema 2), read down to what a release needs, in one order.

Random identifiers and times of the report are dropped, so the same scan reads the same twice.
"""

from collections.abc import Mapping

from miniseal.formats import strictjson
from miniseal.formats.errors import Code, FormatError, MinisealError
from miniseal.formats.members import Members
from miniseal.formats.predicates.vulns import SEVERITIES
from miniseal.pipeline.trivy.scan import (
    Finding,
    License,
    Misconfiguration,
    Package,
    Scan,
    Secret,
    unique,
)

__all__ = ["REPORT_LIMIT", "REPORT_MALFORMED", "from_bytes"]

REPORT_MALFORMED = Code(
    "scan-malformed",
    FormatError,
    meaning="the scanner's report is not one that Miniseal understands",
    cause="a version of the scanner with another report format, or a report that was cut off",
    remedy="use the pinned version of the scanner",
)

REPORT_LIMIT = 64 * 1024 * 1024
_NAME_LIMIT = 1000


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
    licenses: set[License] = set()
    misconfigurations: set[Misconfiguration] = set()
    packages: set[Package] = set()
    checked: set[str] = set()
    for result in results:
        target = _text(result, "Target")
        found = _list(result, "Vulnerabilities")
        lines = _lines(_list(result, "Packages")) if found else {}
        findings |= {_finding(item, target, lines) for item in found}
        secrets |= {_secret(item, target) for item in _list(result, "Secrets")}
        licenses |= {_license(item, target) for item in _list(result, "Licenses")}
        failed = (item for item in _list(result, "Misconfigurations") if _failed(item))
        misconfigurations |= {_misconfiguration(item, target) for item in failed}
        packages |= {_package(item, target) for item in _list(result, "Packages")}
        checked |= {target} if _text(result, "Class") == "config" else set()
    every = (findings, secrets, licenses, misconfigurations, packages)
    return Scan(
        findings=unique(findings),
        secrets=unique(secrets),
        licenses=unique(licenses),
        misconfigurations=unique(misconfigurations),
        packages=unique(packages),
        targets=unique(checked | {item.target for items in every for item in items}),
        version=version,
    )


def _lines(packages: list[Members]) -> dict[str, int]:
    """The first line of each package in its lock file, by what the report calls it."""
    lines: dict[str, int] = {}
    for item in packages:
        places = [_line(place) for place in _list(item, "Locations")]
        name = _identifier(item, "Identifier")
        if name and places:
            lines[name] = min(places)
    return lines


def _finding(item: Members, target: str, lines: Mapping[str, int]) -> Finding:
    return Finding(
        id=item.string("VulnerabilityID"),
        severity=_severity(item),
        purl=_purl(item, "PkgIdentifier"),
        name=item.string("PkgName"),
        installed=_text(item, "InstalledVersion"),
        fixed=_text(item, "FixedVersion"),
        target=_text(item, "PkgPath") or target,
        line=lines.get(_identifier(item, "PkgIdentifier"), 0),
    )


def _secret(item: Members, target: str) -> Secret:
    return Secret(
        rule=item.string("RuleID"),
        severity=_severity(item),
        target=target,
        line=item.integer("StartLine"),
    )


def _license(item: Members, target: str) -> License:
    text = _text(item, "Name") or _text(item, "Text") or "unknown"
    return License(
        target=_text(item, "FilePath") or target,
        package=_text(item, "PkgName"),
        name=text[:_NAME_LIMIT],
        severity=_severity(item),
    )


def _failed(item: Members) -> bool:
    return _text(item, "Status") == "FAIL"


def _misconfiguration(item: Members, target: str) -> Misconfiguration:
    return Misconfiguration(
        target=target,
        id=item.string("ID"),
        title=_text(item, "Title")[:_NAME_LIMIT],
        severity=_severity(item),
        line=_line(item.child("CauseMetadata")) if "CauseMetadata" in item else 0,
    )


def _package(item: Members, target: str) -> Package:
    licenses = item.strings("Licenses") if "Licenses" in item else []
    return Package(
        target=_text(item, "FilePath") or target,
        purl=_purl(item, "Identifier"),
        name=item.string("Name"),
        version=_text(item, "Version"),
        licenses=tuple(sorted({text[:_NAME_LIMIT] for text in licenses if text})),
    )


def _severity(item: Members) -> str:
    word = _text(item, "Severity").lower()
    return word if word in SEVERITIES else "unknown"


def _purl(item: Members, name: str) -> str:
    return _text(item.child(name), "PURL") if name in item else ""


def _identifier(item: Members, name: str) -> str:
    """What the report calls a package by, the same wherever it speaks of it."""
    return _text(item.child(name), "UID") if name in item else ""


def _line(item: Members) -> int:
    """Where something starts, or 0."""
    return item.integer("StartLine", least=0) if "StartLine" in item else 0


def _list(item: Members, name: str) -> list[Members]:
    return item.children(name) if name in item else []


def _text(item: Members, name: str) -> str:
    """A string that may be absent or empty."""
    value = item.values.get(name)
    if value is not None and not isinstance(value, str):
        raise REPORT_MALFORMED(f"{item.what}.{name} is not a string")
    return value or ""
