import errno
import json
import os
import resource
import socket
from collections.abc import Callable, Generator, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import pytest

from miniseal.formats.errors import MinisealError
from miniseal.formats.oci import (
    INDEX_TYPE,
    MANIFEST_LIMIT,
    MANIFEST_TYPE,
    REF_NAME,
    Descriptor,
    Index,
)
from miniseal.registry import LayoutStore
from miniseal.registry.index import INDEX_LIMIT

Make = Callable[..., bytes]
Entries = Callable[[], list[dict[str, object]]]
Where = Callable[[Descriptor], Path]

ABSENT = Descriptor.of(b"absent", "text/plain")


def files(folder: Path) -> dict[str, bytes]:
    return {
        str(file.relative_to(folder)): file.read_bytes()
        for file in sorted(folder.rglob("*"))
        if file.is_file()
    }


@contextmanager
def umask(mask: int) -> Generator[None]:
    before = os.umask(mask)
    try:
        yield
    finally:
        os.umask(before)


@contextmanager
def files_of_at_most(size: int) -> Generator[None]:
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


READS: list[Callable[[LayoutStore], object]] = [
    lambda store: store.tags(),
    lambda store: store.resolve("1.0.0"),
    lambda store: store.resolve(ABSENT.digest),
    lambda store: store.read(ABSENT, limit=100),
    lambda store: store.referrers(ABSENT),
    lambda store: store.tag("1.0.0", Descriptor.of(b"{}", MANIFEST_TYPE)),
]


class TestCreation:
    def test_opening_makes_nothing(self, path: Path) -> None:
        LayoutStore(path)

        assert not path.exists()

    @pytest.mark.parametrize("read", READS)
    def test_missing_layout_is_missing_content(
        self, path: Path, store: LayoutStore, read: Callable[[LayoutStore], object]
    ) -> None:
        with pytest.raises(MinisealError, match="no OCI layout") as error:
            read(store)

        assert error.value.code == "content-missing"
        assert not path.exists()

    def test_missing_layout_has_nothing(self, store: LayoutStore) -> None:
        assert not store.has(ABSENT)

    def test_empty_folder_is_no_layout(self, path: Path, store: LayoutStore) -> None:
        path.mkdir()

        with pytest.raises(MinisealError) as error:
            store.tags()

        assert error.value.code == "content-missing"

    def test_first_write_makes_a_layout_and_the_folders_above(self, tmp_path: Path) -> None:
        path = tmp_path / "a" / "b"
        LayoutStore(path).put(b"content", "text/plain")

        assert json.loads((path / "oci-layout").read_bytes()) == {"imageLayoutVersion": "1.0.0"}
        assert json.loads((path / "index.json").read_bytes()) == {
            "schemaVersion": 2,
            "mediaType": INDEX_TYPE,
            "manifests": [],
        }

    def test_creation_that_was_cut_off_is_done_again(self, path: Path, store: LayoutStore) -> None:
        (path / "blobs").mkdir(parents=True)
        (path / ".lock").touch()
        (path / ".miniseal-stray").touch()
        store.put(b"content", "text/plain")

        assert store.tags() == {}

    def test_folder_of_something_else_is_left_alone(self, path: Path, store: LayoutStore) -> None:
        path.mkdir()
        (path / "notes.txt").write_text("mine")

        with pytest.raises(MinisealError, match="something else") as error:
            store.put(b"content", "text/plain")

        assert error.value.code == "layout-malformed"
        assert [file.name for file in path.iterdir()] == ["notes.txt"]

    def test_file_in_place_of_the_folder_is_refused(self, path: Path, store: LayoutStore) -> None:
        path.write_text("a file")

        with pytest.raises(MinisealError) as error:
            store.tags()

        assert error.value.code == "layout-malformed"

    @pytest.mark.parametrize(
        "mark",
        [
            b"",
            b"[]",
            b"{}",
            b'{"imageLayoutVersion":"2.0.0"}',
            b'{"imageLayoutVersion":1}',
            b'{"imageLayoutVersion":"1.0.0"}' + b" " * 5000,
        ],
    )
    def test_other_layout_versions_are_refused(
        self, path: Path, store: LayoutStore, mark: bytes
    ) -> None:
        store.put(b"content", "text/plain")
        (path / "oci-layout").write_bytes(mark)

        with pytest.raises(MinisealError) as error:
            store.tags()

        assert error.value.code == "layout-malformed"

    @pytest.mark.parametrize("mask", [0o077, 0o000, 0o022])
    def test_permissions_are_the_umasks(self, path: Path, mask: int, manifest: Make) -> None:
        store = LayoutStore(path)
        with umask(mask):
            store.tag("1.0.0", store.put_manifest(manifest()))

        modes = {entry.stat().st_mode & 0o777 for entry in path.rglob("*") if entry.is_file()}
        folders = {entry.stat().st_mode & 0o777 for entry in path.rglob("*") if entry.is_dir()}
        assert modes == {0o666 & ~mask}
        assert folders == {0o777 & ~mask}

    def test_content_does_not_depend_on_the_umask_or_the_order(
        self, tmp_path: Path, manifest: Make
    ) -> None:
        contents = [b"one", b"two", b"three"]
        for name, mask, order in [("a", 0o077, contents), ("b", 0o000, contents[::-1])]:
            store = LayoutStore(tmp_path / name)
            with umask(mask):
                subject = Descriptor.of(manifest(), MANIFEST_TYPE)
                for content in order:
                    store.put_manifest(manifest(content))
                    store.put_manifest(manifest(content, subject))

        assert files(tmp_path / "a") == files(tmp_path / "b")


class TestBlobs:
    def test_put_then_read(self, store: LayoutStore) -> None:
        descriptor = store.put(b"content", "text/plain")

        assert descriptor == Descriptor.of(b"content", "text/plain")
        assert store.read(descriptor, limit=7) == b"content"
        assert store.has(descriptor)

    def test_empty_blob(self, store: LayoutStore) -> None:
        assert store.read(store.put(b"", "text/plain"), limit=0) == b""

    def test_put_leaves_index_json_alone(self, path: Path, store: LayoutStore) -> None:
        store.put(b"first", "text/plain")
        before = (path / "index.json").stat()
        store.put(b"second", "text/plain")

        after = (path / "index.json").stat()
        assert (after.st_ino, after.st_mtime_ns) == (before.st_ino, before.st_mtime_ns)

    def test_whole_blob_is_not_written_again(self, store: LayoutStore, blob: Where) -> None:
        descriptor = store.put(b"content", "text/plain")
        before = blob(descriptor).stat().st_ino
        store.put(b"content", "text/plain")

        assert blob(descriptor).stat().st_ino == before

    @pytest.mark.parametrize("damage", [b"c0ntent", b"cont", b""])
    def test_damaged_blob_is_replaced(self, store: LayoutStore, blob: Where, damage: bytes) -> None:
        descriptor = store.put(b"content", "text/plain")
        blob(descriptor).write_bytes(damage)
        store.put(b"content", "text/plain")

        assert store.read(descriptor, limit=100) == b"content"

    def test_symlink_in_place_of_a_blob_is_replaced_not_followed(
        self, store: LayoutStore, blob: Where, tmp_path: Path
    ) -> None:
        victim = tmp_path / "victim"
        victim.write_bytes(b"precious")
        descriptor = store.put(b"content", "text/plain")
        blob(descriptor).unlink()
        blob(descriptor).symlink_to(victim)
        store.put(b"content", "text/plain")

        assert victim.read_bytes() == b"precious"
        assert not blob(descriptor).is_symlink()

    @pytest.mark.parametrize("damage", [b"c0ntent", b"cont", b"content and more", b""])
    def test_damaged_blob_is_refused(self, store: LayoutStore, blob: Where, damage: bytes) -> None:
        descriptor = store.put(b"content", "text/plain")
        blob(descriptor).write_bytes(damage)

        with pytest.raises(MinisealError) as error:
            store.read(descriptor, limit=100)

        assert error.value.code == "digest-mismatch"

    def test_huge_blob_is_refused_unread(self, store: LayoutStore, blob: Where) -> None:
        descriptor = store.put(b"content", "text/plain")
        os.truncate(blob(descriptor), 1 << 40)

        with pytest.raises(MinisealError) as error:
            store.read(descriptor, limit=100)

        assert error.value.code == "digest-mismatch"
        assert error.value.found == f"{1 << 40} bytes"

    def test_missing_blob(self, store: LayoutStore) -> None:
        store.put(b"content", "text/plain")

        with pytest.raises(MinisealError) as error:
            store.read(ABSENT, limit=100)

        assert error.value.code == "content-missing"

    def test_layout_without_blobs_lacks_content(self, path: Path, store: LayoutStore) -> None:
        store.put(b"content", "text/plain")
        (path / "blobs").rename(path / "moved")

        with pytest.raises(MinisealError) as error:
            store.read(ABSENT, limit=100)

        assert error.value.code == "content-missing"

    def test_limit_is_checked_before_the_file_is_opened(self, store: LayoutStore) -> None:
        store.put(b"content", "text/plain")

        with pytest.raises(MinisealError) as error:
            store.read(ABSENT, limit=ABSENT.size - 1)

        assert error.value.code == "too-large"

    def test_has_wants_the_right_size(self, store: LayoutStore, blob: Where) -> None:
        descriptor = store.put(b"content", "text/plain")
        blob(descriptor).write_bytes(b"cont")

        assert not store.has(descriptor)

    @pytest.mark.parametrize("kind", ["symlink", "dangling", "fifo", "folder", "socket"])
    def test_what_is_no_regular_file_is_refused(
        self,
        store: LayoutStore,
        blob: Where,
        tmp_path: Path,
        monkeypatch: pytest.MonkeyPatch,
        kind: str,
    ) -> None:
        descriptor = store.put(b"content", "text/plain")
        place = blob(descriptor)
        place.rename(tmp_path / "content")
        monkeypatch.chdir(tmp_path)  # a socket's path has at most 107 bytes
        with socket.socket(socket.AF_UNIX) as server:
            server.bind("socket")
            {
                "symlink": lambda: place.symlink_to(tmp_path / "content"),
                "dangling": lambda: place.symlink_to("nowhere"),
                "fifo": lambda: os.mkfifo(place),
                "folder": place.mkdir,
                "socket": lambda: Path("socket").rename(place),
            }[kind]()

            with pytest.raises(MinisealError) as error:
                store.read(descriptor, limit=100)

        assert error.value.code == "layout-malformed"
        assert not store.has(descriptor)

    @pytest.mark.parametrize("name", ["blobs", "blobs/sha256"])
    def test_symlink_among_the_folders_is_refused(
        self, path: Path, store: LayoutStore, name: str
    ) -> None:
        descriptor = store.put(b"content", "text/plain")
        (path / name).rename(path / "elsewhere")
        (path / name).symlink_to(path / "elsewhere")

        with pytest.raises(MinisealError) as error:
            store.read(descriptor, limit=100)

        assert error.value.code == "layout-malformed"

    @pytest.mark.parametrize(
        "digest", ["sha256:../../../../etc/passwd", "sha256:", "/etc/passwd", "sha512:" + "0" * 128]
    )
    def test_digest_that_is_a_path_is_refused(self, store: LayoutStore, digest: str) -> None:
        store.put(b"content", "text/plain")
        hostile = Descriptor(media_type="text/plain", digest=digest, size=7)

        with pytest.raises(MinisealError) as error:
            store.read(hostile, limit=100)

        assert error.value.code == "digest-malformed"

    def test_write_that_fails_leaves_nothing(self, path: Path, store: LayoutStore) -> None:
        store.put(b"content", "text/plain")
        before = files(path)

        with files_of_at_most(1000), pytest.raises(MinisealError) as error:
            store.put(b"x" * 5000, "text/plain")

        assert error.value.code == "storage-failed"
        assert error.value.found == f"EFBIG, {os.strerror(errno.EFBIG)}"
        assert files(path) == before

    def test_folder_in_place_of_a_blob_fails_to_be_replaced(
        self, path: Path, store: LayoutStore, blob: Where
    ) -> None:
        store.put(b"content", "text/plain")
        blob(ABSENT).mkdir()

        with pytest.raises(MinisealError) as error:
            store.put(b"absent", "text/plain")

        assert error.value.code == "storage-failed"
        assert not list((path / "blobs" / "sha256").glob(".*"))


class TestManifests:
    def test_manifest_without_a_tag_is_listed_without_a_name(
        self, store: LayoutStore, manifest: Make, entries: Entries
    ) -> None:
        descriptor = store.put_manifest(manifest())

        assert entries() == [descriptor.to_json()]
        assert descriptor.artifact_type == "application/vnd.test"
        assert store.resolve(descriptor.digest) == descriptor
        assert store.tags() == {}

    def test_putting_twice_lists_once(
        self, store: LayoutStore, manifest: Make, entries: Entries
    ) -> None:
        store.put_manifest(manifest())
        store.put_manifest(manifest())

        assert len(entries()) == 1

    def test_index_is_a_manifest_too(self, store: LayoutStore, manifest: Make) -> None:
        inner = store.put_manifest(manifest())
        descriptor = store.put_manifest(Index(manifests=(inner,)).to_bytes(), INDEX_TYPE)

        assert store.resolve(descriptor.digest) == descriptor

    @pytest.mark.parametrize(
        ("data", "media_type", "code"),
        [
            (b"{}", MANIFEST_TYPE, "oci-malformed"),
            (b"{}", INDEX_TYPE, "oci-malformed"),
            (b"not JSON", MANIFEST_TYPE, "json-malformed"),
            (b"{}", "application/wasm", "oci-malformed"),
            (b" " * (MANIFEST_LIMIT + 1), MANIFEST_TYPE, "too-large"),
        ],
    )
    def test_what_is_no_manifest_is_not_stored(
        self, path: Path, store: LayoutStore, data: bytes, media_type: str, code: str
    ) -> None:
        with pytest.raises(MinisealError) as error:
            store.put_manifest(data, media_type)

        assert error.value.code == code
        assert not path.exists()

    def test_index_json_is_canonical(self, path: Path, store: LayoutStore, manifest: Make) -> None:
        store.tag("1.0.0", store.put_manifest(manifest()))

        text = (path / "index.json").read_bytes()
        assert text == json.dumps(
            json.loads(text), sort_keys=True, separators=(",", ":"), ensure_ascii=False
        ).encode("utf-8")

    @pytest.mark.parametrize("damage", [b"", b"[]", b"{}", b'{"schemaVersion":2,"manifests":[{}]}'])
    def test_damaged_index_json_is_refused(
        self, path: Path, store: LayoutStore, damage: bytes
    ) -> None:
        store.put(b"content", "text/plain")
        (path / "index.json").write_bytes(damage)

        with pytest.raises(MinisealError) as error:
            store.tags()

        assert error.value.code == "layout-malformed"

    def test_damaged_index_json_is_not_written_over(
        self, path: Path, store: LayoutStore, manifest: Make
    ) -> None:
        store.put(b"content", "text/plain")
        (path / "index.json").write_bytes(b"damaged")

        with pytest.raises(MinisealError) as error:
            store.put_manifest(manifest())

        assert error.value.code == "layout-malformed"
        assert (path / "index.json").read_bytes() == b"damaged"

    def test_missing_index_json_is_refused(self, path: Path, store: LayoutStore) -> None:
        store.put(b"content", "text/plain")
        (path / "index.json").unlink()

        with pytest.raises(MinisealError) as error:
            store.tags()

        assert error.value.code == "layout-malformed"

    def test_huge_index_json_is_refused_unread(self, path: Path, store: LayoutStore) -> None:
        store.put(b"content", "text/plain")
        os.truncate(path / "index.json", 1 << 40)

        with pytest.raises(MinisealError, match="too large") as error:
            store.tags()

        assert error.value.code == "layout-malformed"

    def test_digest_of_a_plain_blob_does_not_resolve(self, store: LayoutStore) -> None:
        descriptor = store.put(b'{"mediaType":"application/json"}', "application/json")

        with pytest.raises(MinisealError) as error:
            store.resolve(descriptor.digest)

        assert error.value.code == "content-missing"

    def test_unknown_digest_does_not_resolve(self, store: LayoutStore) -> None:
        store.put(b"content", "text/plain")

        with pytest.raises(MinisealError) as error:
            store.resolve(ABSENT.digest)

        assert error.value.code == "content-missing"

    def test_malformed_digest_does_not_resolve(self, store: LayoutStore) -> None:
        store.put(b"content", "text/plain")

        with pytest.raises(MinisealError) as error:
            store.resolve("sha256:../../etc")

        assert error.value.code == "digest-malformed"

    def test_stray_files_are_swept_after_an_hour(
        self, path: Path, store: LayoutStore, manifest: Make
    ) -> None:
        store.put(b"content", "text/plain")
        strays = [path / ".miniseal-1", path / "blobs" / "sha256" / ".miniseal-2"]
        for stray in strays:
            stray.touch()
        written = strays[0].stat().st_mtime

        LayoutStore(path, clock=lambda: written + 3500).put_manifest(manifest(b"early"))
        early = [stray.exists() for stray in strays]
        LayoutStore(path, clock=lambda: written + 3700).put_manifest(manifest(b"late"))

        assert early == [True, True]
        assert [stray.exists() for stray in strays] == [False, False]


class TestTags:
    def test_tag_takes_the_place_of_the_entry_without_a_name(
        self, store: LayoutStore, manifest: Make, entries: Entries
    ) -> None:
        descriptor = store.put_manifest(manifest())
        store.tag("1.0.0", descriptor)

        assert [entry["annotations"] for entry in entries()] == [{REF_NAME: "1.0.0"}]
        assert store.resolve("1.0.0") == descriptor
        assert store.tags() == {"1.0.0": descriptor}

    def test_several_tags_are_several_entries(
        self, store: LayoutStore, manifest: Make, entries: Entries
    ) -> None:
        descriptor = store.put_manifest(manifest())
        store.tag("1.0.0", descriptor)
        store.tag("latest", descriptor)

        assert len(entries()) == 2
        assert store.tags() == {"1.0.0": descriptor, "latest": descriptor}

    def test_same_tag_again_is_success_and_writes_nothing(
        self, path: Path, store: LayoutStore, manifest: Make
    ) -> None:
        descriptor = store.put_manifest(manifest())
        store.tag("1.0.0", descriptor)
        before = (path / "index.json").stat().st_ino
        store.tag("1.0.0", descriptor)

        assert (path / "index.json").stat().st_ino == before

    def test_tag_of_other_content_is_refused(self, store: LayoutStore, manifest: Make) -> None:
        first = store.put_manifest(manifest(b"one"))
        second = store.put_manifest(manifest(b"two"))
        store.tag("1.0.0", first)

        with pytest.raises(MinisealError) as error:
            store.tag("1.0.0", second)

        assert error.value.code == "tag-exists"
        assert store.resolve("1.0.0") == first

    def test_force_moves_a_tag_and_keeps_what_it_named(
        self, store: LayoutStore, manifest: Make, entries: Entries
    ) -> None:
        first = store.put_manifest(manifest(b"one"))
        second = store.put_manifest(manifest(b"two"))
        store.tag("1.0.0", first)
        store.tag("1.0.0", second, force=True)

        assert store.resolve("1.0.0") == second
        assert store.resolve(first.digest) == first
        assert len(entries()) == 2

    @pytest.mark.parametrize("name", ["", "a/b", "a b", "-a", "é", "a" * 129, "sha256-" + "0" * 64])
    def test_name_that_is_no_tag_is_refused(
        self, store: LayoutStore, manifest: Make, name: str
    ) -> None:
        descriptor = store.put_manifest(manifest())

        with pytest.raises(MinisealError) as error:
            store.tag(name, descriptor)

        assert error.value.code == "tag-refused"

    def test_blob_is_not_tagged(self, store: LayoutStore) -> None:
        descriptor = store.put(b"content", "text/plain")

        with pytest.raises(MinisealError) as error:
            store.tag("1.0.0", descriptor)

        assert error.value.code == "tag-refused"

    def test_missing_manifest_is_not_tagged(self, store: LayoutStore, manifest: Make) -> None:
        store.put(b"content", "text/plain")

        with pytest.raises(MinisealError) as error:
            store.tag("1.0.0", Descriptor.of(manifest(), MANIFEST_TYPE))

        assert error.value.code == "content-missing"

    def test_damaged_manifest_is_not_tagged(
        self, store: LayoutStore, manifest: Make, blob: Where
    ) -> None:
        descriptor = store.put_manifest(manifest())
        blob(descriptor).write_bytes(b"x" * descriptor.size)

        with pytest.raises(MinisealError) as error:
            store.tag("1.0.0", descriptor)

        assert error.value.code == "digest-mismatch"
        assert store.tags() == {}

    @pytest.mark.parametrize("name", ["2.0.0", "sha256-" + "0" * 64, "../etc", ""])
    def test_unknown_tag_does_not_resolve(
        self, store: LayoutStore, manifest: Make, name: str
    ) -> None:
        store.tag("1.0.0", store.put_manifest(manifest()))

        with pytest.raises(MinisealError) as error:
            store.resolve(name)

        assert error.value.code == "content-missing"

    def test_foreign_members_of_entries_survive(
        self, path: Path, store: LayoutStore, manifest: Make, entries: Entries
    ) -> None:
        descriptor = store.put_manifest(manifest(b"theirs"))
        platform = {"os": "wasip1", "architecture": "wasm"}
        theirs = {**descriptor.to_json(), "platform": platform, "urls": ["https://x.example"]}
        document = {"schemaVersion": 2, "manifests": [theirs], "org.example": {"a": 1.5}}
        (path / "index.json").write_text(json.dumps(document))
        store.tag("1.0.0", descriptor)
        store.put_manifest(manifest(b"ours"))

        assert [entry.get("platform") for entry in entries()] == [None, platform]
        assert json.loads((path / "index.json").read_bytes())["org.example"] == {"a": 1.5}

    def test_thousands_of_tags(self, path: Path, store: LayoutStore, manifest: Make) -> None:
        descriptor = store.put_manifest(manifest())
        tagged = [
            {**descriptor.to_json(), "annotations": {REF_NAME: f"1.0.{number}"}}
            for number in range(5000)
        ]
        document = {"schemaVersion": 2, "manifests": tagged}
        (path / "index.json").write_text(json.dumps(document))

        assert store.resolve("1.0.4999") == descriptor
        assert len(store.tags()) == 5000

    def test_thousands_of_releases_with_their_evidence_are_read(
        self, path: Path, store: LayoutStore, manifest: Make
    ) -> None:
        descriptor = store.put_manifest(manifest())
        names = [f"{number:064x}" for number in range(20_000)]
        listed = [
            {**descriptor.to_json(), "annotations": {REF_NAME: f"sha256-{name}"}} for name in names
        ]
        document = {"schemaVersion": 2, "manifests": listed}
        (path / "index.json").write_text(json.dumps(document))
        assert (path / "index.json").stat().st_size > MANIFEST_LIMIT

        store.tag("1.0.0", descriptor)

        assert store.resolve("1.0.0") == descriptor

    def test_full_index_json_is_not_made_unreadable(
        self, path: Path, store: LayoutStore, manifest: Make
    ) -> None:
        descriptor = store.put_manifest(manifest())
        document: dict[str, object] = {"schemaVersion": 2, "manifests": []}
        document |= {"x": "y" * (INDEX_LIMIT - 100)}
        (path / "index.json").write_text(json.dumps(document))

        with pytest.raises(MinisealError, match="full") as error:
            store.tag("1.0.0", descriptor)

        assert error.value.code == "too-large"
        assert store.tags() == {}


def test_content_is_streamed_from_one_layout_to_another(tmp_path: Path) -> None:
    source, target = LayoutStore(tmp_path / "from"), LayoutStore(tmp_path / "to")
    data = bytes(range(256)) * 4000
    descriptor = source.put(data, "application/wasm")

    target.put_stream(descriptor, lambda: source.stream(descriptor))

    assert target.read(descriptor, limit=len(data)) == data


def test_content_that_is_there_is_not_asked_for(tmp_path: Path) -> None:
    store = LayoutStore(tmp_path / "layout")
    descriptor = store.put(b"content", "text/plain")

    def never() -> AbstractContextManager[Iterator[bytes]]:
        pytest.fail("asked for it")

    store.put_stream(descriptor, never)


def test_damaged_content_is_not_streamed_to_its_end(path: Path) -> None:
    store = LayoutStore(path)
    descriptor = store.put(b"content", "text/plain")
    (path / "blobs/sha256" / descriptor.digest.removeprefix("sha256:")).write_bytes(b"CONTENT")

    with pytest.raises(MinisealError) as error, store.stream(descriptor) as chunks:
        list(chunks)

    assert error.value.code == "digest-mismatch"


def test_nothing_stays_of_a_wrong_stream(path: Path) -> None:
    store = LayoutStore(path)
    right = store.put(b"right", "text/plain")
    wrong = Descriptor.of(b"wanted", "text/plain")
    before = files(path)

    @contextmanager
    def content() -> Generator[Iterator[bytes]]:
        yield iter((b"wan", b"tEd"))

    with pytest.raises(MinisealError) as error:
        store.put_stream(wrong, content)

    assert error.value.code == "digest-mismatch"
    assert files(path) == before
    assert store.has(right)


def test_streaming_what_is_not_there_says_so(path: Path) -> None:
    store = LayoutStore(path)
    store.put(b"right", "text/plain")

    with pytest.raises(MinisealError) as error, store.stream(ABSENT):
        pytest.fail("there it is")

    assert error.value.code == "content-missing"
