import json
from pathlib import Path

import pytest

from kit.packages import package
from miniseal.formats.errors import MinisealError
from miniseal.formats.oci import INDEX_TYPE, Descriptor, Manifest
from miniseal.pipeline.published import targets
from miniseal.registry import LayoutStore


def publish(layout: Path, version: str, code: int, *tags: str) -> str:
    """A package under its version and other tags; its digest."""
    made = package(code=code, version=version)
    store = LayoutStore(layout)
    for descriptor, data in made.contents[1:]:
        store.put(data, descriptor.media_type)
    store.put_manifest(made.contents[0][1])
    for tag in (version, *tags):
        store.tag(tag, made.descriptor)
    return made.digest


def other(layout: Path, tag: str) -> Descriptor:
    """A manifest that is not a package's."""
    store = LayoutStore(layout)
    config = store.put(b"{}", "application/vnd.oci.empty.v1+json")
    manifest = Manifest(artifact_type="application/other", config=config, layers=(config,))
    descriptor = store.put_manifest(manifest.to_bytes())
    store.tag(tag, descriptor)
    return descriptor


@pytest.mark.parametrize("name", ["1.0.0", "sha256:" + "0" * 64])
def test_a_reference_with_a_name_is_that_one_package_and_nothing_is_read(
    tmp_path: Path, name: str
) -> None:
    sign = "@" if name.startswith("sha256:") else ":"
    reference = f"oci:{tmp_path / 'none'}{sign}{name}"

    (target,) = targets(reference)

    assert (target.reference, target.name, target.error) == (reference, name, None)


def test_a_repository_is_all_of_its_packages_by_digest(tmp_path: Path) -> None:
    first = publish(tmp_path, "1.0.0", 1)
    second = publish(tmp_path, "2.0.0", 2, "latest")
    other(tmp_path, "1.0.0-wasm")
    index = LayoutStore(tmp_path).put_manifest(
        json.dumps({"schemaVersion": 2, "mediaType": INDEX_TYPE, "manifests": []}).encode(),
        INDEX_TYPE,
    )
    LayoutStore(tmp_path).tag("all", index)

    found = list(targets(f"oci:{tmp_path}"))

    assert [(target.name, target.tags) for target in found] == [
        (first, ("1.0.0",)),
        (second, ("2.0.0", "latest")),
    ]
    assert [target.reference for target in found] == [
        f"oci:{tmp_path}:1.0.0",
        f"oci:{tmp_path}:2.0.0",
    ]
    assert {target.error for target in found} == {None}


def test_what_cannot_be_read_may_have_been_a_package_and_is_told(tmp_path: Path) -> None:
    first = publish(tmp_path, "1.0.0", 1)
    lost = other(tmp_path, "2.0.0")
    (tmp_path / "blobs" / "sha256" / lost.digest.removeprefix("sha256:")).unlink()

    broken, whole = targets(f"oci:{tmp_path}")

    assert (broken.reference, broken.tags) == (f"oci:{tmp_path}:2.0.0", ("2.0.0",))
    assert broken.error is not None
    assert broken.error.code == "content-missing"
    assert (whole.name, whole.error) == (first, None)


def test_a_repository_that_cannot_be_listed_is_told(tmp_path: Path) -> None:
    (target,) = targets(f"oci:{tmp_path / 'none'}")

    assert target.error is not None
    assert target.error.code == "content-missing"


@pytest.mark.parametrize(
    ("reference", "code"),
    [("oci:", "reference-malformed"), ("oci-archive:", "reference-malformed")],
)
def test_a_reference_that_leads_nowhere_is_refused(reference: str, code: str) -> None:
    with pytest.raises(MinisealError) as error:
        list(targets(reference))

    assert error.value.code == code
