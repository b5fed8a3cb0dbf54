import json

import pytest
from google.protobuf.json_format import ParseDict
from in_toto_attestation.v1 import resource_descriptor_pb2

from miniseal.formats.errors import FormatError
from miniseal.formats.members import Members
from miniseal.formats.predicates.fields import PREDICATE_MALFORMED
from miniseal.formats.predicates.resource import Resource

FULL = Resource(
    uri="pkg:npm/assemblyscript@0.28.20",
    name="assemblyscript",
    digest={"sha512": "ab" * 64},
    annotations={"group": "toolchain", "order": 1},
)


def read(value: object) -> Resource:
    return Resource.from_members(Members(value, "resource", PREDICATE_MALFORMED))


def test_what_is_written_is_read_back() -> None:
    assert read(json.loads(json.dumps(FULL.to_json()))) == FULL


def test_what_is_written_is_a_descriptor_to_in_toto() -> None:
    message = ParseDict(FULL.to_json(), resource_descriptor_pb2.ResourceDescriptor())

    assert (message.uri, message.name) == (FULL.uri, FULL.name)
    assert dict(message.digest) == FULL.digest
    assert dict(message.annotations) == FULL.annotations


def test_absent_members_are_not_written() -> None:
    assert Resource(digest={"sha256": "ab"}).to_json() == {"digest": {"sha256": "ab"}}


@pytest.mark.parametrize("value", [{}, {"uri": "", "name": "", "digest": None, "mediaType": 1}])
def test_empty_and_unknown_members_are_read_as_none(value: dict[str, object]) -> None:
    assert read(value) == Resource()


@pytest.mark.parametrize("resource", [Resource(), Resource(name="app.wasm")])
def test_a_resource_that_identifies_nothing_is_not_written(resource: Resource) -> None:
    with pytest.raises(FormatError, match="neither uri nor digest") as error:
        resource.to_json()

    assert error.value.code == "predicate-malformed"


@pytest.mark.parametrize(
    "value", [[], {"uri": 1}, {"name": []}, {"digest": {"sha256": 1}}, {"annotations": []}]
)
def test_a_member_of_another_type_is_refused(value: object) -> None:
    with pytest.raises(FormatError) as error:
        read(value)

    assert error.value.code == "predicate-malformed"
