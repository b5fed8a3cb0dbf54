"""A layout in a tar: read where it lies, written whole or not at all."""

import fcntl
import os
import resource
import subprocess
import tarfile
import time
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from kit.tars import END, MANIFEST, digest_of, layout, member, tar
from miniseal.formats.errors import MinisealError
from miniseal.formats.oci import EMPTY_CONFIG, EMPTY_CONFIG_TYPE, MANIFEST_TYPE, Descriptor
from miniseal.registry import LayoutStore, attach
from miniseal.registry.archive import ArchiveStore

Make = Callable[..., bytes]
PREDICATE = "https://slsa.dev/provenance/v1"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Where an archive will be."""
    return tmp_path / "archive.tar"


@pytest.fixture
def store(path: Path) -> ArchiveStore:
    return ArchiveStore(path)


def publish(store: LayoutStore, manifest: Make, content: bytes = b"content") -> Descriptor:
    """A manifest with its content, a referrer, and the tag `1.0.0`."""
    store.put(EMPTY_CONFIG, EMPTY_CONFIG_TYPE)
    store.put(content, "text/plain")
    descriptor = store.put_manifest(manifest(content))
    attach(store, descriptor, b"bundle of " + content, PREDICATE)
    store.tag("1.0.0", descriptor, force=True)
    return descriptor


@contextmanager
def chunks_of(data: bytes) -> Generator[Iterator[bytes]]:
    yield iter([data])


@contextmanager
def files_of_at_most(size: int) -> Generator[None]:
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def beside(path: Path) -> list[str]:
    """The names of all that is in an archive's folder."""
    return sorted(each.name for each in path.parent.iterdir())


def code(error: pytest.ExceptionInfo[MinisealError]) -> str:
    return error.value.code


class TestReading:
    @pytest.mark.parametrize("form", [tarfile.GNU_FORMAT, tarfile.PAX_FORMAT], ids=["gnu", "pax"])
    def test_what_others_write_is_read(self, path: Path, store: ArchiveStore, form: int) -> None:
        path.write_bytes(tar({"blobs/": b"", **layout()}, form))

        descriptor = store.resolve("1.0.0")
        assert store.read(descriptor, limit=10_000) == MANIFEST
        assert store.tags() == {"1.0.0": descriptor}
        assert store.resolve(descriptor.digest).size == len(MANIFEST)
        with store.stream(Descriptor.of(b"content", "text/plain")) as chunks:
            assert b"".join(chunks) == b"content"

    def test_a_layout_that_was_packed_by_hand_is_read(
        self, tmp_path: Path, path: Path, store: ArchiveStore, manifest: Make
    ) -> None:
        descriptor = publish(LayoutStore(tmp_path / "layout"), manifest)
        subprocess.run(["tar", "-cf", path, "-C", tmp_path / "layout", "."], check=True)

        assert store.resolve("1.0.0").digest == descriptor.digest
        assert len(store.referrers(descriptor)) == 1

    def test_reading_leaves_no_trace(self, path: Path, store: ArchiveStore) -> None:
        path.write_bytes(tar(layout()))
        before = path.stat()

        store.read(store.resolve("1.0.0"), limit=10_000)
        assert path.stat().st_mtime_ns == before.st_mtime_ns
        assert beside(path) == [path.name]

    def test_an_archive_that_may_not_be_written_is_read(
        self, path: Path, store: ArchiveStore
    ) -> None:
        path.write_bytes(tar(layout()))
        path.chmod(0o444)

        assert list(store.tags()) == ["1.0.0"]

    def test_an_archive_that_was_replaced_is_read_anew(
        self, path: Path, store: ArchiveStore, tmp_path: Path, manifest: Make
    ) -> None:
        path.write_bytes(tar(layout()))
        store.tags()
        other = ArchiveStore(tmp_path / "other.tar")
        publish(other, manifest, b"other")
        (tmp_path / "other.tar").rename(path)

        assert store.tags() == other_tags(path)

    @pytest.mark.parametrize(
        "read",
        [
            pytest.param(lambda store: store.tags(), id="tags"),
            pytest.param(lambda store: store.resolve("1.0.0"), id="resolve"),
            pytest.param(
                lambda store: store.read(Descriptor.of(b"x", "text/plain"), limit=9), id="read"
            ),
            pytest.param(
                lambda store: store.tag("1.0.0", Descriptor.of(b"{}", MANIFEST_TYPE)), id="tag"
            ),
        ],
    )
    def test_no_archive_is_missing_content(
        self, path: Path, store: ArchiveStore, read: Callable[[ArchiveStore], object]
    ) -> None:
        with pytest.raises(MinisealError) as error:
            read(store)

        assert code(error) == "content-missing"
        assert not path.exists()
        assert not store.has(Descriptor.of(b"x", "text/plain"))

    def test_damaged_content_is_refused(self, path: Path, store: ArchiveStore) -> None:
        files = layout()
        files[f"blobs/sha256/{digest_of(b'content')}"] = b"CONTENT"
        path.write_bytes(tar(files))

        blob = Descriptor.of(b"content", "text/plain")
        with pytest.raises(MinisealError) as error:
            store.read(blob, limit=100)
        assert code(error) == "digest-mismatch"
        with pytest.raises(MinisealError) as error, store.stream(blob) as chunks:
            assert list(chunks) == []
        assert code(error) == "digest-mismatch"

    @pytest.mark.parametrize(
        ("data", "name"),
        [
            pytest.param(b"", "tar-malformed", id="empty"),
            pytest.param(b"\x1f\x8b\x08" + bytes(600), "tar-compressed", id="gzip"),
            pytest.param(member(b"../x", b"x") + END, "tar-refused", id="dot-dot"),
            pytest.param(tar({"a": b"b"}), "layout-malformed", id="no-layout"),
            pytest.param(
                tar({"repositories": b"{}", "x/layer.tar": b""}), "layout-malformed", id="docker-24"
            ),
            pytest.param(
                tar({"oci-layout": layout()["oci-layout"]}), "layout-malformed", id="no-index"
            ),
            pytest.param(
                tar({**layout(), "oci-layout": b'{"imageLayoutVersion":"2.0.0"}'}),
                "layout-malformed",
                id="another-version",
            ),
            pytest.param(
                tar({**layout(), "index.json": b" " * (4 * 1024 * 1024 + 1)}),
                "layout-malformed",
                id="huge-index",
            ),
        ],
    )
    def test_another_file_is_refused_and_stays_as_it_was(
        self, path: Path, store: ArchiveStore, manifest: Make, data: bytes, name: str
    ) -> None:
        path.write_bytes(data)

        with pytest.raises(MinisealError) as error:
            store.tags()
        assert code(error) == name
        with pytest.raises(MinisealError) as error:
            publish(store, manifest)
        assert code(error) == name
        assert path.read_bytes() == data

    @pytest.mark.parametrize("kind", ["folder", "pipe"])
    def test_what_is_no_file_is_refused(self, path: Path, store: ArchiveStore, kind: str) -> None:
        if kind == "folder":
            path.mkdir()
        else:
            os.mkfifo(path)

        with pytest.raises(MinisealError) as error:
            store.tags()
        assert code(error) == "tar-malformed"

    def test_a_path_that_cannot_be_opened_is_told(self, tmp_path: Path) -> None:
        (tmp_path / "file").touch()

        with pytest.raises(MinisealError) as error:
            ArchiveStore(tmp_path / "file" / "a.tar").tags()
        assert code(error) == "storage-failed"


def other_tags(path: Path) -> dict[str, Descriptor]:
    return ArchiveStore(path).tags()


class TestWriting:
    def test_one_content_has_one_form(self, tmp_path: Path, manifest: Make) -> None:
        once, batch = (ArchiveStore(tmp_path / name) for name in ("a.tar", "sub/b.tar"))
        publish(once, manifest)
        with batch.batch():
            publish(batch, manifest)

        assert (tmp_path / "a.tar").read_bytes() == (tmp_path / "sub" / "b.tar").read_bytes()

    def test_the_form_is_a_plain_tar(self, path: Path, store: ArchiveStore, manifest: Make) -> None:
        publish(store, manifest)

        with tarfile.open(path) as archive:
            infos = archive.getmembers()
        names = [info.name for info in infos]
        assert names[:2] == ["oci-layout", "index.json"]
        assert names[2:] == sorted(names[2:])
        assert {(info.mode, info.uid, info.gid, info.mtime, info.type) for info in infos} == {
            (0o644, 0, 0, 0, tarfile.REGTYPE)
        }

    def test_an_unpacked_archive_is_a_layout(
        self, tmp_path: Path, path: Path, store: ArchiveStore, manifest: Make
    ) -> None:
        descriptor = publish(store, manifest)
        (tmp_path / "layout").mkdir()
        subprocess.run(["tar", "-xf", path, "-C", tmp_path / "layout"], check=True)

        layout_store = LayoutStore(tmp_path / "layout")
        assert layout_store.tags() == store.tags()
        assert layout_store.referrers(descriptor) == store.referrers(descriptor)

    def test_what_is_written_first_is_read_before_there_is_a_file(
        self, path: Path, store: ArchiveStore
    ) -> None:
        blob = store.put(b"content", "text/plain")

        assert not path.exists()
        assert store.has(blob)
        assert store.read(blob, limit=100) == b"content"

    def test_a_blob_that_nothing_follows_is_dropped(self, path: Path) -> None:
        ArchiveStore(path).put(b"content", "text/plain")

        assert beside(path) == []

    def test_nothing_is_left_beside_the_file(
        self, path: Path, store: ArchiveStore, manifest: Make
    ) -> None:
        publish(store, manifest)

        assert beside(path) == [path.name]

    def test_a_batch_that_fails_leaves_the_file_as_it_was(
        self, path: Path, store: ArchiveStore, manifest: Make
    ) -> None:
        publish(store, manifest)
        before = path.read_bytes()

        def fail() -> None:
            with store.batch():
                publish(store, manifest, b"other")
                raise ZeroDivisionError

        with pytest.raises(ZeroDivisionError):
            fail()
        assert path.read_bytes() == before
        assert beside(path) == [path.name]
        assert list(store.tags()) == ["1.0.0"]

    def test_a_batch_within_a_batch_is_one(
        self, path: Path, store: ArchiveStore, manifest: Make
    ) -> None:
        with store.batch():
            with store.batch():
                publish(store, manifest)
            assert not path.exists()

        assert list(store.tags()) == ["1.0.0"]

    def test_a_batch_without_a_change_writes_nothing(
        self, path: Path, store: ArchiveStore, manifest: Make
    ) -> None:
        publish(store, manifest)
        before = path.stat().st_ino

        with store.batch():
            publish(store, manifest)
        assert path.stat().st_ino == before

    def test_a_full_disk_leaves_the_file_as_it_was(
        self, path: Path, store: ArchiveStore, manifest: Make
    ) -> None:
        publish(store, manifest)
        before = path.read_bytes()
        big = Descriptor.of(bytes(2_000_000), "text/plain")

        with (
            files_of_at_most(1_000_000),
            pytest.raises(MinisealError) as error,
            store.batch(),
        ):
            store.put(bytes(2_000_000), big.media_type)
        assert code(error) == "storage-failed"
        assert path.read_bytes() == before
        assert beside(path) == [path.name]

    def test_wrong_content_is_not_taken(self, store: ArchiveStore) -> None:
        wrong = Descriptor.of(b"content", "text/plain")

        with pytest.raises(MinisealError) as error:
            store.put_stream(wrong, lambda: chunks_of(b"CONTENT"))
        assert code(error) == "digest-mismatch"
        assert not store.has(wrong)

    def test_damaged_content_is_replaced(self, path: Path, store: ArchiveStore) -> None:
        files = layout()
        files[f"blobs/sha256/{digest_of(b'content')}"] = b"CONTENT"
        path.write_bytes(tar(files))

        with store.batch():
            blob = store.put(b"content", "text/plain")
        assert ArchiveStore(path).read(blob, limit=100) == b"content"

    def test_a_tag_that_is_refused_changes_nothing(
        self, path: Path, store: ArchiveStore, manifest: Make
    ) -> None:
        publish(store, manifest)
        other = store.put_manifest(manifest(b"other"))
        before = path.read_bytes()

        with pytest.raises(MinisealError) as error:
            store.tag("1.0.0", other)
        assert code(error) == "tag-exists"
        assert path.read_bytes() == before

    def test_evidence_is_added_to_what_others_wrote(self, path: Path, store: ArchiveStore) -> None:
        files = {**layout(), "manifest.json": b"[]", "notes.txt": b"x"}
        path.write_bytes(tar(files, tarfile.PAX_FORMAT))
        subject = store.resolve("1.0.0")

        attach(store, subject, b"bundle", PREDICATE)
        with tarfile.open(path) as archive:
            names = archive.getnames()
        assert len(ArchiveStore(path).referrers(subject)) == 1
        assert "manifest.json" in names  # for docker
        assert "notes.txt" not in names

    def test_a_blob_of_another_algorithm_is_not_lost(self, path: Path, store: ArchiveStore) -> None:
        data = tar({**layout(), f"blobs/sha512/{'0' * 80}": b"x"})
        path.write_bytes(data)

        with pytest.raises(MinisealError) as error:
            attach(store, store.resolve("1.0.0"), b"bundle", PREDICATE)
        assert code(error) == "tar-refused"
        assert path.read_bytes() == data

    def test_superseded_lists_are_not_kept(
        self, path: Path, store: ArchiveStore, manifest: Make
    ) -> None:
        subject = publish(store, manifest)
        for number in range(3):
            attach(store, subject, b"bundle %d" % number, PREDICATE)

        with tarfile.open(path) as archive:
            # config, content, manifest, list; bundles and their manifests; what a layout has
            assert len(archive.getnames()) == 4 + 2 * 4 + 2


class TestTogether:
    def test_a_batch_does_not_undo_what_somebody_else_wrote(
        self, path: Path, store: ArchiveStore, manifest: Make
    ) -> None:
        there = b""

        def write() -> None:
            nonlocal there
            with store.batch():
                publish(store, manifest)
                publish(ArchiveStore(path), manifest, b"other")
                there = path.read_bytes()

        with pytest.raises(MinisealError) as error:
            write()
        assert code(error) == "archive-changed"
        assert path.read_bytes() == there

    def test_a_batch_reads_what_was_there_when_it_began(
        self, path: Path, store: ArchiveStore, manifest: Make, tmp_path: Path
    ) -> None:
        first = publish(store, manifest)
        publish(ArchiveStore(tmp_path / "other.tar"), manifest, b"other")

        with store.batch():
            (tmp_path / "other.tar").rename(path)
            found = store.resolve("1.0.0")
        assert found.digest == first.digest
        assert store.resolve("1.0.0").digest != first.digest

    def test_a_file_that_came_between_is_not_hidden(
        self, path: Path, store: ArchiveStore, manifest: Make
    ) -> None:
        store.put(b"first", "text/plain")
        other = ArchiveStore(path)
        publish(other, manifest, b"other")
        store.put_manifest(manifest(b"first"))

        assert list(ArchiveStore(path).tags()) == ["1.0.0"]

    def test_a_lock_is_not_waited_for_without_end(self, path: Path, manifest: Make) -> None:
        publish(ArchiveStore(path), manifest)
        fd = os.open(path.parent, os.O_RDONLY)
        fcntl.flock(fd, fcntl.LOCK_EX)
        try:
            with pytest.raises(MinisealError) as error:
                ArchiveStore(path, lock_seconds=0.05).put_manifest(manifest(b"other"))
        finally:
            os.close(fd)

        assert code(error) == "layout-locked"
        assert beside(path) == [path.name]

    def test_what_a_killed_process_left_a_day_ago_is_removed(
        self, path: Path, store: ArchiveStore, manifest: Make
    ) -> None:
        for name, age in (("old", 25), ("new", 1)):
            folder = path.parent / f".miniseal-archive-{name}"
            folder.mkdir()
            then = time.time() - age * 3600
            os.utime(folder, (then, then))
        publish(store, manifest)

        assert beside(path) == [".miniseal-archive-new", path.name]
