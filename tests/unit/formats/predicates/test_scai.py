import json
from contextlib import suppress
from typing import Any

import pytest
from google.protobuf.json_format import MessageToJson, ParseDict
from hypothesis import given, settings
from in_toto_attestation.predicates.scai.v0 import scai_pb2

from fuzz.mutations import mutated
from miniseal.formats.errors import FormatError, MinisealError
from miniseal.formats.predicates.resource import Resource
from miniseal.formats.predicates.scai import PREDICATE_TYPE, Attribute, Scai
from miniseal.formats.strictjson import loads

FULL = Scai(
    attributes=(
        Attribute(
            attribute="imports",
            target=Resource(name="app.wasm", digest={"sha256": "ab" * 32}),
            conditions={"module": "env", "functions": ["abort"]},
            evidence=Resource(uri="https://ci.example/inspect.json"),
        ),
        Attribute(attribute="no-executable-assets"),
    ),
    producer=Resource(uri="https://builds.example/local"),
)


def test_the_predicate_type_is_the_specifications() -> None:
    assert PREDICATE_TYPE == "https://in-toto.io/attestation/scai/v0.3"


def test_what_is_written_is_read_back() -> None:
    assert Scai.from_json(json.loads(json.dumps(FULL.to_json()))) == FULL


def test_absent_members_are_not_written() -> None:
    assert Scai(attributes=(Attribute(attribute="a"),)).to_json() == {
        "attributes": [{"attribute": "a"}]
    }


def test_what_is_written_is_a_report_to_in_toto() -> None:
    message = ParseDict(FULL.to_json(), scai_pb2.AttributeReport())

    first, second = message.attributes
    assert (first.attribute, second.attribute) == ("imports", "no-executable-assets")
    assert dict(first.target.digest) == {"sha256": "ab" * 32}
    assert first.conditions["module"] == "env"
    assert first.evidence.uri == "https://ci.example/inspect.json"
    assert message.producer.uri == "https://builds.example/local"


def test_what_in_toto_writes_is_read() -> None:
    message = ParseDict(FULL.to_json(), scai_pb2.AttributeReport())

    assert Scai.from_json(json.loads(MessageToJson(message))) == FULL


@pytest.mark.parametrize(
    "change",
    [
        {"attributes": None},
        {"attributes": []},
        {"attributes": ["a"]},
        {"attributes": [{}]},
        {"attributes": [{"attribute": ""}]},
        {"attributes": [{"attribute": "a", "conditions": []}]},
        {"attributes": [{"attribute": "a", "target": "x"}]},
        {"attributes": [{"attribute": "a", "evidence": 1}]},
        {"producer": "x"},
    ],
)
def test_a_malformed_predicate_is_refused(change: dict[str, Any]) -> None:
    with pytest.raises(FormatError) as error:
        Scai.from_json({**FULL.to_json(), **change})

    assert error.value.code == "predicate-malformed"


def test_a_report_without_attributes_is_not_written() -> None:
    with pytest.raises(FormatError, match="no attribute") as error:
        Scai(attributes=())

    assert error.value.code == "predicate-malformed"


@settings(max_examples=200, deadline=None)
@given(mutated(FULL.to_json()))
def test_a_predicate_from_outside_is_read_or_refused(data: bytes) -> None:
    with suppress(MinisealError):
        Scai.from_json(loads(data, limit=1 << 20, what="predicate", floats=True))
