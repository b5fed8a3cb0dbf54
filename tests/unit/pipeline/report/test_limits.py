from dataclasses import replace

import pytest

from kit.reports import failed, interrupted, released, unchanged
from miniseal.formats.predicates import provenance, test_result
from miniseal.pipeline.engines.engine import Description
from miniseal.pipeline.report.claims import claims_of
from miniseal.pipeline.report.findings import scanned_of
from miniseal.pipeline.report.limits import limits_of
from miniseal.pipeline.report.model import Report


def limits(report: Report) -> dict[str, str]:
    claims = claims_of(report)
    found = limits_of(report, claims, scanned_of(report, claims.scan))
    return {limit.name: limit.sentence for limit in found}


def with_checks(outcome: str, name: str) -> Report:
    """The released one with one other outcome of a check."""
    report = released()
    checks = test_result.TestResult(
        result="WARNED",
        configuration=(),
        **{outcome: (name,)},  # type: ignore[arg-type]
    )
    statement = {"predicateType": test_result.PREDICATE_TYPE, "predicate": checks.to_json()}
    return replace(report, statements=(statement,))


@pytest.mark.parametrize("report", [released(), failed(), unchanged(), interrupted()])
def test_a_page_never_claims_to_be_evidence(report: Report) -> None:
    assert "not signed" in limits(report)["This page"]


def test_a_release_says_everything_that_it_leaves_open() -> None:
    assert [*limits(released())] == [
        "Who built it",
        "The second build",
        "The program's tests",
        "The scan",
        "Findings that do not count",
        "Secrets",
        "The tools",
        "The signatures",
        "The verdict",
        "This page",
    ]


def test_a_local_build_is_level_1() -> None:
    assert "SLSA Build Level 1" in limits(released())["Who built it"]


def test_of_a_part_nobody_knows_yet_who_built_it() -> None:
    report = Report(recorder=released().recorder, graph=(), part="build")

    assert "Who built it" in limits(replace(report, part=None))
    assert "Who built it" not in limits(report)


def test_a_builder_elsewhere_is_not_called_local() -> None:
    report = released()
    built = provenance.Provenance(
        build_type="https://example.com/b", builder_id="https://builders.example/github@v1"
    )
    statement = {"predicateType": provenance.PREDICATE_TYPE, "predicate": built.to_json()}

    assert "Who built it" not in limits(replace(report, statements=(statement,)))


def test_without_isolation_that_is_the_first_sentence() -> None:
    assert next(iter(limits(failed()))) == "Isolation"
    assert "Isolation" not in limits(
        replace(failed(), engine=Description(name="local", isolation="bwrap"))
    )


def test_the_scan_has_the_date_of_its_database() -> None:
    assert "published by 2026-11-20" in limits(released())["The scan"]


def test_who_has_findings_not_count_is_named() -> None:
    sentence = limits(released())["Findings that do not count"]

    assert sentence.startswith("1 finding of the scan, on the word of security-team.")


def test_the_tests_say_how_many_calls_they_made() -> None:
    assert "the 4 calls" in limits(released())["The program's tests"]


def test_no_tests_are_said_to_be_none() -> None:
    assert "There are none" in limits(with_checks("warned", "program"))["The program's tests"]


def test_a_wasm_that_was_there_already_has_no_origin() -> None:
    assert (
        "Nothing was built here"
        in limits(with_checks("warned", "rebuild"))["Where the wasm is from"]
    )


def test_a_platforms_policy_is_no_limit() -> None:
    assert "The verdict" not in limits(unchanged())


def test_what_was_not_built_is_built_by_nobody() -> None:
    assert [*limits(interrupted())] == ["This page"]
