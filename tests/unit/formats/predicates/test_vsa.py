import json
from contextlib import suppress
from dataclasses import replace

import pytest
from google.protobuf.json_format import ParseDict
from hypothesis import given, settings
from in_toto_attestation.predicates.vsa.v1 import vsa_pb2

from fuzz.mutations import mutated
from miniseal.formats.errors import FormatError, MinisealError
from miniseal.formats.predicates.resource import Resource
from miniseal.formats.predicates.vsa import (
    AUDIT,
    PREDICATE_TYPE,
    AuditMark,
    Vsa,
    build_level,
    implies,
)
from miniseal.formats.strictjson import loads

FULL = Vsa(
    verifier_id="https://platform.example/verifiers/gate",
    verifier_version={"miniseal": "1.0.0"},
    verified_on="2026-11-21T09:00:00Z",
    resource_uri="pkg:generic/com.acme.tip@1.0.0",
    policy=Resource(uri="https://platform.example/policy", digest={"sha256": "ab" * 32}),
    inputs=(Resource(digest={"sha256": "cd" * 32}),),
    result="PASSED",
    levels=("SLSA_BUILD_LEVEL_2", "OUR_OWN"),
    audit=AuditMark(count=7, head="sha256:" + "ef" * 32),
)


def without(name: str) -> dict[str, object]:
    return {key: value for key, value in FULL.to_json().items() if key != name}


def test_the_predicate_type_is_the_specifications() -> None:
    assert PREDICATE_TYPE == "https://slsa.dev/verification_summary/v1"


def test_what_is_written_is_read_back() -> None:
    assert Vsa.from_json(json.loads(json.dumps(FULL.to_json()))) == FULL


def test_what_is_written_is_a_summary_to_in_toto() -> None:
    # its schema has one level where the specification has a list
    message = ParseDict(
        without("verifiedLevels"), vsa_pb2.VerificationSummary(), ignore_unknown_fields=True
    )

    assert message.verifier.id == FULL.verifier_id
    assert message.time_verified.ToJsonString() == FULL.verified_on
    assert message.resource_uri == FULL.resource_uri
    assert message.policy.uri == FULL.policy.uri
    assert dict(message.input_attestations[0].digest) == FULL.inputs[0].digest
    assert message.verification_result == "PASSED"


def test_a_member_that_is_not_known_is_ignored() -> None:
    assert Vsa.from_json({**FULL.to_json(), "dependencyLevels": {"SLSA_BUILD_LEVEL_1": 5}}) == FULL


@pytest.mark.parametrize(
    "name",
    ["verifier", "timeVerified", "resourceUri", "policy", "verificationResult", "verifiedLevels"],
)
def test_what_the_specification_requires_has_to_be_there(name: str) -> None:
    with pytest.raises(FormatError) as error:
        Vsa.from_json(without(name))

    assert error.value.code == "predicate-malformed"


def test_inputs_version_and_audit_may_be_missing() -> None:
    read = Vsa.from_json(
        {
            key: value
            for key, value in FULL.to_json().items()
            if key not in {"inputAttestations", "slsaVersion", AUDIT}
        }
    )

    assert (read.inputs, read.slsa_version, read.audit) == ((), None, None)


@pytest.mark.parametrize("result", ["passed", "", "WARNED"])
def test_another_result_is_refused(result: str) -> None:
    with pytest.raises(FormatError) as error:
        Vsa.from_json({**FULL.to_json(), "verificationResult": result})

    assert error.value.code == "predicate-malformed"


@pytest.mark.parametrize(
    ("mark", "code"),
    [
        ({"count": 0, "head": "sha256:" + "ef" * 32}, "predicate-malformed"),
        ({"count": 7, "head": "ef" * 32}, "digest-malformed"),
        ("seven", "predicate-malformed"),
    ],
    ids=["no lines", "no digest", "no object"],
)
def test_a_malformed_audit_mark_is_refused(mark: object, code: str) -> None:
    with pytest.raises(FormatError) as error:
        Vsa.from_json({**FULL.to_json(), AUDIT: mark})

    assert error.value.code == code


def test_a_time_with_an_offset_is_refused() -> None:
    with pytest.raises(FormatError) as error:
        Vsa.from_json({**FULL.to_json(), "timeVerified": "2026-11-21T09:00:00+01:00"})

    assert error.value.code == "time-malformed"


def test_a_policy_that_identifies_nothing_is_not_written() -> None:
    with pytest.raises(FormatError) as error:
        replace(FULL, policy=Resource(name="policy.toml")).to_json()

    assert error.value.code == "predicate-malformed"


@pytest.mark.parametrize(
    ("result", "levels", "passed"),
    [
        ("PASSED", ("SLSA_BUILD_LEVEL_1",), True),
        ("PASSED", (), True),
        ("PASSED", ("SLSA_BUILD_LEVEL_1", "FAILED"), False),
        ("FAILED", ("SLSA_BUILD_LEVEL_1",), False),
        ("FAILED", ("FAILED",), False),
    ],
)
def test_a_summary_has_passed_where_nothing_in_it_says_otherwise(
    result: str, levels: tuple[str, ...], *, passed: bool
) -> None:
    assert replace(FULL, result=result, levels=levels).passed is passed


@pytest.mark.parametrize(
    ("level", "wanted", "expected"),
    [
        ("SLSA_BUILD_LEVEL_3", "SLSA_BUILD_LEVEL_3", True),
        ("SLSA_BUILD_LEVEL_3", "SLSA_BUILD_LEVEL_2", True),
        ("SLSA_BUILD_LEVEL_1", "SLSA_BUILD_LEVEL_2", False),
        ("SLSA_SOURCE_LEVEL_3", "SLSA_BUILD_LEVEL_2", False),
        ("OURS", "OURS", True),
        ("OURS_2", "OURS_1", False),
        ("SLSA_BUILD_LEVEL_12", "SLSA_BUILD_LEVEL_2", False),
        ("FAILED", "FAILED", False),
    ],
)
def test_a_level_implies_those_below_it_on_its_track(
    level: str, wanted: str, *, expected: bool
) -> None:
    assert implies(level, wanted) is expected
    assert replace(FULL, levels=("X", level)).reaches(wanted) is expected


def test_a_build_level_has_the_specifications_name() -> None:
    assert [build_level(level) for level in (0, 2, 3, 4)] == [
        "SLSA_BUILD_LEVEL_0",
        "SLSA_BUILD_LEVEL_2",
        "SLSA_BUILD_LEVEL_3",
        "SLSA_BUILD_LEVEL_3",
    ]


@settings(max_examples=200, deadline=None)
@given(mutated(FULL.to_json()))
def test_a_predicate_from_outside_is_read_or_refused(data: bytes) -> None:
    with suppress(MinisealError):
        Vsa.from_json(loads(data, limit=1 << 20, what="predicate", floats=True))
