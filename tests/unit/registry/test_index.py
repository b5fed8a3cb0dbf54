import json
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from miniseal.formats.errors import MinisealError
from miniseal.formats.oci import INDEX_TYPE, MANIFEST_TYPE, REF_NAME, Descriptor
from miniseal.registry.index import INDEX_VALUES, Entry, LayoutIndex

DESCRIPTORS = [Descriptor.of(b"%d" % number, MANIFEST_TYPE) for number in range(4)]
A, B = DESCRIPTORS[:2]
NAMES = ["1.0.0", "2.0.0", "latest"]

steps = st.lists(
    st.tuples(st.sampled_from([None, *NAMES]), st.sampled_from(DESCRIPTORS)), max_size=12
)


def test_empty_index() -> None:
    assert json.loads(LayoutIndex.empty().to_bytes()) == {
        "schemaVersion": 2,
        "mediaType": INDEX_TYPE,
        "manifests": [],
    }


def test_name_that_names_two_manifests_is_refused() -> None:
    entries = [d.to_json() | {"annotations": {REF_NAME: "1.0.0"}} for d in (A, B)]
    index = LayoutIndex.from_bytes(json.dumps({"schemaVersion": 2, "manifests": entries}).encode())

    with pytest.raises(MinisealError) as found:
        index.find("1.0.0")
    with pytest.raises(MinisealError) as listed:
        index.tags()

    assert found.value.code == "layout-malformed"
    assert listed.value.code == "layout-malformed"
    assert index.find("2.0.0") is None


def test_same_entry_twice_is_one_name() -> None:
    entry = A.to_json() | {"annotations": {REF_NAME: "1.0.0"}}
    document = {"schemaVersion": 2, "manifests": [entry, entry]}

    assert LayoutIndex.from_bytes(json.dumps(document).encode()).tags() == {"1.0.0": A}


def test_names_that_are_no_tags_are_not_listed() -> None:
    names = ["docker.io/library/alpine:3", "sha256-" + "0" * 64, "", "1.0.0"]
    entries = [A.to_json() | {"annotations": {REF_NAME: name}} for name in names]
    document = {"schemaVersion": 2, "manifests": entries}

    assert LayoutIndex.from_bytes(json.dumps(document).encode()).tags() == {"1.0.0": A}


def test_dropped_manifest_is_not_kept() -> None:
    index = LayoutIndex.empty().with_name("1.0.0", A).with_name("1.0.0", B, drop=[A.digest])

    assert index.by_digest(A.digest) is None


def test_other_annotations_of_an_entry_are_kept() -> None:
    entry = A.to_json() | {"annotations": {"x": "y"}}
    document = {"schemaVersion": 2, "manifests": [entry]}
    index = LayoutIndex.from_bytes(json.dumps(document).encode()).with_name("1.0.0", A)

    assert index.entries[0].value["annotations"] == {"x": "y", REF_NAME: "1.0.0"}


@given(steps)
@settings(max_examples=200, deadline=None)
def test_no_manifest_is_lost_and_every_name_names_the_last(
    history: list[tuple[str | None, Descriptor]],
) -> None:
    index, names = LayoutIndex.empty(), dict[str, Descriptor]()
    for name, descriptor in history:
        if name is None:
            index = index.with_manifest(descriptor)
        else:
            index = index.with_name(name, descriptor)
            names[name] = descriptor
    again = LayoutIndex.from_bytes(index.to_bytes())

    assert again.tags() == names
    assert {e.descriptor.digest for e in again.entries} == {d.digest for _, d in history}
    bare = [e.descriptor.digest for e in again.entries if e.name is None]
    assert len(bare) == len(set(bare))
    assert not set(bare) & {d.digest for d in names.values()}
    assert again.to_bytes() == index.to_bytes()
    assert again == index.ordered()


@given(st.binary(max_size=200))
@settings(max_examples=200, deadline=None)
def test_any_bytes_are_an_index_or_malformed(data: bytes) -> None:
    with pytest.raises(MinisealError) as error:
        LayoutIndex.from_bytes(data)

    assert error.value.code == "layout-malformed"


@given(
    st.recursive(
        st.none() | st.integers(-3, 3) | st.sampled_from([A.digest, MANIFEST_TYPE, "x"]),
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(
                st.sampled_from(["manifests", "schemaVersion", "digest", "mediaType", "size"]),
                inner,
                max_size=5,
            )
        ),
        max_leaves=20,
    )
)
@settings(max_examples=200, deadline=None)
def test_any_json_is_an_index_or_malformed(value: object) -> None:
    data = json.dumps(value).encode()
    try:
        index = LayoutIndex.from_bytes(data)
    except MinisealError as error:
        assert error.code == "layout-malformed"  # noqa: PT017 - either way is right
    else:
        assert json.loads(index.to_bytes()).keys() == json.loads(data).keys()


members = {
    "mediaType": st.sampled_from([MANIFEST_TYPE, "", "x", None, 1]),
    "digest": st.sampled_from([A.digest, A.digest.upper(), f"{A.digest}\n", A.digest[:-1], "", 7]),
    "size": st.sampled_from([0, 1, -1, True, 2**53 - 1, 2**53, 1.0, "1", None]),
    "artifactType": st.sampled_from(["a/b", "", None, 1]),
    "annotations": st.none()
    | st.just([])
    | st.dictionaries(
        st.sampled_from([REF_NAME, "x"]), st.sampled_from(["1.0.0", "", None, 1]), max_size=2
    ),
}
good = {"mediaType": MANIFEST_TYPE, "digest": A.digest, "size": 1}
entries = st.fixed_dictionaries({}, optional=members).map(lambda given: {**good, **given})


@given(entries | st.dictionaries(st.sampled_from([*members]), st.none()) | st.none())
@settings(max_examples=500, deadline=None)
def test_an_entry_is_read_as_descriptors_are(value: object) -> None:
    try:
        read = Descriptor.from_json(value)
    except MinisealError as refused:
        with pytest.raises(MinisealError) as error:
            Entry.from_json(value)
        assert error.value.code == refused.code  # noqa: PT017 - either way is right
    else:
        entry = Entry.from_json(value)
        others = {k: v for k, v in read.annotations.items() if k != REF_NAME}
        assert entry.name == read.annotations.get(REF_NAME)
        assert entry.descriptor == replace(read, annotations=others)
        assert (entry.digest, entry.media_type) == (read.digest, read.media_type)
        assert entry.value == value


def test_an_index_of_too_many_values_is_neither_read_nor_written() -> None:
    many: list[object] = [[]] * (INDEX_VALUES // 2)
    with pytest.raises(MinisealError) as error:
        LayoutIndex.from_bytes(json.dumps({"schemaVersion": 2, "manifests": many}).encode())
    assert error.value.code == "layout-malformed"

    with pytest.raises(MinisealError) as error:
        LayoutIndex(others={"x": many}).to_bytes()
    assert error.value.code == "too-large"


@pytest.mark.parametrize(
    "changed",
    [
        {"mediaType": "a" * 256},
        {"mediaType": ""},
        {"mediaType": None},
        {"artifactType": "a" * 256},
        {"artifactType": 7},
        {"size": True},
        {"size": -1},
        {"size": 2**53},
        {"digest": f"{A.digest}\n"},
        {"digest": A.digest.upper()},
        {"annotations": {"a": 1}},
        {"annotations": []},
    ],
)
def test_an_entry_that_is_no_descriptor_is_refused_when_it_is_read(
    changed: dict[str, object],
) -> None:
    document = {"schemaVersion": 2, "manifests": [A.to_json() | changed]}

    with pytest.raises(MinisealError) as error:
        LayoutIndex.from_bytes(json.dumps(document).encode())

    assert error.value.code == "layout-malformed"
