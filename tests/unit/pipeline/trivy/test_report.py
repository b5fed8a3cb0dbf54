import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fuzz.fuzz_scan import fuzz_one
from miniseal.formats.errors import MinisealError
from miniseal.pipeline.trivy import report
from miniseal.pipeline.trivy.scan import Finding, License, Misconfiguration, Scan, Secret

VULNERABILITY = {
    "VulnerabilityID": "CVE-2026-1",
    "PkgName": "a",
    "PkgIdentifier": {"PURL": "pkg:npm/a@1"},
    "InstalledVersion": "1",
    "FixedVersion": "2",
    "Severity": "HIGH",
    "Title": "t",
    "CVSS": {"x": {"V3Score": 7.5}},
}


def document(*results: object, **changes: object) -> bytes:
    fields = {"SchemaVersion": 2, "Trivy": {"Version": "0.76.0"}, "Results": list(results)}
    return json.dumps(fields | changes).encode()


def test_a_vulnerability_is_read() -> None:
    scan = report.from_bytes(document({"Target": "lock", "Vulnerabilities": [VULNERABILITY]}))

    assert scan.findings == (
        Finding(
            id="CVE-2026-1",
            severity="high",
            purl="pkg:npm/a@1",
            name="a",
            installed="1",
            fixed="2",
            target="lock",
        ),
    )
    assert scan.targets == ("lock",)
    assert scan.version == "0.76.0"


def test_a_path_of_the_package_is_the_target() -> None:
    result = {"Target": "Node.js", "Vulnerabilities": [VULNERABILITY | {"PkgPath": "n/p.json"}]}

    assert report.from_bytes(document(result)).findings[0].target == "n/p.json"


def test_a_severity_nobody_knows_is_unknown() -> None:
    result = {"Target": "a", "Vulnerabilities": [VULNERABILITY | {"Severity": "SEVERE"}]}

    assert report.from_bytes(document(result)).findings[0].severity == "unknown"


def test_secrets_and_packages_are_read_sorted_and_once() -> None:
    secret = {"RuleID": "r", "Severity": "LOW", "StartLine": 3, "Match": "***"}
    package = {"Name": "b", "Version": "1", "Identifier": {"PURL": "pkg:npm/b@1"}}
    nameless = {"Name": "a", "Identifier": {"UID": "1"}}

    scan = report.from_bytes(
        document({"Target": "x", "Secrets": [secret, secret], "Packages": [package, nameless]})
    )

    assert scan.secrets == (Secret(rule="r", severity="low", target="x", line=3),)
    assert [(item.name, item.version, item.purl) for item in scan.packages] == [
        ("a", "", ""),
        ("b", "1", "pkg:npm/b@1"),
    ]


def test_licenses_are_read_of_packages_and_of_files() -> None:
    package = {"Name": "b", "Version": "1", "Licenses": ["MIT", "", "MIT"]}
    known = {"PkgName": "b", "FilePath": "lock", "Name": "MIT", "Severity": "LOW"}
    text = {"PkgName": "", "FilePath": "LICENSE", "Name": "", "Text": "mine"}

    scan = report.from_bytes(
        document(
            {"Target": "x", "Packages": [package]}, {"Target": "Loose", "Licenses": [known, text]}
        )
    )

    assert [item.licenses for item in scan.packages] == [("MIT",)]
    assert scan.licenses == (
        License(target="LICENSE", package="", name="mine", severity="unknown"),
        License(target="lock", package="b", name="MIT", severity="low"),
    )
    assert scan.targets == ("LICENSE", "lock", "x")


def test_a_check_that_failed_is_a_misconfiguration() -> None:
    failed = {"ID": "DS-0002", "Title": "t", "Severity": "HIGH", "Status": "FAIL"}
    checked = {"Target": "Dockerfile", "Class": "config"}

    scan = report.from_bytes(
        document(
            checked | {"Misconfigurations": [failed, failed | {"ID": "X", "Status": "PASS"}]},
            checked | {"Target": "clean"},
        )
    )

    assert scan.misconfigurations == (
        Misconfiguration(target="Dockerfile", id="DS-0002", title="t", severity="high"),
    )
    assert scan.targets == ("Dockerfile", "clean")


def test_a_misconfiguration_says_its_line_where_it_has_one() -> None:
    failed = {"ID": "A", "Severity": "HIGH", "Status": "FAIL"}
    placed = failed | {"ID": "B", "CauseMetadata": {"Provider": "Dockerfile", "StartLine": 4}}
    missing = failed | {"ID": "C", "CauseMetadata": {"Provider": "Dockerfile"}}

    scan = report.from_bytes(
        document({"Target": "Dockerfile", "Misconfigurations": [failed, placed, missing]})
    )

    assert [(each.id, each.line) for each in scan.misconfigurations] == [
        ("A", 0),
        ("B", 4),
        ("C", 0),
    ]


def test_a_vulnerability_has_the_line_of_its_package() -> None:
    def package(uid: str, *lines: int) -> dict[str, object]:
        places = [{"StartLine": line, "EndLine": line + 3} for line in lines]
        return {"Name": uid, "Identifier": {"UID": uid}, "Locations": places}

    found = [
        VULNERABILITY | {"PkgName": uid, "PkgIdentifier": {"UID": uid}} for uid in ("a", "b", "c")
    ]

    scan = report.from_bytes(
        document({"Packages": [package("a", 40, 7), package("b")], "Vulnerabilities": found})
    )

    assert [(each.name, each.line) for each in scan.findings] == [("a", 7), ("b", 0), ("c", 0)]


def test_no_results_are_an_empty_scan() -> None:
    assert report.from_bytes(document(Results=None)) == Scan()


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"[]",
        b"{}",
        document(SchemaVersion=1),
        document(SchemaVersion=3),
        document(Trivy=None),
        document(Results="x"),
        document([]),
        document({"Target": 3, "Vulnerabilities": []}),
        document({"Target": "a", "Vulnerabilities": [{"x": 1}]}),
        document({"Target": "a", "Packages": [{"Name": ""}]}),
        document({"Target": "a", "Secrets": [{"RuleID": "x", "StartLine": "1"}]}),
        document({"Target": "a", "Licenses": [{"Name": 3}]}),
        document({"Target": "a", "Packages": [{"Name": "a", "Licenses": "MIT"}]}),
        document({"Target": "a", "Packages": [{"Name": "a", "Licenses": [1]}]}),
        document({"Target": "a", "Misconfigurations": [{"Status": "FAIL"}]}),
        document({"Target": "a", "Misconfigurations": [{"ID": "x", "Status": 1}]}),
        document(
            {
                "Misconfigurations": [
                    {"ID": "x", "Status": "FAIL", "CauseMetadata": {"StartLine": -1}}
                ]
            }
        ),
        document({"Vulnerabilities": [VULNERABILITY], "Packages": [{"Locations": [{}, 1]}]}),
        document()[:-1],
    ],
)
def test_another_document_is_malformed(data: bytes) -> None:
    with pytest.raises(MinisealError) as error:
        report.from_bytes(data)

    assert error.value.code == "scan-malformed"


NAMES = ["Target", "Packages", "Name", "Identifier", "PURL", "Secrets", "RuleID"]
JSON = st.recursive(
    st.none() | st.text() | st.integers() | st.floats(),
    lambda below: st.lists(below) | st.dictionaries(st.sampled_from(NAMES), below),
    max_leaves=20,
)


@settings(max_examples=200, deadline=None)
@given(st.binary() | st.builds(document, JSON))
def test_any_bytes_are_read_or_refused(data: bytes) -> None:
    fuzz_one(data)
