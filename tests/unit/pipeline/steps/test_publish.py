from pathlib import Path

import pytest

from miniseal.formats.errors import UsageError
from miniseal.formats.oci import MANIFEST_LIMIT, Manifest
from miniseal.packager import Packed, pack
from miniseal.pipeline.steps.publish import Signed, is_tagged, push, push_evidence, tag
from miniseal.pipeline.steps.resolve import Resolved
from miniseal.registry import LayoutStore

EMPTY = b"\0asm\1\0\0\0"
OTHER = EMPTY + b"\0\3\1xy"


@pytest.fixture
def store(tmp_path: Path) -> LayoutStore:
    return LayoutStore(tmp_path / "layout")


def _pack(resolved: Resolved, wasm: bytes = EMPTY) -> Packed:
    project = resolved.project
    return pack(project.manifest, project.settings, wasm, project.assets, project.toolchain)


def test_pushing_tags_nothing(resolved: Resolved, store: LayoutStore) -> None:
    packed = _pack(resolved)

    push(store, packed)

    assert store.tags() == {}
    assert store.has(packed.package.descriptor)


def test_three_tags_name_the_release(resolved: Resolved, store: LayoutStore) -> None:
    packed = _pack(resolved)
    push(store, packed)

    names = tag(store, packed)

    assert names == ("1.0.1-wasm", "1.0.1-image", "1.0.1")
    assert store.resolve("1.0.1").digest == packed.package.descriptor.digest


def test_a_store_that_does_not_exist_has_no_tags(resolved: Resolved, store: LayoutStore) -> None:
    assert is_tagged(store, _pack(resolved)) is False


def test_a_release_is_tagged_when_all_three_are(resolved: Resolved, store: LayoutStore) -> None:
    packed = _pack(resolved)
    push(store, packed)
    store.tag("1.0.1-wasm", packed.wasm.descriptor)
    before = is_tagged(store, packed)
    tag(store, packed)

    assert (before, is_tagged(store, packed)) == (False, True)


def test_a_version_that_names_other_content_is_refused(
    resolved: Resolved, store: LayoutStore
) -> None:
    packed = _pack(resolved)
    push(store, packed)
    tag(store, packed)

    with pytest.raises(UsageError, match="published already") as error:
        is_tagged(store, _pack(resolved, OTHER))

    assert error.value.code == "tag-exists"


@pytest.mark.parametrize(("everywhere", "subjects"), [(False, 1), (True, 3)])
def test_evidence_is_attached_where_it_belongs(
    resolved: Resolved, store: LayoutStore, *, everywhere: bool, subjects: int
) -> None:
    packed = _pack(resolved)
    push(store, packed)

    push_evidence(store, packed, [Signed(predicate_type="t", bundle=b"{}", everywhere=everywhere)])

    built = (packed.package, packed.wasm, packed.image)
    assert sum(len(store.referrers(each.descriptor)) for each in built) == subjects


def test_every_blob_of_a_manifest_is_pushed(resolved: Resolved, store: LayoutStore) -> None:
    packed = _pack(resolved)
    push(store, packed)

    for built in (packed.package, packed.wasm, packed.image):
        manifest = Manifest.from_bytes(store.read(built.descriptor, limit=MANIFEST_LIMIT))
        assert all(store.has(blob) for blob in (manifest.config, *manifest.layers))
