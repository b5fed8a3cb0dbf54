"""Copies between stores: complete, in order, not twice, and never half of something under a tag."""

import threading
from collections.abc import Callable, Generator, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from miniseal.formats.errors import MinisealError
from miniseal.formats.oci import (
    EMPTY_CONFIG,
    EMPTY_CONFIG_TYPE,
    MANIFEST_LIMIT,
    Descriptor,
    Index,
    Manifest,
)
from miniseal.registry import LayoutStore, Store, attach
from miniseal.registry.archive import ArchiveStore
from miniseal.registry.copy import Copied, Root, copy
from miniseal.registry.graph import walk

PREDICATE = "https://slsa.dev/provenance/v1"
BLOB = Descriptor.of(b"wasm 0", "application/wasm")


def manifest(store: Store, *contents: bytes) -> Descriptor:
    """A manifest whose layers are these."""
    config = store.put(EMPTY_CONFIG, EMPTY_CONFIG_TYPE)
    layers = tuple(store.put(content, "application/wasm") for content in contents)
    return store.put_manifest(Manifest(config=config, layers=layers).to_bytes())


def publish(store: Store) -> Descriptor:
    """An index of two manifests under the tag `1.0.0`; all have evidence, which has some too."""
    parts = tuple(manifest(store, f"wasm {number}".encode()) for number in range(2))
    index = store.put_manifest(
        Index(manifests=parts).to_bytes(), "application/vnd.oci.image.index.v1+json"
    )
    for number, subject in enumerate((*parts, index)):
        for kind in ("a", "b"):
            evidence = attach(store, subject, f"{kind} of {number}".encode(), PREDICATE)
        attach(store, evidence, f"about {number}".encode(), PREDICATE)
    store.tag("1.0.0", index)
    return index


@pytest.fixture
def source(tmp_path: Path) -> LayoutStore:
    store = LayoutStore(tmp_path / "source")
    publish(store)
    return store


@pytest.fixture
def target(tmp_path: Path) -> LayoutStore:
    return LayoutStore(tmp_path / "target")


def run(source: Store, target: Store, name: str = "1.0.0", **options: Any) -> Copied:
    tags = options.pop("tags", (name,))
    return copy(source, target, [Root(descriptor=source.resolve(name), tags=tags)], **options)


def everything(store: Store) -> dict[str, bytes]:
    """All that is reached from the tags, by digest."""
    graph = walk(store, store.tags().values())
    nodes = (node.descriptor for node in graph.nodes.values())
    return {each.digest: store.read(each, limit=MANIFEST_LIMIT) for each in (*nodes, *graph.blobs)}


class Wrapped:
    """A store that does what another does, but for what is given."""

    def __init__(self, store: Store, **instead: Callable[..., Any]) -> None:
        self.store = store
        self.__dict__.update(instead)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.store, name)


STORES = {
    "layout": lambda folder: LayoutStore(folder / "layout"),
    "archive": lambda folder: ArchiveStore(folder / "archive.tar"),
}


class TestCompleteness:
    @pytest.mark.parametrize("there", STORES)
    @pytest.mark.parametrize("here", STORES)
    def test_all_that_belongs_to_it_comes_along(
        self, tmp_path: Path, here: str, there: str
    ) -> None:
        folders = (tmp_path / "here", tmp_path / "there")
        for folder in folders:
            folder.mkdir()
        source, target = STORES[here](folders[0]), STORES[there](folders[1])
        publish(source)

        done = run(source, target)
        assert everything(target) == everything(source)
        # index and two parts; two bundles for each, and one about one of these
        assert (done.manifests, done.referrers) == (3 + 9, 9)
        # config, two contents, nine bundles
        assert done.blobs == 12
        assert done.sent == done.size
        assert done.tags == ("1.0.0",)

    def test_referrers_may_stay_behind(self, source: LayoutStore, target: LayoutStore) -> None:
        done = run(source, target, referrers=False)

        assert (done.manifests, done.referrers) == (3, 0)
        assert target.referrers(target.resolve("1.0.0")) == ()

    def test_a_referrer_alone_is_copied_too(self, source: LayoutStore, target: LayoutStore) -> None:
        subject = source.resolve("1.0.0")
        evidence = source.referrers(subject)[0]

        run(source, target, evidence.digest, tags=())
        assert [each.digest for each in target.referrers(subject)] == [evidence.digest]
        assert target.tags() == {}

    def test_several_tags_name_one_copy(self, source: LayoutStore, target: LayoutStore) -> None:
        run(source, target, tags=("1", "latest"))

        assert sorted(target.tags()) == ["1", "latest"]

    def test_a_store_may_be_copied_into_itself(self, source: LayoutStore) -> None:
        done = run(source, source, tags=("again",))

        assert done.sent == 0
        assert sorted(source.tags()) == ["1.0.0", "again"]

    def test_archives_of_one_content_are_equal(self, source: LayoutStore, tmp_path: Path) -> None:
        layout = LayoutStore(tmp_path / "layout")
        run(source, layout, parallel=1)
        for number, store in enumerate((source, layout)):
            run(store, ArchiveStore(tmp_path / f"{number}.tar"), parallel=1 + 7 * number)

        assert (tmp_path / "0.tar").read_bytes() == (tmp_path / "1.tar").read_bytes()

    def test_a_long_chain_of_referrers_is_copied(self, tmp_path: Path, target: LayoutStore) -> None:
        store = ArchiveStore(tmp_path / "chain.tar")
        with store.batch():
            last = first = manifest(store, b"first")
            for number in range(40):
                last = attach(store, last, b"%d" % number, PREDICATE)
            store.tag("chain", first)

        done = run(store, target, "chain")
        assert done.referrers == 40
        assert target.has(last)


class TestAgain:
    def test_nothing_is_sent_twice(self, source: LayoutStore, target: LayoutStore) -> None:
        run(source, target)

        done = run(source, target)
        assert done.sent == 0
        assert done.size > 0

    def test_a_copy_that_was_cut_off_goes_on(
        self, source: LayoutStore, target: LayoutStore
    ) -> None:
        streamed: list[str] = []

        def stream(descriptor: Descriptor) -> AbstractContextManager[Iterator[bytes]]:
            streamed.append(descriptor.digest)
            if len(streamed) == 6:
                raise KeyboardInterrupt
            return source.stream(descriptor)

        with pytest.raises(KeyboardInterrupt):
            run(Wrapped(source, stream=stream), target, parallel=1)
        assert target.tags() == {}
        before = streamed[:5]
        streamed.clear()
        streamed += ["skip"] * 10
        done = run(Wrapped(source, stream=stream), target, parallel=1)
        assert set(before).isdisjoint(streamed)
        assert 0 < done.sent < done.size
        assert everything(target) == everything(source)

    def test_evidence_whose_list_was_lost_is_listed_again(
        self, source: LayoutStore, target: LayoutStore, tmp_path: Path
    ) -> None:
        run(source, target)
        subject = target.resolve("1.0.0")
        index = tmp_path / "target" / "index.json"
        index.write_text(index.read_text().replace(f"sha256-{subject.digest[7:]}", "lost"))
        assert target.referrers(subject) == ()

        run(source, target)
        assert target.referrers(subject) == source.referrers(subject)

    def test_damaged_content_is_replaced(
        self, source: LayoutStore, target: LayoutStore, tmp_path: Path
    ) -> None:
        run(source, target)
        blob = tmp_path / "target" / "blobs" / "sha256" / BLOB.digest[7:]
        blob.write_bytes(b"WASM 0")

        run(source, target)
        assert blob.read_bytes() == b"wasm 0"


class TestTags:
    def test_a_tag_that_names_other_content_is_refused_before_anything_is_sent(
        self, source: LayoutStore, target: LayoutStore
    ) -> None:
        target.tag("1.0.0", manifest(target, b"other"))

        with pytest.raises(MinisealError) as error:
            run(source, target)
        assert error.value.code == "tag-exists"
        assert not target.has(BLOB)

    def test_a_tag_moves_if_it_is_told_to(self, source: LayoutStore, target: LayoutStore) -> None:
        target.tag("1.0.0", manifest(target, b"other"))

        run(source, target, force=True)
        assert target.resolve("1.0.0").digest == source.resolve("1.0.0").digest

    def test_a_name_that_is_no_tag_is_refused(
        self, source: LayoutStore, target: LayoutStore
    ) -> None:
        with pytest.raises(MinisealError) as error:
            run(source, target, tags=("sha256-" + "0" * 64,))

        assert error.value.code == "tag-refused"
        assert not target.has(BLOB)

    def test_parts_come_before_wholes_subjects_before_evidence_and_tags_last(
        self, source: LayoutStore, target: LayoutStore
    ) -> None:
        order: list[str] = []

        def put_manifest(data: bytes, media_type: str) -> Descriptor:
            done = target.put_manifest(data, media_type)
            order.append(done.digest)
            return done

        def tag(name: str, descriptor: Descriptor, *, force: bool) -> None:
            order.append(name)
            target.tag(name, descriptor, force=force)

        run(source, Wrapped(target, put_manifest=put_manifest, tag=tag))
        place = {digest: at for at, digest in enumerate(order)}
        index = source.resolve("1.0.0")
        parts = Index.from_bytes(source.read(index, limit=MANIFEST_LIMIT)).manifests
        assert all(place[part.digest] < place[index.digest] for part in parts)
        assert all(place[each.digest] > place[index.digest] for each in source.referrers(index))
        assert order[-1] == "1.0.0"


class TestSources:
    def test_damaged_content_is_not_copied(
        self, source: LayoutStore, target: LayoutStore, tmp_path: Path
    ) -> None:
        (tmp_path / "source" / "blobs" / "sha256" / BLOB.digest[7:]).write_bytes(b"WASM 0")

        with pytest.raises(MinisealError) as error:
            run(source, target)
        assert error.value.code == "digest-mismatch"
        assert target.tags() == {}
        assert not target.has(BLOB)

    def test_a_source_that_streams_something_else_is_not_believed(
        self, source: LayoutStore, target: LayoutStore
    ) -> None:
        @contextmanager
        def stream(descriptor: Descriptor) -> Generator[Iterator[bytes]]:
            del descriptor
            yield iter([b"x" * 6])

        with pytest.raises(MinisealError) as error:
            run(Wrapped(source, stream=stream), target)
        assert error.value.code == "digest-mismatch"
        assert not target.has(BLOB)

    def test_missing_content_ends_it(
        self, source: LayoutStore, target: LayoutStore, tmp_path: Path
    ) -> None:
        (tmp_path / "source" / "blobs" / "sha256" / BLOB.digest[7:]).unlink()

        with pytest.raises(MinisealError) as error:
            run(source, target)
        assert error.value.code == "content-missing"
        assert target.tags() == {}

    def test_an_archive_stays_as_it_was_when_its_source_fails(
        self, source: LayoutStore, tmp_path: Path
    ) -> None:
        archive = tmp_path / "out" / "archive.tar"
        (tmp_path / "source" / "blobs" / "sha256" / BLOB.digest[7:]).unlink()

        with pytest.raises(MinisealError):
            run(source, ArchiveStore(archive))
        assert not archive.parent.exists() or list(archive.parent.iterdir()) == []

    def test_an_index_of_something_else_is_refused(
        self, source: LayoutStore, target: LayoutStore
    ) -> None:
        blob = source.put(b"{}", "application/vnd.docker.distribution.manifest.v2+json")
        index = source.put_manifest(
            Index(manifests=(blob,)).to_bytes(), "application/vnd.oci.image.index.v1+json"
        )

        with pytest.raises(MinisealError) as error:
            run(source, target, index.digest, tags=())
        assert error.value.code == "oci-malformed"

    def test_a_flood_of_referrers_is_refused(self, source: LayoutStore) -> None:
        with pytest.raises(MinisealError) as error:
            walk(source, source.tags().values(), most=11)

        assert error.value.code == "graph-limit"
        assert len(walk(source, source.tags().values(), most=12).nodes) == 12


class TestTargetsThatLoseWrites:
    def test_a_blob(self, source: LayoutStore, target: LayoutStore) -> None:
        def has(descriptor: Descriptor) -> bool:
            return descriptor.digest != BLOB.digest and target.has(descriptor)

        with pytest.raises(MinisealError) as error:
            run(source, Wrapped(target, has=has))
        assert error.value.code == "copy-incomplete"
        assert target.tags() == {}

    def test_a_manifest(self, source: LayoutStore, target: LayoutStore) -> None:
        def put_manifest(data: bytes, media_type: str) -> Descriptor:
            return Descriptor.of(data, media_type)

        target.put(b"there", "text/plain")
        with pytest.raises(MinisealError) as error:
            run(source, Wrapped(target, put_manifest=put_manifest))
        assert error.value.code == "copy-incomplete"
        assert target.tags() == {}

    def test_an_entry_in_a_list(self, source: LayoutStore, target: LayoutStore) -> None:
        def referrers(subject: Descriptor) -> tuple[Descriptor, ...]:
            return target.referrers(subject)[:-1]

        with pytest.raises(MinisealError, match="list") as error:
            run(source, Wrapped(target, referrers=referrers))
        assert error.value.code == "copy-incomplete"
        assert target.tags() == {}


class TestThreads:
    def test_no_more_is_sent_at_a_time_than_allowed(
        self, source: LayoutStore, target: LayoutStore
    ) -> None:
        lock = threading.Lock()
        now = most = 0

        @contextmanager
        def stream(descriptor: Descriptor) -> Generator[Iterator[bytes]]:
            nonlocal now, most
            with lock:
                now += 1
                most = max(most, now)
            with source.stream(descriptor) as chunks:
                yield chunks
            with lock:
                now -= 1

        run(Wrapped(source, stream=stream), target, parallel=3)
        assert 1 <= most <= 3

    def test_an_error_ends_what_is_under_way(self, target: LayoutStore) -> None:
        endless = replace(BLOB, size=2**50)
        under_way = threading.Event()
        store = LayoutStore("unused")
        data = Manifest(
            config=Descriptor.of(b"never", EMPTY_CONFIG_TYPE), layers=(endless,)
        ).to_bytes()

        def forever() -> Iterator[bytes]:
            while True:
                under_way.set()
                yield b"x" * 1000

        @contextmanager
        def stream(descriptor: Descriptor) -> Generator[Iterator[bytes]]:
            if descriptor == endless:
                yield forever()
            under_way.wait()
            raise ZeroDivisionError

        lying = Wrapped(
            store,
            stream=stream,
            read=lambda *_, **__: data,
            referrers=lambda _: (),
        )
        described = Descriptor.of(data, "application/vnd.oci.image.manifest.v1+json")
        with pytest.raises(ZeroDivisionError):
            copy(lying, target, [Root(descriptor=described, tags=("x",))])
        assert not target.has(BLOB)


def test_a_watcher_is_told_all_of_it(source: LayoutStore, target: LayoutStore) -> None:
    told: dict[str, list[int]] = {}
    totals: dict[str, int | None] = {}

    class Watcher:
        @contextmanager
        def stage(self, name: str, total: int | None) -> Generator[Callable[[int], None]]:
            totals[name] = total
            told[name] = []
            yield told[name].append

    done = run(source, target, watch=Watcher())
    assert list(told) == ["find", "blobs", "manifests", "check", "tag"]
    assert sum(told["find"]) == done.manifests
    assert sum(told["blobs"]) == totals["blobs"] == done.size
    assert sum(told["manifests"]) == totals["manifests"] == done.manifests
    assert sum(told["tag"]) == totals["tag"] == 1


def test_a_watcher_is_told_of_what_was_there_too(source: LayoutStore, target: LayoutStore) -> None:
    run(source, target)
    told: list[int] = []

    class Watcher:
        @contextmanager
        def stage(self, name: str, total: int | None) -> Generator[Callable[[int], None]]:
            del total
            yield told.append if name == "blobs" else lambda _: None

    done = run(source, target, watch=Watcher())
    assert sum(told) == done.size
