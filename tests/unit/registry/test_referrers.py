import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from miniseal.formats.errors import MinisealError
from miniseal.formats.oci import (
    DOCKER_MANIFEST_TYPE,
    INDEX_TYPE,
    MANIFEST_TYPE,
    MANIFEST_VALUES,
    Descriptor,
    Index,
    Manifest,
)
from miniseal.registry import referrers

ONE = Descriptor.of(b"one", MANIFEST_TYPE)
TWO = Descriptor.of(b"two", MANIFEST_TYPE)

JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53) + 1, 2**53 - 1) | st.text(max_size=20),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(
            st.sampled_from(["digest", "mediaType", "size", "annotations", "x"]), inner, max_size=4
        )
    ),
    max_leaves=20,
)


def test_fallback_tag_is_the_digest_with_a_hyphen() -> None:
    assert referrers.fallback_tag("sha256:" + "ab" * 32) == "sha256-" + "ab" * 32


@pytest.mark.parametrize(
    ("name", "is_one"),
    [
        ("sha256-" + "0" * 64, True),
        ("sha256-" + "0" * 63, False),
        ("sha256-" + "0" * 65, False),
        ("sha256-" + "A" * 64, False),
        ("sha256:" + "0" * 64, False),
        ("sha512-" + "0" * 64, False),
        ("0" * 64, False),
        ("sha256-" + "0" * 64 + ".sig", False),
        ("", False),
    ],
)
def test_fallback_tags_are_known(name: str, is_one: bool) -> None:
    assert referrers.is_fallback_tag(name) is is_one


def test_first_referrer_makes_the_list() -> None:
    data = referrers.add([], ONE)

    assert data is not None
    assert json.loads(data) == {
        "schemaVersion": 2,
        "mediaType": INDEX_TYPE,
        "manifests": [ONE.to_json()],
    }


def test_known_referrer_changes_nothing() -> None:
    data = referrers.add([], ONE)

    assert data is not None
    assert referrers.add([data], ONE) is None


def test_order_of_adding_does_not_show() -> None:
    one, two = referrers.add([], ONE), referrers.add([], TWO)

    assert one is not None
    assert two is not None
    assert referrers.add([one], TWO) == referrers.add([two], ONE)


def test_list_is_not_written_beyond_its_bound() -> None:
    items = [Descriptor.of(b"%d" % number, "x/y").to_json() for number in range(10_000)]
    full = json.dumps({"schemaVersion": 2, "manifests": items}).encode()

    with pytest.raises(MinisealError) as error:
        referrers.add([full], ONE)

    assert error.value.code == "referrers-limit"


def test_list_is_not_written_beyond_what_clients_read() -> None:
    many = {str(number): "x" * 1000 for number in range(5000)}
    huge = Descriptor.of(b"huge", MANIFEST_TYPE, annotations=many)

    with pytest.raises(MinisealError) as error:
        referrers.add([], huge)

    assert error.value.code == "referrers-limit"


def test_listing_of_too_many_bytes_is_refused() -> None:
    with pytest.raises(MinisealError) as error:
        referrers.check_bounds(1, referrers.MOST_BYTES + 1)

    assert error.value.code == "referrers-limit"


def test_another_kind_of_document_is_no_list() -> None:
    with pytest.raises(MinisealError) as error:
        referrers.candidates(json.dumps({"mediaType": MANIFEST_TYPE, "manifests": []}).encode())

    assert error.value.code == "oci-malformed"


def test_manifests_and_indexes_are_candidates() -> None:
    index, blob, docker = (
        Descriptor.of(b"x", kind) for kind in (INDEX_TYPE, "text/plain", DOCKER_MANIFEST_TYPE)
    )
    items = [*(each.to_json() for each in (ONE, index, blob, docker)), {"size": -1}]

    assert referrers.candidates(json.dumps({"manifests": items}).encode()) == (ONE, index)


@pytest.mark.parametrize(
    "data",
    [
        Manifest(config=ONE, layers=()).to_bytes(),
        Index(manifests=(ONE,)).to_bytes(),
        b"{}",
        b"no JSON",
        b'{"schemaVersion":2,"manifests":[],"subject":7}',
        b'{"schemaVersion":2,"manifests":[],"config":{},"layers":[],"subject":{}}',
    ],
    ids=["manifest", "index", "neither", "junk", "no-subject", "both"],
)
def test_what_has_no_subject_is_no_referrer(data: bytes) -> None:
    assert referrers.read(data) is None


def test_an_index_without_a_type_has_none_as_a_referrer() -> None:
    data = Index(subject=ONE, annotations={"a": "b"}).to_bytes()

    expected = Descriptor.of(data, INDEX_TYPE, annotations={"a": "b"})
    assert referrers.read(data) == (expected, ONE.digest)


@given(st.binary(max_size=200))
@settings(max_examples=200, deadline=None)
def test_any_bytes_are_a_list_or_malformed(data: bytes) -> None:
    try:
        referrers.candidates(data)
    except MinisealError as error:
        assert error.code in {"json-malformed", "oci-malformed"}  # noqa: PT017 - either way is right


@given(st.lists(JSON, max_size=8))
@settings(max_examples=200, deadline=None)
def test_any_entries_leave_the_good_one_readable(items: list[object]) -> None:
    data = json.dumps({"schemaVersion": 2, "mediaType": INDEX_TYPE, "manifests": items}).encode()
    changed = referrers.add([data], ONE)

    assert changed is not None
    assert ONE in referrers.candidates(changed)
    assert referrers.add([changed], ONE) is None


def test_a_list_that_nobody_would_read_is_not_written() -> None:
    referrer = Descriptor(
        media_type=MANIFEST_TYPE,
        digest=f"sha256:{'0' * 64}",
        size=1,
        annotations={"a": "," * MANIFEST_VALUES},
    )

    with pytest.raises(MinisealError) as error:
        referrers.add([], referrer)

    assert error.value.code == "referrers-limit"


def test_what_a_list_says_about_candidates_is_not_kept() -> None:
    item = ONE.to_json() | {"annotations": {"a": "b"}, "artifactType": "x/y"}

    assert referrers.candidates(json.dumps({"manifests": [item]}).encode()) == (ONE,)


def test_a_referrer_counts_as_much_as_it_takes() -> None:
    assert referrers.weight(b"x" * 1000) == 1000
    assert referrers.weight(b"[[],{}]") > 200


def test_several_are_added_at_once() -> None:
    one = referrers.add([], ONE)
    assert one is not None
    both = referrers.add([one], ONE, TWO)

    assert both == referrers.compose([TWO, ONE])
    assert both is not None
    assert referrers.add([both], TWO, ONE) is None
