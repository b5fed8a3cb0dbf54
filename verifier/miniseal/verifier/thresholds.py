"""When a scan is too bad or too old, or a licence not wanted: pure functions of facts and a rule.

The verifier's checks and the pipeline's gate use the same ones. Who found the facts is not asked
here, and which findings count is `vex`'s.
"""

from collections.abc import Iterable

from miniseal.formats.errors import Code, VerificationError
from miniseal.formats.licenses import denied, is_known
from miniseal.formats.predicates.vulns import Finding, Vulns
from miniseal.formats.times import from_text, to_text

__all__ = [
    "FUTURE_SKEW",
    "LICENSE_DENIED",
    "SCAN_FROM_FUTURE",
    "SCAN_STALE",
    "SEVERITIES",
    "VULNERABILITY_THRESHOLD",
    "check_age",
    "check_licenses",
    "check_severity",
    "exceeding",
    "rank",
    "scanned",
]

SEVERITIES = ("low", "medium", "high", "critical")
"""From the mildest; a threshold is one of them."""
FUTURE_SKEW = 300
"""Seconds by which the clock of whoever states a time may be ahead."""

VULNERABILITY_THRESHOLD = Code(
    "vulnerability-threshold",
    VerificationError,
    meaning="the latest scan found vulnerabilities of the threshold's severity or worse",
    cause="a dependency has a known vulnerability, or one of unknown severity",
    remedy="update the dependency that the message names, and release again",
)
LICENSE_DENIED = Code(
    "license-denied",
    VerificationError,
    meaning="a part of the package is under a licence that the rule denies, or under none known",
    cause="a dependency with such a licence, also one that came with another dependency",
    remedy="do without the part that the message names, or have the rule changed",
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


def check_licenses(
    parts: Iterable[tuple[str, tuple[str, ...]]], patterns: tuple[str, ...], *, unknown: bool = True
) -> None:
    """Refuse licences that a pattern denies (`miniseal.formats.licenses`).

    Args:
        parts: what is shipped, by name, each with all of its licences; every one of them holds.
        patterns: of denied licences.
        unknown: whether a part may have no licence that is known.

    Raises:
        VerificationError: `license-denied`.
    """
    for name, licenses in parts:
        for each in licenses:
            found = denied(each, patterns)
            if found is not None:
                raise LICENSE_DENIED(
                    f"{name} is under a denied licence",
                    found=each[:200] if found == each else f"{found} in {each}"[:200],
                    expected=f"none of {', '.join(patterns)}",
                )
        if not unknown and not any(map(is_known, licenses)):
            raise LICENSE_DENIED(
                f"{name} is under no known licence",
                found=", ".join(licenses)[:200] or "none",
                expected="an SPDX expression",
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
