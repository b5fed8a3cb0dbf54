"""Blobs that reach the disk in groups: none has its name before its content is there."""

import os
from collections.abc import Callable, Iterator
from contextlib import nullcontext
from pathlib import Path

import pytest

from miniseal.formats.errors import MinisealError
from miniseal.formats.oci import EMPTY_CONFIG, EMPTY_CONFIG_TYPE, Descriptor, Manifest
from miniseal.registry import LayoutStore
from miniseal.registry.files import TEMPORARY, Folder
from miniseal.registry.pending import Pending
from miniseal.registry.store import Content

Naming = Callable[[LayoutStore, Descriptor], None]

BLOBS = [f"blob {number}".encode() for number in range(10)]


def content(data: bytes) -> Content:
    return lambda: nullcontext(iter([data]))


def put(store: LayoutStore, data: bytes) -> Descriptor:
    descriptor = Descriptor.of(data, "text/plain")
    store.put_stream(descriptor, content(data))
    return descriptor


def manifest(*layers: Descriptor) -> bytes:
    config = Descriptor.of(EMPTY_CONFIG, EMPTY_CONFIG_TYPE)
    return Manifest(config=config, layers=layers).to_bytes()


def name_manifest(store: LayoutStore, layer: Descriptor) -> None:
    store.put_manifest(manifest(layer))


def name_tag(store: LayoutStore, _: Descriptor) -> None:
    store.tag("2", store.resolve("1"))


def placed(folder: Path) -> set[str]:
    return {file.name for file in folder.iterdir() if not file.name.startswith(TEMPORARY)}


def blobs(path: Path) -> set[str]:
    return placed(path / "blobs" / "sha256")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    store = LayoutStore(tmp_path / "layout")
    store.put(EMPTY_CONFIG, EMPTY_CONFIG_TYPE)
    return tmp_path / "layout"


class TestPending:
    def test_a_file_is_at_its_place_when_it_is_settled(self, tmp_path: Path) -> None:
        with Folder(str(tmp_path)) as folder:
            pending = Pending(folder)
            pending.put("a", [b"one", b"two"])
            before = placed(tmp_path), pending.size("a")
            pending.settle()

            assert before == (set(), 6)
            assert (tmp_path / "a").read_bytes() == b"onetwo"
            assert pending.size("a") is None

    def test_many_files_do_not_wait(self, tmp_path: Path) -> None:
        with Folder(str(tmp_path)) as folder:
            pending = Pending(folder)
            for number in range(130):
                pending.put(str(number), [b"x"])
            after = len(placed(tmp_path))
            pending.settle()

        assert after == 128
        assert len(os.listdir(tmp_path)) == 130  # noqa: PTH208 - hidden files too

    def test_many_bytes_do_not_wait(self, tmp_path: Path) -> None:
        with Folder(str(tmp_path)) as folder:
            Pending(folder).put("a", [bytes(1024 * 1024)] * 64)

            assert placed(tmp_path) == {"a"}

    def test_nothing_waits_for_long_while_something_is_written(self, tmp_path: Path) -> None:
        now = 0.0
        seen: list[set[str]] = []

        def slow() -> Iterator[bytes]:
            nonlocal now
            for _ in range(3):
                now += 4
                yield b"x"
                seen.append(placed(tmp_path))

        with Folder(str(tmp_path)) as folder:
            pending = Pending(folder, clock=lambda: now)
            pending.put("first", [b"x"])
            pending.put("slow", slow())
            pending.settle()

        assert seen == [set(), {"first"}, {"first"}]
        assert placed(tmp_path) == {"first", "slow"}

    def test_the_same_file_twice_is_one(self, tmp_path: Path) -> None:
        with Folder(str(tmp_path)) as folder:
            pending = Pending(folder)
            pending.put("a", [b"x"])
            pending.put("a", [b"x"])
            pending.settle()

        assert os.listdir(tmp_path) == ["a"]  # noqa: PTH208 - hidden files too

    def test_a_failure_is_told_again_to_whoever_names_something(self, tmp_path: Path) -> None:
        (tmp_path / "a").mkdir()
        before = len(os.listdir("/proc/self/fd"))  # noqa: PTH208 - of this process
        with Folder(str(tmp_path)) as folder:
            pending = Pending(folder)
            for name in ("b", "a"):
                pending.put(name, [b"x"])
            for _ in range(2):
                with pytest.raises(MinisealError) as error:
                    pending.settle()
                assert error.value.code == "storage-failed"
                pending.put("c", [b"x"])
            with pytest.raises(MinisealError):
                pending.settle()

        assert not list(tmp_path.glob(f"{TEMPORARY}*"))
        assert len(os.listdir("/proc/self/fd")) == before  # noqa: PTH208 - as above


class TestBatch:
    def test_blobs_are_at_their_places_before_what_names_them(self, path: Path) -> None:
        store = LayoutStore(path)
        with store.batch():
            layer = put(store, b"layer")
            before = blobs(path)
            package = store.put_manifest(manifest(layer))
            after = blobs(path)

        assert layer.digest.removeprefix("sha256:") not in before
        assert {each.digest.removeprefix("sha256:") for each in (layer, package)} <= after

    def test_everything_is_synced_before_it_is_named(
        self, path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        synced: set[int] = set()
        named: list[tuple[str, bool]] = []
        sync, rename = os.fsync, os.rename

        def note_sync(fd: int) -> None:
            sync(fd)
            synced.add(os.fstat(fd).st_ino)

        def note_rename(old: str, new: str, *, src_dir_fd: int, dst_dir_fd: int) -> None:
            number = os.stat(old, dir_fd=src_dir_fd).st_ino
            waiting = {each.stat().st_ino for each in (path / "blobs/sha256").glob(f"{TEMPORARY}*")}
            others = waiting - {number} if new == "index.json" else waiting
            named.append((new, number in synced and others <= synced))
            rename(old, new, src_dir_fd=src_dir_fd, dst_dir_fd=dst_dir_fd)

        monkeypatch.setattr(os, "fsync", note_sync)
        monkeypatch.setattr(os, "rename", note_rename)
        store = LayoutStore(path)
        with store.batch():
            layers = [put(store, data) for data in BLOBS]
            store.tag("1", store.put_manifest(manifest(*layers)))

        assert len(named) == 10 + 1 + 2
        assert all(ready for _, ready in named)
        assert [name for name, _ in named].index("index.json") == 11
        assert (path / "blobs" / "sha256").stat().st_ino in synced

    def test_what_waits_is_there_for_the_store(self, path: Path) -> None:
        store = LayoutStore(path)
        with store.batch():
            layer = put(store, b"layer")
            assert store.has(layer)
            assert not LayoutStore(path).has(layer)
            assert store.read(layer, limit=10) == b"layer"
            assert LayoutStore(path).has(layer)

    def test_what_is_whole_stays_after_an_error(self, path: Path) -> None:
        store = LayoutStore(path)
        layer, wrong = (Descriptor.of(data, "text/plain") for data in (b"layer", b"right"))

        def both() -> None:
            with store.batch():
                put(store, b"layer")
                store.put_stream(wrong, content(b"wrong"))

        with pytest.raises(MinisealError) as error:
            both()

        assert error.value.code == "digest-mismatch"
        assert LayoutStore(path).has(layer)
        assert not LayoutStore(path).has(wrong)
        assert not list((path / "blobs" / "sha256").glob(f"{TEMPORARY}*"))

    def test_a_layout_is_made_within_a_batch(self, tmp_path: Path) -> None:
        store = LayoutStore(tmp_path / "new")
        with store.batch(), store.batch():
            assert not store.has(Descriptor.of(b"layer", "text/plain"))
            layer = put(store, b"layer")
            store.tag("1", store.put_manifest(manifest(layer)))

        assert LayoutStore(tmp_path / "new").read(layer, limit=10) == b"layer"

    @pytest.mark.parametrize("write", [name_manifest, name_tag])
    def test_nothing_is_named_after_a_failure(
        self, path: Path, monkeypatch: pytest.MonkeyPatch, write: Naming
    ) -> None:
        store = LayoutStore(path)
        store.tag("1", store.put_manifest(manifest()))
        index = (path / "index.json").read_bytes()
        layer = Descriptor.of(b"layer", "text/plain")

        def full(_: int) -> None:
            raise OSError(28, "No space left on device")

        def again_and_again() -> None:
            with store.batch():
                put(store, b"layer")
                monkeypatch.setattr(os, "fsync", full)
                with pytest.raises(MinisealError):
                    write(store, layer)
                monkeypatch.undo()
                write(store, layer)

        with pytest.raises(MinisealError) as error:
            again_and_again()

        assert error.value.code == "storage-failed"
        assert (path / "index.json").read_bytes() == index
        assert not LayoutStore(path).has(layer)
