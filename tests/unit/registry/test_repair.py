"""Layouts whose lists lie, and what is removed from them."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from miniseal.formats.errors import MinisealError
from miniseal.formats.oci import INDEX_TYPE, REF_NAME, Descriptor
from miniseal.registry import LayoutStore, attach
from miniseal.registry.archive import ArchiveStore

Make = Callable[..., bytes]
Entries = Callable[[], list[dict[str, object]]]
PREDICATE = "https://slsa.dev/provenance/v1"


@pytest.fixture
def subject(store: LayoutStore, manifest: Make) -> Descriptor:
    """A manifest with three referrers, under the tag `1.0.0`."""
    descriptor = store.put_manifest(manifest())
    store.tag("1.0.0", descriptor)
    for number in range(3):
        attach(store, descriptor, b"bundle %d" % number, PREDICATE)
    return descriptor


def write_entries(path: Path, entries: list[dict[str, object]]) -> None:
    index = json.loads((path / "index.json").read_bytes())
    (path / "index.json").write_text(json.dumps({**index, "manifests": entries}))


def fallback(subject: Descriptor) -> str:
    return subject.digest.replace(":", "-")


def blobs(path: Path) -> set[str]:
    return {each.name for each in (path / "blobs" / "sha256").iterdir()}


def lose_the_list(path: Path, subject: Descriptor, entries: Entries) -> None:
    """As a client does that writes index.json without the lock."""

    def is_list(entry: dict[str, object]) -> bool:
        annotations = entry.get("annotations")
        return isinstance(annotations, dict) and annotations.get(REF_NAME) == fallback(subject)

    write_entries(path, [each for each in entries() if not is_list(each)])


class TestRepair:
    def test_referrers_come_back_from_the_blobs(
        self, path: Path, store: LayoutStore, subject: Descriptor, entries: Entries
    ) -> None:
        before = store.referrers(subject)
        lose_the_list(path, subject, entries)
        assert store.referrers(subject) == ()

        assert store.repair(subject) == before
        assert LayoutStore(path).referrers(subject) == before

    def test_all_subjects_are_repaired_at_once(
        self, path: Path, store: LayoutStore, subject: Descriptor, entries: Entries, manifest: Make
    ) -> None:
        other = store.put_manifest(manifest(b"other"))
        attach(store, other, b"bundle of another", PREDICATE)
        for each in (subject, other):
            lose_the_list(path, each, entries)

        assert store.repair() == ()
        assert len(store.referrers(subject)) == 3
        assert len(store.referrers(other)) == 1

    def test_one_subject_alone_is_repaired(
        self, path: Path, store: LayoutStore, subject: Descriptor, entries: Entries, manifest: Make
    ) -> None:
        other = store.put_manifest(manifest(b"other"))
        attach(store, other, b"bundle of another", PREDICATE)
        for each in (subject, other):
            lose_the_list(path, each, entries)

        store.repair(subject)
        assert len(store.referrers(subject)) == 3
        assert store.referrers(other) == ()

    def test_what_is_gone_or_damaged_is_no_longer_listed(
        self,
        path: Path,
        store: LayoutStore,
        subject: Descriptor,
        blob: Callable[[Descriptor], Path],
        entries: Entries,
    ) -> None:
        kept, gone, damaged = store.referrers(subject)
        blob(gone).unlink()
        blob(damaged).write_bytes(blob(damaged).read_bytes()[::-1])

        assert store.repair(subject) == (kept,)
        (listed,) = [each for each in entries() if each["mediaType"] == INDEX_TYPE]
        name = str(listed["digest"]).removeprefix("sha256:")
        text = (path / "blobs" / "sha256" / name).read_text()
        assert gone.digest not in text
        assert damaged.digest not in text

    def test_a_list_that_cannot_be_read_is_replaced(
        self, path: Path, store: LayoutStore, subject: Descriptor, entries: Entries
    ) -> None:
        (listed,) = [each for each in entries() if each["mediaType"] == INDEX_TYPE]
        (path / "blobs" / "sha256" / str(listed["digest"])[7:]).write_bytes(b"{")
        with pytest.raises(MinisealError) as error:
            store.referrers(subject)
        assert error.value.code == "digest-mismatch"

        assert len(store.repair(subject)) == 3

    def test_a_subject_in_the_place_of_its_list_stays(
        self, path: Path, store: LayoutStore, subject: Descriptor, entries: Entries
    ) -> None:
        wrong = {**subject.to_json(), "annotations": {REF_NAME: fallback(subject)}}
        lose_the_list(path, subject, entries)
        write_entries(path, [*entries(), wrong])

        assert len(store.repair(subject)) == 3
        assert store.resolve("1.0.0").digest == subject.digest

    def test_a_layout_in_order_stays_as_it_is(
        self, path: Path, store: LayoutStore, subject: Descriptor
    ) -> None:
        index, content = (path / "index.json").read_bytes(), blobs(path)

        store.repair(subject)
        store.repair()
        assert (path / "index.json").read_bytes() == index
        assert blobs(path) == content

    def test_archives_are_repaired_too(self, tmp_path: Path, manifest: Make) -> None:
        store = ArchiveStore(tmp_path / "a.tar")
        descriptor = store.put_manifest(manifest())
        attach(store, descriptor, b"bundle", PREDICATE)
        before = (tmp_path / "a.tar").read_bytes()

        assert len(store.repair(descriptor)) == 1
        assert (tmp_path / "a.tar").read_bytes() == before

    def test_no_layout_is_missing_content(self, store: LayoutStore) -> None:
        with pytest.raises(MinisealError) as error:
            store.repair()

        assert error.value.code == "content-missing"


class TestDelete:
    def test_a_tag_goes_and_its_content_stays(
        self, store: LayoutStore, subject: Descriptor
    ) -> None:
        store.delete("1.0.0")

        assert store.tags() == {}
        assert store.resolve(subject.digest).digest == subject.digest
        assert len(store.referrers(subject)) == 3

    def test_one_of_two_tags_goes(self, store: LayoutStore, subject: Descriptor) -> None:
        store.tag("latest", subject)
        store.delete("latest")

        assert list(store.tags()) == ["1.0.0"]

    def test_a_manifest_goes_with_its_tags(self, store: LayoutStore, subject: Descriptor) -> None:
        store.tag("latest", subject)
        store.delete(subject.digest)

        assert store.tags() == {}
        assert not store.has(subject)

    def test_a_referrer_is_no_longer_listed(
        self, path: Path, store: LayoutStore, subject: Descriptor
    ) -> None:
        first, *others = store.referrers(subject)
        before = blobs(path)

        store.delete(first.digest)
        assert store.referrers(subject) == tuple(others)
        assert not store.has(first)
        # the manifest went, and one list came in the place of another
        assert len(before - blobs(path)) == 2
        assert len(blobs(path) - before) == 1

    @pytest.mark.parametrize("name", ["2.0.0", "sha256:" + "0" * 64])
    def test_what_is_not_there_is_missing(
        self, store: LayoutStore, subject: Descriptor, name: str
    ) -> None:
        assert store.has(subject)
        with pytest.raises(MinisealError) as error:
            store.delete(name)

        assert error.value.code == "content-missing"

    def test_a_list_is_no_tag(self, store: LayoutStore, subject: Descriptor) -> None:
        with pytest.raises(MinisealError) as error:
            store.delete(fallback(subject))

        assert error.value.code == "tag-refused"
