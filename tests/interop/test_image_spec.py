"""The JSON schemas of image-spec accept every document of OCI's that a release writes."""

import json
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft4Validator, FormatChecker
from referencing import Registry, Resource
from referencing.jsonschema import DRAFT4

from kit.layouts import blob
from miniseal.formats.oci import INDEX_TYPE, MANIFEST_TYPE
from miniseal.registry import LayoutStore, open_store
from miniseal.registry.copy import Root, copy

EXAMPLES = ("tip", "loan", "greeting", "valuta")
CONFIG_TYPE = "application/vnd.oci.image.config.v1+json"
SCHEMAS = {
    MANIFEST_TYPE: "image-manifest-schema.json",
    INDEX_TYPE: "image-index-schema.json",
    CONFIG_TYPE: "config-schema.json",
}
LAYOUT, DESCRIPTOR = "image-layout-schema.json", "content-descriptor.json"

Document = dict[str, Any]


class Schemas:
    """The schemas, which refer to each other by file name."""

    def __init__(self, folder: Path) -> None:
        def retrieve(uri: str) -> Resource[Any]:
            text = (folder / uri.rpartition("/")[2]).read_bytes()
            return Resource(contents=json.loads(text), specification=DRAFT4)

        self._registry: Registry[Any] = Registry(retrieve=retrieve)

    def errors(self, name: str, document: Document) -> list[str]:
        schema = self._registry.get_or_retrieve(name).value.contents
        validator = Draft4Validator(schema, registry=self._registry, format_checker=FormatChecker())
        return [error.message for error in validator.iter_errors(document)]


@pytest.fixture(scope="session")
def schemas(image_spec: Path) -> Schemas:
    return Schemas(image_spec)


def documents(layout: Path, descriptor: Document) -> list[tuple[str, Document]]:
    """A manifest, index or configuration, and what is below it, each with its media type."""
    if descriptor["mediaType"] not in SCHEMAS:
        return []
    document: Document = json.loads(blob(layout, descriptor["digest"]))
    below = document.get("manifests", [])
    if descriptor["mediaType"] == MANIFEST_TYPE:
        below = [document["config"]]
    found = [each for child in below for each in documents(layout, child)]
    return [(descriptor["mediaType"], document), *found]


def index(layout: Path) -> Document:
    document: Document = json.loads((layout / "index.json").read_bytes())
    return document


@pytest.mark.parametrize("name", EXAMPLES)
def test_they_accept_a_release(name: str, released: Path, schemas: Schemas) -> None:
    layout = released / f"registry-{name}"
    found = [each for entry in index(layout)["manifests"] for each in documents(layout, entry)]

    wrong = [message for kind, each in found for message in schemas.errors(SCHEMAS[kind], each)]

    assert {kind for kind, _ in found} == SCHEMAS.keys()
    assert sum("subject" in each for _, each in found) >= 5
    assert wrong == []
    assert schemas.errors(SCHEMAS[INDEX_TYPE], index(layout)) == []
    marker = json.loads((layout / "oci-layout").read_bytes())
    assert schemas.errors(LAYOUT, marker) == []


def test_they_accept_what_a_copy_writes(released: Path, schemas: Schemas, tmp_path: Path) -> None:
    source = LayoutStore(released / "registry-tip")
    archive, layout = open_store(f"oci-archive:{tmp_path / 'archive.tar'}"), tmp_path / "layout"
    roots = [Root(descriptor=found, tags=(tag,)) for tag, found in source.tags().items()]
    copy(source, archive, roots)
    copy(archive, LayoutStore(layout), roots)

    found = [each for entry in index(layout)["manifests"] for each in documents(layout, entry)]

    wrong = [message for kind, each in found for message in schemas.errors(SCHEMAS[kind], each)]
    assert len(found) > len(roots)
    assert wrong == []


@pytest.mark.parametrize(
    ("member", "value", "what"),
    [
        ("schemaVersion", 1, "less than the minimum of 2"),
        ("mediaType", "no media type", "does not match"),
        ("config", {"mediaType": "a/b", "size": 1}, "'digest' is a required property"),
        ("subject", {"mediaType": "a/b", "size": 1, "digest": "sha256"}, "does not match"),
        ("annotations", {"number": 1}, "is not of type 'string'"),
    ],
)
def test_they_refuse_what_is_wrong(
    member: str, value: object, what: str, released: Path, schemas: Schemas
) -> None:
    layout = released / "registry-tip"
    entry = index(layout)["manifests"][0]
    document = {**json.loads(blob(layout, entry["digest"])), member: value}

    (message, *_) = schemas.errors(SCHEMAS[entry["mediaType"]], document)

    assert what in message
