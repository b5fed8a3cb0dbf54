import json
from collections.abc import Callable

import pytest

from miniseal.formats.errors import MinisealError
from miniseal.formats.oci import MANIFEST_LIMIT, MANIFEST_TYPE, Descriptor, Manifest
from miniseal.registry import LayoutStore, attach

SLSA = "https://slsa.dev/provenance/v1"
BUNDLE_TYPE = "application/vnd.dev.sigstore.bundle.v0.3+json"
EMPTY = "sha256:44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a"


@pytest.fixture
def subject(store: LayoutStore, manifest: Callable[..., bytes]) -> Descriptor:
    return store.put_manifest(manifest())


def test_referrer_is_laid_out_as_cosign_does(store: LayoutStore, subject: Descriptor) -> None:
    descriptor = attach(store, subject, b"bundle", SLSA)

    bundle = Descriptor.of(b"bundle", BUNDLE_TYPE)
    assert json.loads(store.read(descriptor, limit=MANIFEST_LIMIT)) == {
        "schemaVersion": 2,
        "mediaType": MANIFEST_TYPE,
        "artifactType": BUNDLE_TYPE,
        "config": {
            "mediaType": "application/vnd.oci.empty.v1+json",
            "digest": EMPTY,
            "size": 2,
        },
        "layers": [{"mediaType": BUNDLE_TYPE, "digest": bundle.digest, "size": 6}],
        "subject": {"mediaType": MANIFEST_TYPE, "digest": subject.digest, "size": subject.size},
        "annotations": {
            "dev.sigstore.bundle.content": "dsse-envelope",
            "dev.sigstore.bundle.predicateType": SLSA,
        },
    }


def test_bundle_is_found_through_the_subject(store: LayoutStore, subject: Descriptor) -> None:
    descriptor = attach(store, subject, b"bundle", SLSA)

    (found,) = store.referrers(subject)
    layer = Manifest.from_bytes(store.read(found, limit=MANIFEST_LIMIT)).layers[0]
    assert found == descriptor
    assert store.read(layer, limit=100) == b"bundle"


def test_attaching_twice_is_attaching_once(store: LayoutStore, subject: Descriptor) -> None:
    first = attach(store, subject, b"bundle", SLSA)
    second = attach(store, subject, b"bundle", SLSA)

    assert first == second
    assert store.referrers(subject) == (first,)


def test_annotations_of_the_subject_do_not_change_the_referrer(
    store: LayoutStore, subject: Descriptor
) -> None:
    store.tag("1.0.0", subject)
    plain = Descriptor(media_type=MANIFEST_TYPE, digest=subject.digest, size=subject.size)

    first = attach(store, store.resolve("1.0.0"), b"bundle", SLSA)
    assert attach(store, plain, b"bundle", SLSA) == first


def test_missing_subject_is_refused(store: LayoutStore, subject: Descriptor) -> None:
    wrong = Descriptor(media_type=subject.media_type, digest=subject.digest, size=subject.size + 1)

    with pytest.raises(MinisealError) as error:
        attach(store, wrong, b"bundle", SLSA)

    assert error.value.code == "content-missing"
