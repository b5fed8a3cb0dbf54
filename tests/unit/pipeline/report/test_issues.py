from dataclasses import replace

import pytest

from kit.reports import failed, interrupted, released, unchanged
from miniseal.pipeline.report.findings import Spot
from miniseal.pipeline.report.issues import Issue, issues_of
from miniseal.pipeline.report.model import Report
from miniseal.pipeline.trivy.scan import Finding, License, Misconfiguration, Scan, Secret


def issues(report: Report) -> list[Issue]:
    found = issues_of(report)
    assert found is not None
    return [*found]


def scanned(**found: object) -> Report:
    """The released one with another scan of its source."""
    return replace(released(), scans={"source": Scan(**found)})  # type: ignore[arg-type]


def test_the_worst_comes_first_and_what_does_not_count_last() -> None:
    assert [(each.kind, each.severity) for each in issues(failed())] == [
        ("secret", "critical"),
        ("vulnerability", "high"),
        ("vulnerability", "medium"),
        ("misconfiguration", "medium"),
        ("vulnerability", "low"),
    ]
    assert [each.rule for each in issues(released())][-1] == "CVE-2026-21001"


@pytest.mark.parametrize("report", [unchanged(), interrupted()], ids=["unchanged", "interrupted"])
def test_where_not_all_was_scanned_nothing_is_known(report: Report) -> None:
    assert issues_of(report) is None


def test_levels() -> None:
    levels = {each.rule: each.level for each in [*issues(released()), *issues(failed())]}

    assert levels == {
        "secret/github-pat": "error",
        "CVE-2026-21001": "error",
        "CVE-2026-30442": "warning",
        "DS-0002": "warning",
        "GHSA-9qxr-qj54-h672": "note",
    }
    assert [each.level for each in issues(released()) if each.suppressed] == ["note"]


@pytest.mark.parametrize("severity", ["low", "unknown"])
def test_a_secret_is_always_an_error(severity: str) -> None:
    secret = Secret(target="a", line=1, rule="r", severity=severity)

    assert {each.level for each in issues(scanned(secrets=(secret,))) if each.kind == "secret"} == {
        "error"
    }


@pytest.mark.parametrize(
    ("severity", "levels"),
    [
        ("critical", ["warning"]),
        ("high", ["warning"]),
        ("medium", ["note"]),
        ("unknown", ["note"]),
        ("low", []),
    ],
)
def test_of_licences_only_those_with_duties_are_here(severity: str, levels: list[str]) -> None:
    license_ = License(target="package-lock.json", package="p", name="X-1", severity=severity)

    found = [each for each in issues(scanned(licenses=(license_,))) if each.kind == "license"]
    assert [each.level for each in found] == levels
    assert all(each.text.startswith(f"The licence X-1 ({severity}): p.") for each in found)


def test_a_licence_of_the_bill_alone_is_not_repeated() -> None:
    license_ = License(target="", package="p", name="X-1", severity="high")
    report = replace(released(), scans={"sbom": Scan(licenses=(license_,))})

    assert [each for each in issues(report) if each.kind == "license"] == []


def test_a_vulnerability_has_the_line_in_its_lock_file() -> None:
    finding = Finding(
        target="package-lock.json",
        purl="pkg:npm/lodash@4.17.20",
        name="lodash",
        installed="4.17.20",
        id="CVE-2026-21001",
        severity="high",
        fixed="4.17.21",
        line=17,
    )

    found = {each.rule: each.spot for each in issues(scanned(findings=(finding,)))}
    assert found["CVE-2026-21001"] == Spot("source", "package-lock.json", 17)
    assert found["CVE-2026-30442"] == Spot("source", "package-lock.json", 0)


def test_what_is_in_no_file_of_the_source_is_shown_on_the_manifest() -> None:
    secret = Secret(target="app.wasm", line=3, rule="r", severity="high")
    report = replace(released(), scans={"package": Scan(secrets=(secret,))})

    [found] = [each for each in issues(report) if each.kind == "secret"]
    assert found.spot is None
    assert found.file("") == "miniseal.toml"
    assert found.file("apps/tip") == "apps/tip/miniseal.toml"
    assert "Found in package: app.wasm, line 3." in found.text


@pytest.mark.parametrize("path", ["../a", "/etc/passwd", "a//b", "a/../../b", "."])
def test_no_file_outside_the_project_is_named(path: str) -> None:
    secret = Secret(target=path, line=3, rule="r", severity="high")

    [found] = [each for each in issues(scanned(secrets=(secret,))) if each.kind == "secret"]
    assert found.file("apps/tip") == "apps/tip/miniseal.toml"


def test_the_same_rule_in_the_same_file_is_told_apart_but_not_by_its_line() -> None:
    def keys(*lines: int) -> list[tuple[str, ...]]:
        secrets = (Secret(target="a", line=line, rule="r", severity="high") for line in lines)
        settings = (
            Misconfiguration(target="a", id="r2", title="t", severity="high", line=line)
            for line in lines
        )
        report = scanned(secrets=tuple(secrets), misconfigurations=tuple(settings))
        return [each.key for each in issues(report) if each.spot and each.spot.path == "a"]

    assert keys(3, 9) == keys(4, 70)
    assert len({*keys(3, 9)}) == 4


def test_long_lists_are_cut() -> None:
    licenses = tuple(
        License(target=f"{number}/LICENSE", package=f"p{number}", name="X-1", severity="high")
        for number in range(7)
    )

    found = [each for each in issues(scanned(licenses=licenses)) if each.kind == "license"]
    assert len(found) == 7
    assert found[0].text.startswith("The licence X-1 (high): p0, p1, p2, p3, p4 and 2 more.")
