import json
import tracemalloc
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fuzz.fuzz_oci import fuzz_one
from fuzz.mutations import mutated
from miniseal.formats.digest import sha256
from miniseal.formats.errors import FormatError
from miniseal.formats.oci import (
    DOCKER_INDEX_TYPE,
    DOCKER_MANIFEST_TYPE,
    EMPTY_CONFIG,
    EMPTY_CONFIG_TYPE,
    INDEX_TYPE,
    MANIFEST_LIMIT,
    MANIFEST_TYPE,
    Descriptor,
    Index,
    Manifest,
)

BLOB: dict[str, Any] = {
    "mediaType": "application/wasm",
    "digest": sha256(b"wasm"),
    "size": 4,
    "annotations": {"org.opencontainers.image.title": "app.wasm"},
}
MANIFEST: dict[str, Any] = {
    "schemaVersion": 2,
    "mediaType": MANIFEST_TYPE,
    "artifactType": "application/vnd.example",
    "config": {"mediaType": EMPTY_CONFIG_TYPE, "digest": sha256(EMPTY_CONFIG), "size": 2},
    "layers": [BLOB],
    "subject": {"mediaType": MANIFEST_TYPE, "digest": sha256(b"subject"), "size": 7},
    "annotations": {"a": "b"},
}
INDEX: dict[str, Any] = {
    "schemaVersion": 2,
    "mediaType": INDEX_TYPE,
    "manifests": [
        {
            "mediaType": MANIFEST_TYPE,
            "digest": sha256(b"manifest"),
            "size": 8,
            "artifactType": "application/vnd.example",
        }
    ],
}
DESCRIPTORS = st.builds(
    Descriptor,
    media_type=st.text(min_size=1, max_size=10),
    digest=st.binary(max_size=4).map(sha256),
    size=st.integers(0, 2**53 - 1),
    artifact_type=st.none() | st.text(min_size=1, max_size=10),
    annotations=st.dictionaries(st.text(max_size=5), st.text(max_size=5), max_size=2),
)
MANIFESTS = st.builds(
    Manifest,
    config=DESCRIPTORS,
    layers=st.lists(DESCRIPTORS, max_size=3).map(tuple),
    artifact_type=st.none() | st.text(min_size=1, max_size=10),
    subject=st.none() | DESCRIPTORS,
    annotations=st.dictionaries(st.text(max_size=5), st.text(max_size=5), max_size=2),
)


def encode(value: object) -> bytes:
    return json.dumps(value).encode()


def without(document: dict[str, Any], name: str) -> dict[str, Any]:
    return {key: value for key, value in document.items() if key != name}


def test_a_descriptor_describes_its_bytes() -> None:
    descriptor = Descriptor.of(b"wasm", "application/wasm")

    assert (descriptor.digest, descriptor.size) == (sha256(b"wasm"), 4)


def test_a_manifest_is_read() -> None:
    manifest = Manifest.from_bytes(encode(MANIFEST))

    assert manifest.layers == (Descriptor.from_json(BLOB),)
    assert manifest.subject is not None
    assert manifest.subject.digest == sha256(b"subject")
    assert manifest.artifact_type == "application/vnd.example"


def test_an_index_is_read() -> None:
    index = Index.from_bytes(encode(INDEX))

    assert [manifest.size for manifest in index.manifests] == [8]


@settings(max_examples=100, deadline=None)
@given(MANIFESTS)
def test_a_manifest_reads_back(manifest: Manifest) -> None:
    assert Manifest.from_bytes(manifest.to_bytes()) == manifest


@settings(max_examples=100, deadline=None)
@given(st.lists(DESCRIPTORS, max_size=4).map(tuple))
def test_an_index_reads_back(manifests: tuple[Descriptor, ...]) -> None:
    subject = manifests[0] if manifests else None
    index = Index(manifests=manifests, subject=subject, artifact_type="a", annotations={"a": "b"})

    assert Index.from_bytes(index.to_bytes()) == index


def test_writing_is_canonical() -> None:
    assert (
        Manifest.from_bytes(encode(MANIFEST)).to_bytes()
        == json.dumps(MANIFEST, sort_keys=True, separators=(",", ":")).encode()
    )


def test_foreign_members_are_ignored() -> None:
    config = {**MANIFEST["config"], "data": "e30=", "platform": {"os": "wasip1"}}

    manifest = Manifest.from_bytes(encode({**MANIFEST, "config": config, "x-vendor": 1.5}))

    assert manifest == Manifest.from_bytes(encode(MANIFEST))


def test_a_missing_media_type_is_accepted() -> None:
    manifest = Manifest.from_bytes(encode(without(MANIFEST, "mediaType")))

    assert manifest == Manifest.from_bytes(encode(MANIFEST))


@pytest.mark.parametrize("value", ["", None])
def test_an_empty_artifact_type_is_none(value: object) -> None:
    manifest = Manifest.from_bytes(encode({**MANIFEST, "artifactType": value}))

    assert manifest.artifact_type is None


@pytest.mark.parametrize(
    "change",
    [
        {"schemaVersion": 1},
        {"schemaVersion": True},
        {"schemaVersion": 2.0},
        {"schemaVersion": "2"},
        {"mediaType": INDEX_TYPE},
        {"mediaType": "application/vnd.docker.distribution.manifest.v2+json"},
        {"mediaType": ""},
        {"mediaType": 0},
        {"artifactType": 0},
        {"artifactType": False},
        {"artifactType": []},
        {"config": None},
        {"config": [BLOB]},
        {"config": {**BLOB, "size": -1}},
        {"config": {**BLOB, "size": 4.0}},
        {"config": {**BLOB, "size": True}},
        {"config": {**BLOB, "mediaType": ""}},
        {"config": {**BLOB, "annotations": {"a": 1}}},
        {"config": {**BLOB, "annotations": []}},
        {"layers": None},
        {"layers": BLOB},
        {"layers": ["x"]},
        {"layers": [without(BLOB, "size")]},
        {"subject": []},
        {"subject": without(BLOB, "mediaType")},
        {"annotations": {"a": None}},
        {"manifests": []},
    ],
    ids=str,
)
def test_a_manifest_that_does_not_follow_the_specification_is_refused(
    change: dict[str, Any],
) -> None:
    with pytest.raises(FormatError) as error:
        Manifest.from_bytes(encode({**MANIFEST, **change}))

    assert error.value.code == "oci-malformed"


@pytest.mark.parametrize("name", ["schemaVersion", "config", "layers"])
def test_a_manifest_has_to_have_its_members(name: str) -> None:
    with pytest.raises(FormatError, match=f"manifest lacks {name}") as error:
        Manifest.from_bytes(encode(without(MANIFEST, name)))

    assert error.value.code == "oci-malformed"


@pytest.mark.parametrize(
    "change",
    [
        {"mediaType": MANIFEST_TYPE},
        {"manifests": None},
        {"manifests": {}},
        {"manifests": [BLOB, 1]},
        {"config": BLOB},
        {"layers": []},
    ],
    ids=str,
)
def test_an_index_that_does_not_follow_the_specification_is_refused(
    change: dict[str, Any],
) -> None:
    with pytest.raises(FormatError) as error:
        Index.from_bytes(encode({**INDEX, **change}))

    assert error.value.code == "oci-malformed"


def test_no_document_is_a_manifest_and_an_index_at_once() -> None:
    both = encode(without({**MANIFEST, **INDEX}, "mediaType"))

    for read in (Manifest.from_bytes, Index.from_bytes):
        with pytest.raises(FormatError, match="of another kind of document") as error:
            read(both)

        assert error.value.code == "oci-malformed"


@pytest.mark.parametrize("digest", ["sha256:../../x", "sha512:" + "0" * 128, None])
def test_a_malformed_digest_is_refused(digest: object) -> None:
    with pytest.raises(FormatError) as error:
        Descriptor.from_json({**BLOB, "digest": digest})

    assert error.value.code == "digest-malformed"


def test_a_descriptor_is_an_object() -> None:
    with pytest.raises(FormatError, match="descriptor is not an object") as error:
        Descriptor.from_json("sha256:00")

    assert error.value.code == "oci-malformed"


@pytest.mark.parametrize("read", [Manifest.from_bytes, Index.from_bytes])
def test_a_document_over_the_limit_is_refused(read: Any) -> None:
    with pytest.raises(FormatError) as error:
        read(b" " * (MANIFEST_LIMIT + 1))

    assert error.value.code == "too-large"


@settings(max_examples=200, deadline=None)
@given(mutated(MANIFEST) | mutated(INDEX) | st.binary())
def test_bytes_from_outside_are_read_or_refused(data: bytes) -> None:
    fuzz_one(data)


@pytest.mark.parametrize(
    ("read", "document", "docker"),
    [
        pytest.param(Manifest.from_bytes, MANIFEST, DOCKER_MANIFEST_TYPE, id="manifest"),
        pytest.param(Index.from_bytes, INDEX, DOCKER_INDEX_TYPE, id="index"),
    ],
)
def test_a_form_of_dockers_is_read_only_where_it_is_asked_for(
    read: Any, document: dict[str, Any], docker: str
) -> None:
    theirs = encode({**document, "mediaType": docker})
    unsaid = encode(without(document, "mediaType"))

    assert read(theirs, docker) == read(encode(document))
    for wrong in ((theirs,), (encode(document), docker), (unsaid, docker)):
        with pytest.raises(FormatError) as error:
            read(*wrong)
        assert error.value.code == "oci-malformed"


@pytest.mark.parametrize("name", ["mediaType", "artifactType"])
def test_a_media_type_has_a_bound(name: str) -> None:
    assert Descriptor.from_json({**BLOB, name: "a/" + "b" * 253}).size == 4
    with pytest.raises(FormatError) as error:
        Descriptor.from_json({**BLOB, name: "a/" + "b" * 254})

    assert error.value.code == "oci-malformed"


def test_the_wrong_type_is_shown_fit_for_a_screen() -> None:
    hostile = "\x1b[2J\n::stop-commands::" + "a" * 1000

    with pytest.raises(FormatError) as error:
        Manifest.from_bytes(encode({**MANIFEST, "mediaType": hostile}))

    assert str(error.value).isprintable()
    assert len(str(error.value)) < 400


@pytest.mark.parametrize("item", [b"{}", b"[]", b'{"a":0}', b'{"a":' * 25 + b"0" + b"}" * 25])
def test_little_text_does_not_become_much_memory(item: bytes) -> None:
    start = encode(without(MANIFEST, "layers"))[:-1] + b', "layers":['
    count = (MANIFEST_LIMIT - len(start) - 2) // (len(item) + 1)
    data = start + b",".join([item] * count) + b"]}"

    tracemalloc.start()
    try:
        with pytest.raises(FormatError) as error:
            Manifest.from_bytes(data)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()

    assert error.value.code == "too-large"
    assert peak < 1024 * 1024
