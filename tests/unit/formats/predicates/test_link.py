import json
from contextlib import suppress
from typing import Any

import pytest
from google.protobuf.json_format import MessageToJson, ParseDict
from hypothesis import given, settings
from in_toto_attestation.predicates.link.v0 import link_pb2

from fuzz.mutations import mutated
from miniseal.formats.errors import FormatError, MinisealError
from miniseal.formats.predicates.link import PREDICATE_TYPE, Link
from miniseal.formats.predicates.resource import Resource
from miniseal.formats.strictjson import loads

FULL = Link(
    name="build",
    materials=(Resource(name="source", digest={"sha256": "ab" * 32}),),
    command=("asc", "main.ts"),
    byproducts={"return-value": 0},
    environment={"variables": ["LANG=C"]},
)


def test_the_predicate_type_is_the_specifications() -> None:
    assert PREDICATE_TYPE == "https://in-toto.io/attestation/link/v0.3"


def test_what_is_written_is_read_back() -> None:
    assert Link.from_json(json.loads(json.dumps(FULL.to_json()))) == FULL


def test_a_link_that_has_nothing_to_tell_is_written_without_it() -> None:
    assert Link(name="resolve").to_json() == {"name": "resolve", "materials": []}


def test_what_is_written_is_a_link_to_in_toto() -> None:
    message = ParseDict(FULL.to_json(), link_pb2.Link())

    assert (message.name, list(message.command)) == ("build", ["asc", "main.ts"])
    assert [(item.name, dict(item.digest)) for item in message.materials] == [
        ("source", {"sha256": "ab" * 32})
    ]


def test_what_in_toto_writes_is_read() -> None:
    message = ParseDict(FULL.to_json(), link_pb2.Link())

    assert Link.from_json(json.loads(MessageToJson(message))) == FULL


@pytest.mark.parametrize(
    "change",
    [
        pytest.param({"name": ""}, id="no-name"),
        pytest.param({"name": 3}, id="name-of-a-number"),
        pytest.param({"materials": {}}, id="materials-as-an-object"),
        pytest.param({"materials": ["source"]}, id="a-material-as-text"),
        pytest.param({"command": "asc main.ts"}, id="command-as-text"),
        pytest.param({"byproducts": []}, id="byproducts-as-a-list"),
        pytest.param({"environment": "LANG=C"}, id="environment-as-text"),
    ],
)
def test_a_member_of_the_wrong_kind_is_refused(change: dict[str, Any]) -> None:
    with pytest.raises(FormatError) as error:
        Link.from_json({**FULL.to_json(), **change})

    assert error.value.code == "predicate-malformed"


def test_a_material_that_identifies_nothing_is_not_written() -> None:
    with pytest.raises(FormatError) as error:
        Link(name="build", materials=(Resource(name="source"),)).to_json()

    assert error.value.code == "predicate-malformed"


@settings(max_examples=200, deadline=None)
@given(mutated(FULL.to_json()))
def test_a_predicate_from_outside_is_read_or_refused(data: bytes) -> None:
    with suppress(MinisealError):
        Link.from_json(loads(data, limit=1 << 20, what="predicate", floats=True))
