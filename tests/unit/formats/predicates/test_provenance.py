import json
from contextlib import suppress
from typing import Any

import pytest
from google.protobuf.json_format import MessageToJson, ParseDict
from hypothesis import given, settings
from in_toto_attestation.predicates.provenance.v1 import provenance_pb2

from fuzz.mutations import mutated
from miniseal.formats.errors import FormatError, MinisealError
from miniseal.formats.predicates.provenance import PREDICATE_TYPE, Provenance
from miniseal.formats.predicates.resource import Resource
from miniseal.formats.strictjson import loads

FULL = Provenance(
    build_type="https://builds.example/wasm/v1",
    external_parameters={"source": "git+https://git.example/tip", "args": ["-O3"]},
    internal_parameters={"engine": "local"},
    dependencies=(
        Resource(uri="git+https://git.example/tip", digest={"gitCommit": "ab" * 20}),
        Resource(uri="pkg:npm/compiler@1.0.0", digest={"sha512": "cd" * 64}),
    ),
    builder_id="https://builds.example/local",
    builder_version={"miniseal": "0.1.0"},
    invocation_id="run-7",
    started_on="2026-11-21T09:00:00Z",
    finished_on="2026-11-21T09:00:05Z",
    byproducts=(Resource(name="build.log", digest={"sha256": "ef" * 32}),),
)
LEAST: dict[str, Any] = {
    "buildDefinition": {"buildType": "https://b.example/v1", "externalParameters": {}},
    "runDetails": {"builder": {"id": "https://b.example"}},
}


def changed(path: str, value: object) -> dict[str, Any]:
    document = json.loads(json.dumps(FULL.to_json()))
    *parents, last = path.split(".")
    holder = document
    for parent in parents:
        holder = holder[parent]
    holder[last] = value
    return document


def test_the_predicate_type_is_the_specifications() -> None:
    assert PREDICATE_TYPE == "https://slsa.dev/provenance/v1"


def test_what_is_written_is_read_back() -> None:
    assert Provenance.from_json(json.loads(json.dumps(FULL.to_json()))) == FULL


def test_the_least_is_read_and_written() -> None:
    least = Provenance.from_json(LEAST)

    assert least == Provenance(build_type="https://b.example/v1", builder_id="https://b.example")
    assert least.to_json() == LEAST


def test_what_is_written_is_provenance_to_in_toto() -> None:
    message = ParseDict(FULL.to_json(), provenance_pb2.Provenance())

    build, run = message.build_definition, message.run_details
    assert build.build_type == FULL.build_type
    assert dict(build.internal_parameters) == FULL.internal_parameters
    assert [dict(item.digest) for item in build.resolved_dependencies] == [
        item.digest for item in FULL.dependencies
    ]
    assert run.builder.id == FULL.builder_id
    assert dict(run.builder.version) == FULL.builder_version
    assert run.metadata.invocation_id == FULL.invocation_id
    assert run.metadata.finished_on.seconds - run.metadata.started_on.seconds == 5
    assert [item.name for item in run.byproducts] == ["build.log"]


def test_what_in_toto_writes_is_read() -> None:
    message = ParseDict(FULL.to_json(), provenance_pb2.Provenance())

    assert Provenance.from_json(json.loads(MessageToJson(message))) == FULL


def test_a_fraction_of_a_second_is_cut() -> None:
    document = changed("runDetails.metadata.startedOn", "2026-11-21T08:59:59.987Z")

    assert Provenance.from_json(document).started_on == "2026-11-21T08:59:59Z"


def test_unknown_members_are_ignored() -> None:
    document = changed("runDetails.builder.builderDependencies", [{"uri": "x"}])

    assert Provenance.from_json({**document, "extra": 1}) == FULL


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("buildDefinition", None),
        ("buildDefinition.buildType", ""),
        ("buildDefinition.externalParameters", None),
        ("buildDefinition.externalParameters", []),
        ("buildDefinition.internalParameters", "x"),
        ("buildDefinition.resolvedDependencies", {}),
        ("buildDefinition.resolvedDependencies", ["x"]),
        ("runDetails", []),
        ("runDetails.builder", None),
        ("runDetails.builder.id", None),
        ("runDetails.builder.version", {"miniseal": 1}),
        ("runDetails.metadata", 7),
        ("runDetails.metadata.invocationId", 7),
        ("runDetails.metadata.startedOn", 7),
        ("runDetails.byproducts", "x"),
    ],
)
def test_a_member_missing_or_of_another_type_is_refused(path: str, value: object) -> None:
    with pytest.raises(FormatError) as error:
        Provenance.from_json(changed(path, value))

    assert error.value.code == "predicate-malformed"


def test_a_malformed_time_is_refused() -> None:
    with pytest.raises(FormatError) as error:
        Provenance.from_json(changed("runDetails.metadata.finishedOn", "yesterday"))

    assert error.value.code == "time-malformed"


@settings(max_examples=200, deadline=None)
@given(mutated(FULL.to_json()))
def test_a_predicate_from_outside_is_read_or_refused(data: bytes) -> None:
    with suppress(MinisealError):
        Provenance.from_json(loads(data, limit=1 << 20, what="predicate", floats=True))
