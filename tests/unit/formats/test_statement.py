import json
from typing import Any

import pytest
from google.protobuf.json_format import MessageToJson, ParseDict
from hypothesis import given, settings
from hypothesis import strategies as st
from in_toto_attestation.v1 import statement_pb2

from fuzz.fuzz_statement import fuzz_one
from fuzz.mutations import mutated
from miniseal.formats.errors import FormatError
from miniseal.formats.statement import STATEMENT_LIMIT, Statement, Subject

DIGITS = "0123456789abcdef" * 4
DIGEST = f"sha256:{DIGITS}"
VALID: dict[str, Any] = {
    "_type": "https://in-toto.io/Statement/v1",
    "subject": [{"name": "app.wasm", "digest": {"sha256": DIGITS}}],
    "predicateType": "https://example.com/predicate/v1",
    "predicate": {"count": 5, "ratio": 0.5},
}

hex_digits = st.text("0123456789abcdef", min_size=64, max_size=64)
subjects = st.builds(
    lambda digits, name: Subject.of(f"sha256:{digits}", name),
    hex_digits,
    st.none() | st.text(min_size=1, max_size=10),
)
statements = st.builds(
    Statement,
    subjects=st.lists(subjects, min_size=1, max_size=4).map(tuple),
    predicate_type=st.text(min_size=1, max_size=20),
    predicate=st.dictionaries(st.text(), st.integers(-(2**53) + 1, 2**53 - 1) | st.text()),
)


def encode(value: object) -> bytes:
    return json.dumps(value).encode()


def without(name: str) -> dict[str, Any]:
    return {key: value for key, value in VALID.items() if key != name}


def test_a_statement_is_read() -> None:
    statement = Statement.from_bytes(encode(VALID))

    assert statement == Statement(
        subjects=(Subject(name="app.wasm", digest={"sha256": DIGITS}),),
        predicate_type="https://example.com/predicate/v1",
        predicate={"count": 5, "ratio": 0.5},
    )


def test_a_statement_of_version_0_1_is_read() -> None:
    value = {**VALID, "_type": "https://in-toto.io/Statement/v0.1"}

    assert Statement.from_bytes(encode(value)) == Statement.from_bytes(encode(VALID))


@pytest.mark.parametrize("extra", [{}, {"name": None}, {"name": ""}, {"annotations": {}}])
def test_a_subject_needs_no_name(extra: dict[str, object]) -> None:
    value = {**VALID, "subject": [{"digest": {"sha256": DIGITS}, **extra}]}

    assert Statement.from_bytes(encode(value)).subjects == (Subject.of(DIGEST),)


def test_unknown_members_are_ignored() -> None:
    value = {**VALID, "extra": [], "subject": [{**VALID["subject"][0], "mediaType": "x"}]}

    assert Statement.from_bytes(encode(value)) == Statement.from_bytes(encode(VALID))


@pytest.mark.parametrize("value", [without("predicate"), {**VALID, "predicate": None}])
def test_a_statement_may_have_no_predicate(value: dict[str, object]) -> None:
    assert Statement.from_bytes(encode(value)).predicate == {}


def test_a_statement_is_written_canonically_with_the_specifications_members_only() -> None:
    statement = Statement(
        subjects=(Subject.of(DIGEST, "b"), Subject.of(DIGEST)),
        predicate_type="t",
        predicate={"b": 1, "a": [True, None]},
    )

    assert statement.to_bytes() == (
        b'{"_type":"https://in-toto.io/Statement/v1","predicate":{"a":[true,null],"b":1},'
        b'"predicateType":"t","subject":[{"digest":{"sha256":"%s"},"name":"b"},'
        b'{"digest":{"sha256":"%s"}}]}' % (DIGITS.encode(), DIGITS.encode())
    )


@settings(max_examples=100, deadline=None)
@given(statements)
def test_what_is_written_is_read_back(statement: Statement) -> None:
    assert Statement.from_bytes(statement.to_bytes()) == statement


@settings(max_examples=50, deadline=None)
@given(statements)
def test_what_is_written_is_a_statement_to_in_toto(statement: Statement) -> None:
    message = ParseDict(json.loads(statement.to_bytes()), statement_pb2.Statement())

    assert [dict(subject.digest) for subject in message.subject] == [
        subject.digest for subject in statement.subjects
    ]
    assert message.predicate_type == statement.predicate_type


def test_what_in_toto_writes_is_read() -> None:
    message = ParseDict({**VALID, "predicate": {"a": "b"}}, statement_pb2.Statement())

    statement = Statement.from_bytes(MessageToJson(message).encode())

    assert statement.subjects == (Subject.of(DIGEST, "app.wasm"),)
    assert statement.predicate == {"a": "b"}


@pytest.mark.parametrize(
    "value",
    [
        [],
        without("_type"),
        {**VALID, "_type": "https://in-toto.io/Statement/v2"},
        {**VALID, "_type": "https://in-toto.io/Statement/v1 "},
        {**VALID, "_type": 1},
        without("subject"),
        {**VALID, "subject": None},
        {**VALID, "subject": {}},
        {**VALID, "subject": []},
        {**VALID, "subject": VALID["subject"] * 1025},
        {**VALID, "subject": ["app.wasm"]},
        {**VALID, "subject": [{"name": "app.wasm"}]},
        {**VALID, "subject": [{"digest": {}}]},
        {**VALID, "subject": [{"digest": None}]},
        {**VALID, "subject": [{"digest": [DIGITS]}]},
        {**VALID, "subject": [{"digest": {"sha256": 7}}]},
        {**VALID, "subject": [{"digest": {"sha256": [DIGITS]}}]},
        {**VALID, "subject": [{"name": 7, "digest": {"sha256": DIGITS}}]},
        without("predicateType"),
        {**VALID, "predicateType": ""},
        {**VALID, "predicate": []},
        {**VALID, "predicate": "x"},
    ],
)
def test_what_is_not_a_statement_is_refused(value: object) -> None:
    with pytest.raises(FormatError) as error:
        Statement.from_bytes(encode(value))

    assert error.value.code == "statement-malformed"


def test_1024_subjects_are_read() -> None:
    value = {**VALID, "subject": VALID["subject"] * 1024}

    assert len(Statement.from_bytes(encode(value)).subjects) == 1024


def test_a_duplicate_member_is_refused() -> None:
    data = encode(VALID).replace(b'"predicateType"', b'"predicateType": "x", "predicateType"')

    with pytest.raises(FormatError, match="duplicate key") as error:
        Statement.from_bytes(data)

    assert error.value.code == "json-malformed"


def test_a_statement_over_the_limit_is_refused() -> None:
    with pytest.raises(FormatError) as error:
        Statement.from_bytes(b" " * (STATEMENT_LIMIT + 1))

    assert error.value.code == "too-large"


def test_a_predicate_that_json_cannot_hold_is_not_written() -> None:
    statement = Statement(
        subjects=(Subject.of(DIGEST),), predicate_type="t", predicate={"n": 2**60}
    )

    with pytest.raises(FormatError) as error:
        statement.to_bytes()

    assert error.value.code == "json-malformed"


def test_a_statement_names_the_digests_of_all_its_subjects() -> None:
    other = "sha256:" + "1" * 64
    statement = Statement(
        subjects=(Subject.of(DIGEST), Subject.of(other)), predicate_type="t", predicate={}
    )

    assert statement.names(DIGEST)
    assert statement.names(other)
    assert not statement.names("sha256:" + "2" * 64)


@pytest.mark.parametrize("digest", [{"sha512": DIGITS}, {"sha256": DIGITS.upper()}])
def test_a_digest_of_another_algorithm_or_spelling_is_not_named(digest: dict[str, str]) -> None:
    statement = Statement(subjects=(Subject(digest=digest),), predicate_type="t", predicate={})

    assert not statement.names(DIGEST)


def test_asking_for_a_malformed_digest_is_refused() -> None:
    with pytest.raises(FormatError) as error:
        Statement.from_bytes(encode(VALID)).names(DIGITS)

    assert error.value.code == "digest-malformed"


@settings(max_examples=200, deadline=None)
@given(mutated(VALID) | st.binary())
def test_bytes_from_outside_are_read_or_refused(data: bytes) -> None:
    fuzz_one(data)
