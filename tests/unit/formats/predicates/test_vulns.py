import json
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fuzz.mutations import mutated
from miniseal.formats.errors import FormatError, MinisealError
from miniseal.formats.predicates.vulns import PREDICATE_TYPE, SEVERITIES, Finding, Vulns
from miniseal.formats.strictjson import loads

DIGITS = "0123456789abcdef" * 4
FULL = Vulns(
    scanner_uri=f"pkg:generic/trivy@0.76.0?checksum=sha256:{DIGITS}",
    scanner_version="0.76.0",
    database_uri=f"pkg:generic/trivy-db@2?checksum=sha256:{DIGITS[::-1]}",
    database_version="2",
    database_updated="2026-11-20T18:00:00Z",
    findings=(
        Finding(
            id="CVE-2026-1234",
            severity="high",
            package="pkg:npm/left@1.0.0",
            installed="1.0.0",
            fixed="1.0.1",
            source="package-lock.json",
        ),
        Finding(id="GHSA-aaaa-bbbb-cccc", severity="unknown"),
    ),
    started_on="2026-11-21T09:00:00Z",
    finished_on="2026-11-21T09:00:09Z",
)
# The members of the specification's own example, and no others, with other values.
EXAMPLE: dict[str, Any] = {
    "scanner": {
        "uri": "pkg:github/scanners/seeker@0123456789abcdef0123",
        "version": "3.1.4",
        "db": {
            "uri": "pkg:github/scanners/seeker-db/commit/0123456789abcdef",
            "version": "v1-2026111912",
            "lastUpdate": "2026-11-19T12:30:15.25Z",
        },
        "result": [
            {
                "id": "CVE-2026-7",
                "severity": [
                    {"method": "nvd", "score": "medium"},
                    {"method": "cvss_score", "score": "5.2"},
                ],
            }
        ],
    },
    "metadata": {
        "scanStartedOn": "2026-11-20T08:00:00.5Z",
        "scanFinishedOn": "2026-11-20T08:01:00.5Z",
    },
}


def with_result(entry: object) -> dict[str, Any]:
    return {**EXAMPLE, "scanner": {**EXAMPLE["scanner"], "result": [entry]}}


def severity(*ratings: object) -> str:
    document = with_result({"id": "CVE-1", "severity": list(ratings)})
    return Vulns.from_json(document).findings[0].severity


def test_the_predicate_type_is_the_specifications() -> None:
    assert PREDICATE_TYPE == "https://in-toto.io/attestation/vulns/v0.2"


def test_the_specifications_example_is_read() -> None:
    assert Vulns.from_json(EXAMPLE) == Vulns(
        scanner_uri="pkg:github/scanners/seeker@0123456789abcdef0123",
        scanner_version="3.1.4",
        database_uri="pkg:github/scanners/seeker-db/commit/0123456789abcdef",
        database_version="v1-2026111912",
        database_updated="2026-11-19T12:30:15Z",
        findings=(Finding(id="CVE-2026-7", severity="medium"),),
        started_on="2026-11-20T08:00:00Z",
        finished_on="2026-11-20T08:01:00Z",
    )


def test_what_is_written_has_the_specifications_shape() -> None:
    assert FULL.to_json() == {
        "scanner": {
            "uri": f"pkg:generic/trivy@0.76.0?checksum=sha256:{DIGITS}",
            "version": "0.76.0",
            "db": {
                "uri": f"pkg:generic/trivy-db@2?checksum=sha256:{DIGITS[::-1]}",
                "version": "2",
                "lastUpdate": "2026-11-20T18:00:00Z",
            },
            "result": [
                {
                    "id": "CVE-2026-1234",
                    "severity": [{"method": "trivy", "score": "high"}],
                    "annotations": [
                        {
                            "package": "pkg:npm/left@1.0.0",
                            "installed": "1.0.0",
                            "fixed": "1.0.1",
                            "source": "package-lock.json",
                        }
                    ],
                },
                {
                    "id": "GHSA-aaaa-bbbb-cccc",
                    "severity": [{"method": "trivy", "score": "unknown"}],
                },
            ],
        },
        "metadata": {
            "scanStartedOn": "2026-11-21T09:00:00Z",
            "scanFinishedOn": "2026-11-21T09:00:09Z",
        },
    }


def test_what_is_written_is_read_back() -> None:
    assert Vulns.from_json(json.loads(json.dumps(FULL.to_json()))) == FULL


def test_nothing_found_is_an_empty_list() -> None:
    clean = Vulns.from_json({**EXAMPLE, "scanner": {**EXAMPLE["scanner"], "result": []}})

    assert clean.findings == ()
    assert json.loads(json.dumps(clean.to_json()))["scanner"]["result"] == []


def test_optional_members_may_be_absent() -> None:
    least = {
        **EXAMPLE,
        "scanner": {"uri": "s", "db": {"lastUpdate": "2026-11-19T12:30:15Z"}, "result": []},
    }

    vulns = Vulns.from_json(least)

    assert (vulns.scanner_version, vulns.database_uri, vulns.database_version) == (None, None, None)
    assert vulns.to_json()["scanner"] == least["scanner"]


@pytest.mark.parametrize("word", SEVERITIES)
def test_a_severity_is_one_of_five_words_in_any_case(word: str) -> None:
    assert severity({"method": "any", "score": word.upper()}) == word


@pytest.mark.parametrize(
    ("score", "word"),
    [
        ("0.0", "low"),
        ("3.9", "low"),
        ("4.0", "medium"),
        ("6.9", "medium"),
        ("7.0", "high"),
        ("8.9", "high"),
        ("9.0", "critical"),
        ("10", "critical"),
    ],
)
def test_a_cvss_score_is_read_as_its_rating(score: str, word: str) -> None:
    assert severity({"method": "CVSS_v3", "score": score}) == word


@pytest.mark.parametrize(
    "rating",
    [
        {"method": "vendor", "score": "moderate"},
        {"method": "epss", "score": "0.02"},
        {"method": "cvss", "score": "nan"},
        {"method": "cvss", "score": "11"},
        {"method": "cvss", "score": "-1"},
        {"method": "cvss", "score": 9.8},
        {"method": "cvss", "score": ""},
        {"method": "cvss"},
        {"score": "9.8"},
        {},
    ],
)
def test_a_severity_that_cannot_be_read_is_unknown(rating: dict[str, object]) -> None:
    assert severity(rating) == "unknown"


@pytest.mark.parametrize("entry", [{"id": "CVE-1"}, {"id": "CVE-1", "severity": []}])
def test_no_severity_is_unknown(entry: dict[str, object]) -> None:
    assert Vulns.from_json(with_result(entry)).findings[0].severity == "unknown"


@settings(max_examples=100, deadline=None)
@given(st.lists(st.sampled_from(SEVERITIES), min_size=1))
def test_of_several_severities_the_worst_counts(words: list[str]) -> None:
    found = severity(*({"method": "m", "score": word} for word in words))

    assert all(SEVERITIES.index(word) <= SEVERITIES.index(found) for word in words)
    assert found in words


@pytest.mark.parametrize(
    ("finding", "has_no_fix"),
    [
        (Finding(id="C", severity="high", installed="1"), True),
        (Finding(id="C", severity="high", installed="1", fixed="2"), False),
        (Finding(id="C", severity="high"), False),
    ],
)
def test_a_finding_has_no_fix_where_the_scanner_looked_for_one(
    finding: Finding, has_no_fix: bool
) -> None:
    assert finding.has_no_fix is has_no_fix


def test_annotations_may_be_spread_over_several_objects() -> None:
    entry = {"id": "CVE-1", "annotations": [{"package": "p"}, {"fixed": "2", "other": 1}]}

    finding = Vulns.from_json(with_result(entry)).findings[0]

    assert (finding.package, finding.fixed, finding.installed) == ("p", "2", None)


def test_annotations_of_another_type_are_ignored() -> None:
    entry = {"id": "CVE-1", "annotations": [{"package": {"name": "p"}}]}

    assert Vulns.from_json(with_result(entry)).findings[0].package is None


def test_digests_are_read_from_the_package_urls() -> None:
    assert FULL.scanner_digest == f"sha256:{DIGITS}"
    assert FULL.database_digest == f"sha256:{DIGITS[::-1]}"


@pytest.mark.parametrize(
    "qualifiers",
    [
        f"?checksum=sha256:{DIGITS}#path",
        f"?checksum=sha256%3A{DIGITS}",
        f"?checksum=sha256%3a{DIGITS}",
        f"?arch=amd64&checksum=sha1:00,sha256:{DIGITS}",
        f"?checksum=sha1:00%2Csha256:{DIGITS}&os=linux",
    ],
)
def test_a_checksum_qualifier_is_found(qualifiers: str) -> None:
    document = {**EXAMPLE, "scanner": {**EXAMPLE["scanner"], "uri": f"pkg:generic/s@1{qualifiers}"}}

    assert Vulns.from_json(document).scanner_digest == f"sha256:{DIGITS}"


@pytest.mark.parametrize(
    "uri",
    [
        "pkg:generic/s@1",
        "pkg:generic/s@1?checksum=sha1:00",
        f"pkg:generic/s@1?checksum=sha256:{DIGITS[1:]}",
        f"pkg:generic/s@1?other=sha256:{DIGITS}",
        f"pkg:generic/s@1#?checksum=sha256:{DIGITS}",
        f"sha256:{DIGITS}",
    ],
)
def test_without_a_checksum_there_is_no_digest(uri: str) -> None:
    document = {**EXAMPLE, "scanner": {**EXAMPLE["scanner"], "uri": uri}}

    assert Vulns.from_json(document).scanner_digest is None


def test_without_a_database_uri_there_is_no_database_digest() -> None:
    scanner = {**EXAMPLE["scanner"], "db": {"lastUpdate": "2026-11-19T12:30:15Z"}}

    assert Vulns.from_json({**EXAMPLE, "scanner": scanner}).database_digest is None


@pytest.mark.parametrize(
    "change",
    [
        {"scanner": None},
        {"scanner": {**EXAMPLE["scanner"], "uri": ""}},
        {"scanner": {**EXAMPLE["scanner"], "version": 3}},
        {"scanner": {**EXAMPLE["scanner"], "db": None}},
        {"scanner": {**EXAMPLE["scanner"], "db": {}}},
        {"scanner": {**EXAMPLE["scanner"], "result": None}},
        {"scanner": {**EXAMPLE["scanner"], "result": ["CVE-1"]}},
        {"scanner": {**EXAMPLE["scanner"], "result": [{"severity": []}]}},
        {"scanner": {**EXAMPLE["scanner"], "result": [{"id": "C", "severity": "high"}]}},
        {"scanner": {**EXAMPLE["scanner"], "result": [{"id": "C", "severity": ["high"]}]}},
        {"scanner": {**EXAMPLE["scanner"], "result": [{"id": "C", "annotations": {}}]}},
        {"metadata": None},
        {"metadata": {"scanStartedOn": "2026-11-20T08:00:00Z"}},
    ],
)
def test_a_malformed_predicate_is_refused(change: dict[str, Any]) -> None:
    with pytest.raises(FormatError) as error:
        Vulns.from_json({**EXAMPLE, **change})

    assert error.value.code == "predicate-malformed"


@pytest.mark.parametrize("text", ["2026-11-20", "2026-11-20T08:00:00+01:00"])
def test_a_malformed_time_is_refused(text: str) -> None:
    metadata = {**EXAMPLE["metadata"], "scanFinishedOn": text}

    with pytest.raises(FormatError) as error:
        Vulns.from_json({**EXAMPLE, "metadata": metadata})

    assert error.value.code == "time-malformed"


@settings(max_examples=200, deadline=None)
@given(mutated(FULL.to_json()) | mutated(EXAMPLE))
def test_a_predicate_from_outside_is_read_or_refused(data: bytes) -> None:
    with suppress(MinisealError):
        vulns = Vulns.from_json(loads(data, limit=1 << 20, what="predicate", floats=True))
        assert all(finding.severity in SEVERITIES for finding in vulns.findings)
        assert Vulns.from_json(vulns.to_json()) == vulns
