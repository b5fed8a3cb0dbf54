"""When a scan is too bad or too old: pure functions of a predicate and a rule.

The verifier's check and the pipeline's gate use the same ones. Who made the scan is not asked here.
"""

from miniseal.formats.errors import Code, VerificationError
from miniseal.formats.predicates.vulns import Finding, Vulns
from miniseal.formats.times import from_text, to_text

__all__ = [
    "FUTURE_SKEW",
    "SCAN_FROM_FUTURE",
    "SCAN_STALE",
    "SEVERITIES",
    "VULNERABILITY_THRESHOLD",
    "check_age",
    "check_severity",
    "exceeding",
    "rank",
    "scanned",
]

SEVERITIES = ("low", "medium", "high", "critical")
"""From the mildest; a threshold is one of them."""
FUTURE_SKEW = 300
"""Seconds by which a scan's clock may be ahead."""

VULNERABILITY_THRESHOLD = Code(
    "vulnerability-threshold",
    VerificationError,
    meaning="the latest scan found vulnerabilities of the threshold's severity or worse",
    cause="a dependency has a known vulnerability, or one of unknown severity",
    remedy="update the dependency that the message names, and release again",
)
SCAN_STALE = Code(
    "scan-stale",
    VerificationError,
    meaning="the latest scan, or the database it used, is older than the policy allows",
    cause="the package was not scanned again for a while",
    remedy="scan the package again and attach the result",
)
SCAN_FROM_FUTURE = Code(
    "scan-from-future",
    VerificationError,
    meaning="a scan, or its database, has a time that is still to come",
    cause="the scanner's clock is ahead, or this host's is behind",
    remedy="set the clocks right and scan again",
)


def rank(severity: str) -> int:
    """How bad: 0 for low to 3 for critical, and 3 for everything that is not known."""
    return SEVERITIES.index(severity) if severity in SEVERITIES else len(SEVERITIES) - 1


def exceeding(findings: tuple[Finding, ...], fail_on: str) -> tuple[Finding, ...]:
    """The findings of severity `fail_on` or worse, the worst first, then by id."""
    bad = [finding for finding in findings if rank(finding.severity) >= rank(fail_on)]
    return tuple(sorted(bad, key=lambda finding: (-rank(finding.severity), finding.id)))


def check_severity(scan: Vulns, fail_on: str) -> None:
    """Refuse a scan with findings of severity `fail_on` (one of `SEVERITIES`) or worse.

    Raises:
        VerificationError: `vulnerability-threshold`.
    """
    bad = exceeding(scan.findings, fail_on)
    if bad:
        shown = ", ".join(f"{finding.id} ({finding.severity})" for finding in bad[:5])
        raise VULNERABILITY_THRESHOLD(
            f"{len(bad)} vulnerabilities reach the threshold",
            found=shown + (", ..." if len(bad) > 5 else ""),
            expected=f"nothing {fail_on} or worse",
        )


def scanned(scan: Vulns) -> int:
    """From when a scan ages, seconds since 1970: its end or its database's date, the earlier."""
    return min(from_text(scan.finished_on), from_text(scan.database_updated))


def check_age(scan: Vulns, max_age: int, now: int) -> int:
    """Refuse a scan older than `max_age` seconds; return when it will be.

    Raises:
        VerificationError: `scan-stale`, `scan-from-future`.
    """
    latest = max(from_text(scan.finished_on), from_text(scan.database_updated))
    if latest > now + FUTURE_SKEW:
        raise SCAN_FROM_FUTURE(
            "the scan is from the future", found=to_text(latest), expected=f"now, {to_text(now)}"
        )
    end = scanned(scan) + max_age
    if now >= end:
        raise SCAN_STALE(
            "the scan is too old",
            found=f"scan {scan.finished_on}, database {scan.database_updated}",
            expected=f"{to_text(now - max_age)} or later",
        )
    return end
