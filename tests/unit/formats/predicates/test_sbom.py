import json
from contextlib import suppress
from typing import Any

import pytest
from cyclonedx.model import HashAlgorithm, HashType
from cyclonedx.model.bom import Bom
from cyclonedx.model.component import Component as CycloneComponent
from cyclonedx.output.json import JsonV1Dot6
from hypothesis import given, settings

from fuzz.mutations import mutated
from miniseal.formats.errors import FormatError, MinisealError
from miniseal.formats.predicates.sbom import PREDICATE_TYPE, SPEC_VERSIONS, Component, Sbom
from miniseal.formats.strictjson import loads

DIGITS = "0123456789abcdef" * 4
VALID: dict[str, Any] = {
    "bomFormat": "CycloneDX",
    "specVersion": "1.6",
    "serialNumber": "urn:uuid:00000000-0000-4000-8000-000000000000",
    "version": 1,
    "metadata": {
        "component": {
            "type": "application",
            "name": "app.wasm",
            "hashes": [
                {"alg": "SHA-256", "content": DIGITS},
                {"alg": "SHA-512", "content": DIGITS * 2},
            ],
        }
    },
    "components": [
        {
            "type": "library",
            "name": "left",
            "version": "1.0.0",
            "purl": "pkg:npm/left@1.0.0",
            "scope": "excluded",
            "licenses": [
                {"license": {"id": "MIT", "url": "https://example.org/mit"}},
                {"license": {"name": "The left licence"}},
                {"expression": "MIT OR Apache-2.0"},
            ],
            "components": [{"type": "library", "name": "inner", "components": []}],
        },
        {"type": "file", "name": "logo.png", "hashes": [{"alg": "SHA-256", "content": "AB" * 32}]},
    ],
}


def test_the_predicate_type_is_what_cosign_calls_it() -> None:
    assert PREDICATE_TYPE == "https://cyclonedx.org/bom"


def test_a_document_is_read() -> None:
    sbom = Sbom.from_json(VALID)

    assert sbom == Sbom(
        spec_version="1.6",
        serial_number="urn:uuid:00000000-0000-4000-8000-000000000000",
        hashes={"SHA-256": DIGITS, "SHA-512": DIGITS * 2},
        components=(
            Component(
                name="left",
                version="1.0.0",
                purl="pkg:npm/left@1.0.0",
                hashes={},
                scope="excluded",
                licenses=("MIT", "The left licence", "MIT OR Apache-2.0"),
            ),
            Component(
                name="logo.png",
                version=None,
                purl=None,
                hashes={"SHA-256": "ab" * 32},
                type="file",
            ),
            Component(name="inner", version=None, purl=None, hashes={}),
        ),
    )


def test_what_the_cyclonedx_library_writes_is_read() -> None:
    hashes = [HashType(alg=HashAlgorithm.SHA_256, content=DIGITS)]
    app = CycloneComponent(name="app.wasm", hashes=hashes)
    left = CycloneComponent(name="left", version="1.0.0")
    bom = Bom(components=[left])
    bom.metadata.component = app
    bom.register_dependency(app, [left])

    sbom = Sbom.from_json(json.loads(JsonV1Dot6(bom).output_as_string()))

    assert sbom.describes(f"sha256:{DIGITS}")
    assert [(part.name, part.version) for part in sbom.components] == [("left", "1.0.0")]


@pytest.mark.parametrize("version", SPEC_VERSIONS)
def test_each_version_is_read(version: str) -> None:
    assert Sbom.from_json({**VALID, "specVersion": version}).spec_version == version


@pytest.mark.parametrize("extra", [{}, {"metadata": None}, {"metadata": {"timestamp": "x"}}])
def test_a_document_may_describe_nothing(extra: dict[str, object]) -> None:
    sbom = Sbom.from_json({"bomFormat": "CycloneDX", "specVersion": "1.4", **extra})

    assert sbom == Sbom(spec_version="1.4", serial_number=None, hashes={}, components=())
    assert not sbom.describes(f"sha256:{DIGITS}")


def test_it_describes_one_digest_alone() -> None:
    sbom = Sbom.from_json(VALID)

    assert sbom.describes(f"sha256:{DIGITS}")
    assert not sbom.describes(f"sha256:{DIGITS[::-1]}")
    assert not sbom.describes("sha256:" + "ab" * 32)


def test_asking_for_a_malformed_digest_is_refused() -> None:
    with pytest.raises(FormatError) as error:
        Sbom.from_json(VALID).describes(DIGITS)

    assert error.value.code == "digest-malformed"


def test_the_same_hash_twice_is_read_and_another_one_is_refused() -> None:
    same = [{"alg": "SHA-256", "content": DIGITS}, {"alg": "SHA-256", "content": DIGITS.upper()}]
    other = [{"alg": "SHA-256", "content": DIGITS}, {"alg": "SHA-256", "content": DIGITS[::-1]}]

    assert Sbom.from_json({**VALID, "metadata": {"component": {"hashes": same}}}).hashes == {
        "SHA-256": DIGITS
    }
    with pytest.raises(FormatError, match="contradicts") as error:
        Sbom.from_json({**VALID, "metadata": {"component": {"hashes": other}}})

    assert error.value.code == "predicate-malformed"


@pytest.mark.parametrize(
    "change",
    [
        {"bomFormat": None},
        {"bomFormat": "SPDX"},
        {"specVersion": "1.3"},
        {"specVersion": "1.8"},
        {"specVersion": 1.6},
        {"serialNumber": 7},
        {"metadata": []},
        {"metadata": {"component": []}},
        {"metadata": {"component": {"hashes": {}}}},
        {"metadata": {"component": {"hashes": [{"alg": "SHA-256"}]}}},
        {"metadata": {"component": {"hashes": [{"content": DIGITS}]}}},
        {"components": {}},
        {"components": ["left"]},
        {"components": [{}]},
        {"components": [{"name": ""}]},
        {"components": [{"name": "left", "version": 1}]},
        {"components": [{"name": "left", "purl": []}]},
        {"components": [{"name": "left", "components": [{}]}]},
        {"components": [{"name": "left", "scope": 1}]},
        {"components": [{"name": "left", "licenses": ["MIT"]}]},
        {"components": [{"name": "left", "licenses": [{}]}]},
        {"components": [{"name": "left", "licenses": [{"license": {"id": 1}}]}]},
        {"components": [{"name": "left", "licenses": [{"license": {}}]}]},
        {"components": [{"name": "left", "licenses": [{"expression": ""}]}]},
    ],
)
def test_a_malformed_document_is_refused(change: dict[str, Any]) -> None:
    with pytest.raises(FormatError) as error:
        Sbom.from_json({**VALID, **change})

    assert error.value.code == "predicate-malformed"


@settings(max_examples=200, deadline=None)
@given(mutated(VALID))
def test_a_document_from_outside_is_read_or_refused(data: bytes) -> None:
    with suppress(MinisealError):
        Sbom.from_json(loads(data, limit=1 << 20, what="predicate", floats=True))
