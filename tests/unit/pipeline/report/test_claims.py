from dataclasses import replace

from kit.reports import released, unchanged
from miniseal.pipeline.report.claims import claims_of, evidence_of


def test_each_statement_is_a_row_with_what_it_says() -> None:
    rows = evidence_of(released())

    assert [(row.name, row.says) for row in rows] == [
        ("Build", "assemblyscript made the wasm from commit 4f1fcd5b8e21"),
        ("Bill of materials", "5 parts shipped, 2 tools that built them"),
        ("Vulnerabilities", "3 known vulnerabilities, by the advisories of 2026-11-20"),
        ("The pipeline's checks", "passed: coverage, rebuild, secrets"),
        ("The program's tests", "passed: program"),
        ("Capabilities", "the wasm imports env and host:storage/kv@1.0.0"),
    ]
    assert {row.signers for row in rows} == {("publisher",)}


def test_before_a_verdict_the_key_is_who_signed() -> None:
    rows = evidence_of(replace(released(), verdict=None))

    assert {row.signers for row in rows} == {("PvX1",)}


def test_before_a_signature_nobody_signed() -> None:
    rows = evidence_of(replace(released(), verdict=None, signer=None))

    assert {row.signers for row in rows} == {()}


def test_without_statements_the_verifiers_list_is_shown() -> None:
    rows = evidence_of(unchanged())

    assert [row.name for row in rows].count("Checks") == 2
    assert all(row.bundle for row in rows)


def test_a_statement_that_cannot_be_read_is_listed() -> None:
    strange = (
        {"predicateType": "https://example.com/new", "predicate": {}},
        {"predicateType": "https://slsa.dev/provenance/v1", "predicate": {"no": 1}},
        {"predicateType": 3, "subject": [None, {"name": "x"}]},
        {},
    )

    rows = evidence_of(replace(released(), statements=strange))
    assert [(row.name, row.says) for row in rows] == [
        ("Statement", ""),
        ("Build", ""),
        ("Statement", ""),
        ("Statement", ""),
    ]


def test_a_link_is_a_step_and_what_went_into_it() -> None:
    link: dict[str, object] = {
        "predicateType": "https://in-toto.io/attestation/link/v0.3",
        "subject": [{"name": "app.wasm"}],
        "predicate": {"name": "build", "materials": [{"name": "source"}, {"name": "toolchain"}]},
    }

    (row,) = evidence_of(replace(released(), statements=(link,)))

    assert (row.name, row.says) == ("Step", "build, from source and toolchain")
    assert row.subjects == ("app.wasm",)


def test_checks_are_found_by_name() -> None:
    claims = claims_of(released())

    assert [claims.check(name) for name in ("rebuild", "program", "licences")] == [
        "passed",
        "passed",
        None,
    ]
