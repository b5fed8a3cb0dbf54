import json
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fuzz.fuzz_openvex import fuzz_one
from fuzz.mutations import mutated
from miniseal.formats.errors import FormatError, MinisealError
from miniseal.formats.predicates.openvex import (
    DOCUMENT_LIMIT,
    JUSTIFICATIONS,
    PREDICATE_TYPE,
    PRODUCTS_LIMIT,
    STATEMENTS_LIMIT,
    STATUSES,
    Component,
    Document,
    Product,
    Statement,
    Vulnerability,
)

DIGITS = "0123456789abcdef" * 4
# Every member that the specification has, and two that it has not.
EXAMPLE: dict[str, Any] = {
    "@context": "https://openvex.dev/ns/v0.2.0",
    "@id": "https://vex.example/2026/7",
    "author": "security@platform.example",
    "role": "platform",
    "timestamp": "2026-11-20T10:00:00.123456789+02:00",
    "last_updated": "2026-11-21T10:00:00Z",
    "version": 3,
    "tooling": "by hand",
    "x-ticket": 1.5,
    "statements": [
        {
            "@id": "https://vex.example/2026/7#1",
            "vulnerability": {
                "@id": "https://vulnerabilities.example/CVE-2026-1",
                "name": "CVE-2026-1",
                "description": "reads too much",
                "aliases": ["GHSA-aaaa-bbbb-cccc"],
            },
            "timestamp": "2026-11-19T23:00:00-01:30",
            "products": [
                {
                    "@id": "com.acme.tip",
                    "identifiers": {"purl": "pkg:generic/com.acme.tip", "cpe23": "cpe:2.3:a"},
                    "hashes": {"SHA-256": DIGITS.upper()},
                    "subcomponents": [{"@id": "pkg:npm/left@1.0.0"}],
                    "x-note": [],
                }
            ],
            "status": "not_affected",
            "justification": "vulnerable_code_not_in_execute_path",
            "impact_statement": "it is called with constants",
        },
        {
            "vulnerability": {"name": "CVE-2026-2"},
            "status": "affected",
            "action_statement": "update to 1.0.1",
        },
    ],
}


def with_statement(**change: object) -> dict[str, Any]:
    """The example with its first statement changed; None takes a member out."""
    first = {**EXAMPLE["statements"][0], **change}
    kept = {name: value for name, value in first.items() if value is not None}
    return {**EXAMPLE, "statements": [kept]}


def code(value: object) -> str:
    with pytest.raises(FormatError) as error:
        Document.from_json(value)
    return error.value.code


def test_the_predicate_type_is_what_cosign_writes() -> None:
    assert PREDICATE_TYPE == "https://openvex.dev/ns"


def test_a_document_is_read() -> None:
    document = Document.from_json(EXAMPLE)

    assert document == Document(
        id="https://vex.example/2026/7",
        author="security@platform.example",
        timestamp="2026-11-20T08:00:00Z",
        version=3,
        statements=(
            Statement(
                vulnerability=Vulnerability(
                    name="CVE-2026-1",
                    id="https://vulnerabilities.example/CVE-2026-1",
                    aliases=("GHSA-aaaa-bbbb-cccc",),
                ),
                status="not_affected",
                products=(
                    Product(
                        id="com.acme.tip",
                        identifiers={"purl": "pkg:generic/com.acme.tip", "cpe23": "cpe:2.3:a"},
                        hashes={"sha-256": DIGITS},
                        subcomponents=(Component(id="pkg:npm/left@1.0.0"),),
                    ),
                ),
                justification="vulnerable_code_not_in_execute_path",
                impact_statement="it is called with constants",
                timestamp="2026-11-20T00:30:00Z",
            ),
            Statement(
                vulnerability=Vulnerability(name="CVE-2026-2"),
                status="affected",
                action_statement="update to 1.0.1",
            ),
        ),
    )


def test_a_statement_has_its_own_time_or_the_documents() -> None:
    document = Document.from_json(EXAMPLE)

    times = [document.time_of(statement) for statement in document.statements]
    assert times == [1_795_134_600, 1_795_161_600]


def test_a_vulnerability_and_a_product_have_several_names() -> None:
    statement = Document.from_json(EXAMPLE).statements[0]

    assert statement.vulnerability.names == {
        "CVE-2026-1",
        "GHSA-aaaa-bbbb-cccc",
        "https://vulnerabilities.example/CVE-2026-1",
    }
    assert statement.products[0].names == ("com.acme.tip", "pkg:generic/com.acme.tip", "cpe:2.3:a")


def test_what_was_read_is_written_with_every_member_that_it_had() -> None:
    assert Document.from_json(EXAMPLE).to_json() == EXAMPLE


def test_what_is_made_here_is_written_in_the_specifications_shape() -> None:
    made = replace(Document.from_json(EXAMPLE), read=None).to_json()

    assert made.keys() == {"@context", "@id", "author", "timestamp", "version", "statements"}
    assert Document.from_json(json.loads(json.dumps(made))) == Document.from_json(EXAMPLE)


@pytest.mark.parametrize("context", ["https://openvex.dev/ns", "https://openvex.dev/ns/v0.2.0"])
def test_a_context_is_the_specifications(context: str) -> None:
    assert Document.from_json({**EXAMPLE, "@context": context}).version == 3


@pytest.mark.parametrize("status", STATUSES)
def test_each_status_is_read(status: str) -> None:
    assert Document.from_json(with_statement(status=status)).statements[0].status == status


@pytest.mark.parametrize("label", JUSTIFICATIONS)
def test_each_justification_is_read(label: str) -> None:
    read = Document.from_json(with_statement(justification=label))

    assert read.statements[0].justification == label


@pytest.mark.parametrize(
    "change", [{"justification": None}, {"impact_statement": None}, {"impact_statement": ""}]
)
def test_one_reason_is_enough(change: dict[str, object]) -> None:
    assert Document.from_json(with_statement(**change)).statements[0].status == "not_affected"


def test_not_affected_without_a_reason_is_refused() -> None:
    assert code(with_statement(justification=None, impact_statement="")) == "predicate-malformed"


@pytest.mark.parametrize(
    "change",
    [
        {"@context": None},
        {"@context": "https://openvex.dev/ns/v0.0.1"},
        {"@context": "https://openvex.dev/ns/v1.0.0"},
        {"@id": ""},
        {"author": None},
        {"timestamp": None},
        {"version": "3"},
        {"version": -1},
        {"statements": None},
        {"statements": {}},
        {"statements": ["CVE-2026-1"]},
    ],
)
def test_a_malformed_document_is_refused(change: dict[str, object]) -> None:
    assert code({**EXAMPLE, **change}) == "predicate-malformed"


@pytest.mark.parametrize(
    "change",
    [
        {"vulnerability": None},
        {"vulnerability": "CVE-2026-1"},
        {"vulnerability": {"name": ""}},
        {"vulnerability": {"name": "C", "aliases": "D"}},
        {"status": None},
        {"status": "harmless"},
        {"status": "Not_affected"},
        {"justification": "because"},
        {"impact_statement": 1},
        {"products": {}},
        {"products": ["pkg:npm/left"]},
        {"products": [{"@id": 1}]},
        {"products": [{"identifiers": {"purl": None}}]},
        {"products": [{"hashes": {"sha-256": 1}}]},
        {"products": [{"subcomponents": ["pkg:npm/left"]}]},
        {"timestamp": 1},
    ],
)
def test_a_malformed_statement_is_refused(change: dict[str, object]) -> None:
    assert code(with_statement(**change)) == "predicate-malformed"


@pytest.mark.parametrize(
    "text",
    [
        *("2026-11-20", "2026-11-20T10:00:00", "2026-11-20T10:00:00+25:00", "10:00:00+01:00"),
        *("2026-11-20T10:00:00+0100", "2026-11-20T10:00:00+01:0é", "0001-01-01T00:00:00+01:00"),
    ],
)
def test_a_malformed_time_is_refused(text: str) -> None:
    assert code({**EXAMPLE, "timestamp": text}) == "time-malformed"


def test_more_statements_than_anybody_writes_are_refused() -> None:
    one = EXAMPLE["statements"][1]

    assert code({**EXAMPLE, "statements": [one] * (STATEMENTS_LIMIT + 1)}) == "predicate-malformed"


def test_products_and_subcomponents_are_counted_together() -> None:
    parts: list[dict[str, object]] = [{}] * (PRODUCTS_LIMIT // 2)
    most = with_statement(products=[{"subcomponents": parts}] + [{}] * (len(parts) - 1))
    more = with_statement(products=[{"subcomponents": parts}] + [{}] * len(parts))

    assert len(Document.from_json(most).statements[0].products) == len(parts)
    assert code(more) == "predicate-malformed"


def test_a_document_is_read_from_at_most_its_limit_of_bytes() -> None:
    data = json.dumps(EXAMPLE).encode()

    assert Document.from_bytes(data) == Document.from_json(EXAMPLE)
    with pytest.raises(MinisealError) as error:
        Document.from_bytes(data + b" " * DOCUMENT_LIMIT)
    assert error.value.code == "too-large"


@settings(max_examples=300, deadline=None)
@given(mutated(EXAMPLE) | st.binary(max_size=64))
def test_a_document_from_outside_is_read_or_refused(data: bytes) -> None:
    fuzz_one(data)
