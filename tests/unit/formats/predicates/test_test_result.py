import json
from contextlib import suppress
from typing import Any

import pytest
from google.protobuf.json_format import MessageToJson, ParseDict
from hypothesis import given, settings
from in_toto_attestation.predicates.test_result.v0 import test_result_pb2

from fuzz.mutations import mutated
from miniseal.formats.errors import FormatError, MinisealError
from miniseal.formats.predicates.resource import Resource
from miniseal.formats.predicates.test_result import PREDICATE_TYPE, RESULTS, TestResult
from miniseal.formats.strictjson import loads

FULL = TestResult(
    result="WARNED",
    configuration=(Resource(name="miniseal.toml", digest={"sha256": "ab" * 32}),),
    url="https://ci.example/runs/7",
    passed=("tip(12000, 15)", "rebuild"),
    warned=("licenses",),
    failed=(),
)


def test_the_predicate_type_is_the_specifications() -> None:
    assert PREDICATE_TYPE == "https://in-toto.io/attestation/test-result/v0.1"


def test_what_is_written_is_read_back() -> None:
    assert TestResult.from_json(json.loads(json.dumps(FULL.to_json()))) == FULL


def test_lists_are_written_also_when_they_are_empty_and_an_unknown_url_is_not() -> None:
    assert TestResult(result="PASSED", configuration=()).to_json() == {
        "result": "PASSED",
        "configuration": [],
        "passedTests": [],
        "warnedTests": [],
        "failedTests": [],
    }


def test_what_is_written_is_a_test_result_to_in_toto() -> None:
    message = ParseDict(FULL.to_json(), test_result_pb2.TestResult())

    assert (message.result, message.url) == (FULL.result, FULL.url)
    assert list(message.passed_tests) == list(FULL.passed)
    assert list(message.warned_tests) == list(FULL.warned)
    assert [item.name for item in message.configuration] == ["miniseal.toml"]


def test_what_in_toto_writes_is_read() -> None:
    message = ParseDict(FULL.to_json(), test_result_pb2.TestResult())

    assert TestResult.from_json(json.loads(MessageToJson(message))) == FULL


@pytest.mark.parametrize("result", RESULTS)
def test_each_result_is_read(result: str) -> None:
    assert TestResult.from_json({"result": result, "configuration": []}).result == result


@pytest.mark.parametrize(
    "change",
    [
        {"result": "passed"},
        {"result": ""},
        {"result": None},
        {"configuration": None},
        {"configuration": [1]},
        {"url": 1},
        {"passedTests": "rebuild"},
        {"warnedTests": [1]},
        {"failedTests": {}},
    ],
)
def test_a_malformed_predicate_is_refused(change: dict[str, Any]) -> None:
    with pytest.raises(FormatError) as error:
        TestResult.from_json({**FULL.to_json(), **change})

    assert error.value.code == "predicate-malformed"


def test_an_unknown_result_is_not_written() -> None:
    with pytest.raises(FormatError, match="unknown") as error:
        TestResult(result="SKIPPED", configuration=())

    assert error.value.code == "predicate-malformed"


@settings(max_examples=200, deadline=None)
@given(mutated(FULL.to_json()))
def test_a_predicate_from_outside_is_read_or_refused(data: bytes) -> None:
    with suppress(MinisealError):
        TestResult.from_json(loads(data, limit=1 << 20, what="predicate", floats=True))
