from kit.reports import failed, released, unchanged
from miniseal.formats.predicates.vulns import Finding
from miniseal.pipeline.report.claims import claims_of
from miniseal.pipeline.report.findings import Scanned, Vulnerability, scanned_of
from miniseal.pipeline.report.model import Report
from miniseal.verifier.vex import NO_FIX, Suppressed


def scanned(report: Report) -> Scanned:
    return scanned_of(report, claims_of(report).scan)


def test_a_finding_in_two_places_is_one_row() -> None:
    found = scanned(released()).vulnerabilities

    assert found is not None
    assert [row.finding.id for row in found] == [
        "CVE-2026-30442",
        "GHSA-9qxr-qj54-h672",
        "CVE-2026-21001",
    ]
    assert found[0].places == ("sbom", "source: package-lock.json")


def test_what_does_not_count_stays_and_comes_last() -> None:
    found = scanned(released()).vulnerabilities

    assert found is not None
    assert [row.verdict for row in found] == ["counts", "counts", "not affected"]


def test_the_worst_comes_first() -> None:
    found = scanned(failed())

    assert [row.finding.severity for row in found.vulnerabilities or ()] == [
        "high",
        "medium",
        "low",
    ]
    assert found.severities == (("high", 1), ("medium", 1), ("low", 1))


def test_nothing_known_is_not_nothing_found() -> None:
    nothing = scanned(unchanged())

    assert nothing.vulnerabilities is None
    assert nothing.looked == ()


def test_secrets_and_settings_say_where_they_are() -> None:
    found = scanned(failed())

    assert [each.where for each in found.secrets] == ["source: src/config.ts, line 3"]
    assert [each.what for each in found.misconfigurations] == [
        "DS-0002 Image user should not be root"
    ]


def test_a_licence_names_what_has_it() -> None:
    assert [(each.name, each.packages) for each in scanned(released()).licenses] == [
        ("Apache-2.0", ("LICENSE", "long")),
        ("MIT", ("lodash",)),
    ]


def row(package: str | None, suppressed: Suppressed | None = None) -> Vulnerability:
    finding = Finding(id="CVE-1", severity="low", package=package)
    return Vulnerability(finding=finding, spots=(), suppressed=suppressed)


def test_a_package_is_named_without_version_and_encoding() -> None:
    assert row("pkg:npm/%40acme/money@2.1.0?x=y").package == "npm/@acme/money"
    assert row("pkg:cargo/serde").package == "cargo/serde"
    assert row(None).package == "a package without a name"


def test_a_finding_without_a_fix_says_so() -> None:
    finding = Finding(id="CVE-1", severity="low")

    assert row(None, Suppressed(finding=finding, reason=NO_FIX)).verdict == "no fix"
