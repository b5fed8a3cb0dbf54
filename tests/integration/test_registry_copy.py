"""Copies between registries, layouts and archives, by a small registry that may lie."""

import json
import re
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from kit.evilregistry import Asked, EvilRegistry, store_at
from kit.hostile import call_miniseal
from kit.terminal import Screen, run_in_terminal
from miniseal.formats.errors import MinisealError
from miniseal.formats.oci import (
    DOCKER_INDEX_TYPE,
    DOCKER_MANIFEST_TYPE,
    EMPTY_CONFIG,
    EMPTY_CONFIG_TYPE,
    INDEX_TYPE,
    MANIFEST_LIMIT,
    Descriptor,
    Index,
    Manifest,
)
from miniseal.pipeline.printable import size
from miniseal.registry import LayoutStore, Store, attach
from miniseal.registry.archive import ArchiveStore
from miniseal.registry.copy import Copied, Root, copy
from miniseal.registry.graph import walk

PREDICATE = "https://slsa.dev/provenance/v1"
TAG = "1.0.0"


@pytest.fixture(params=[True, False], ids=["api", "fallback-tag"])
def registry(request: pytest.FixtureRequest) -> Iterator[EvilRegistry]:
    with EvilRegistry(referrers=request.param) as running:
        yield running


@pytest.fixture
def source(tmp_path: Path) -> LayoutStore:
    """An index of two manifests; all have evidence, which has some too."""
    store = LayoutStore(tmp_path / "source")
    config = store.put(EMPTY_CONFIG, EMPTY_CONFIG_TYPE)
    parts = []
    for number in range(2):
        layer = store.put(b"wasm %d" % number * 100_000, "application/wasm")
        parts.append(store.put_manifest(Manifest(config=config, layers=(layer,)).to_bytes()))
    index = store.put_manifest(Index(manifests=tuple(parts)).to_bytes(), INDEX_TYPE)
    for number, subject in enumerate(parts):
        for kind in (b"a", b"b"):
            evidence = attach(store, subject, b"%b of %d" % (kind, number), PREDICATE)
        attach(store, evidence, b"about %d" % number, PREDICATE)
    store.tag(TAG, index)
    return store


def run(source: Store, target: Store, **options: Any) -> Copied:
    return copy(source, target, [Root(descriptor=source.resolve(TAG), tags=(TAG,))], **options)


def everything(store: Store) -> dict[str, bytes]:
    graph = walk(store, [store.resolve(TAG)])
    nodes = (node.descriptor for node in graph.nodes.values())
    return {each.digest: store.read(each, limit=MANIFEST_LIMIT) for each in (*nodes, *graph.blobs)}


def uploads(registry: EvilRegistry, repository: str) -> list[str]:
    """Sessions that were begun to put blobs there."""
    return [
        seen.path
        for seen in registry.seen
        if seen.method == "POST" and f"/{repository}/blobs/uploads/" in seen.path
    ]


def test_all_goes_there_and_back(
    registry: EvilRegistry, source: LayoutStore, tmp_path: Path
) -> None:
    there, archive = (
        store_at(registry.host, repository="acme/tip"),
        ArchiveStore(tmp_path / "back.tar"),
    )
    direct = ArchiveStore(tmp_path / "direct.tar")

    sent, fetched = run(source, there), run(there, archive)
    run(source, direct)
    assert everything(there) == everything(source)
    assert (sent.manifests, sent.referrers) == (fetched.manifests, fetched.referrers) == (9, 6)
    assert (tmp_path / "back.tar").read_bytes() == (tmp_path / "direct.tar").read_bytes()


def test_an_image_of_dockers_is_copied_as_it_is(registry: EvilRegistry, tmp_path: Path) -> None:
    there, layout = store_at(registry.host), LayoutStore(tmp_path / "layout")
    archive = ArchiveStore(tmp_path / "a.tar")
    config = layout.put(b'{"os":"linux"}', "application/vnd.docker.container.image.v1+json")
    layer = layout.put(b"layer", "application/vnd.docker.image.rootfs.diff.tar.gzip")
    subject = layout.put_manifest(Manifest(config=config, layers=()).to_bytes())
    plain = Manifest(config=config, layers=(layer,), subject=subject).to_bytes()
    image = layout.put_manifest(of_docker(plain, DOCKER_MANIFEST_TYPE), DOCKER_MANIFEST_TYPE)
    plain = Index(manifests=(image,)).to_bytes()
    index = layout.put_manifest(of_docker(plain, DOCKER_INDEX_TYPE), DOCKER_INDEX_TYPE)
    layout.tag(TAG, index)

    run(layout, there)
    run(there, archive)

    for store in (layout, there, archive):
        assert store.resolve(TAG).media_type == DOCKER_INDEX_TYPE
        assert store.resolve(image.digest).media_type == DOCKER_MANIFEST_TYPE
        assert everything(store) == everything(layout)
        assert store.repair(subject) == store.referrers(subject) == ()  # docker's have no subject
    assert len(everything(archive)) == 4


def test_an_index_may_be_attached_as_well(registry: EvilRegistry, tmp_path: Path) -> None:
    """As `regctl index create --subject` does."""
    layout, there = LayoutStore(tmp_path / "layout"), store_at(registry.host)
    config = layout.put(EMPTY_CONFIG, EMPTY_CONFIG_TYPE)
    package, part = (
        layout.put_manifest(Manifest(config=config, layers=layers).to_bytes())
        for layers in ((), (config,))
    )
    index = Index(
        manifests=(part,), subject=package, artifact_type="application/x", annotations={"a": "b"}
    )
    attached = layout.put_manifest(index.to_bytes(), INDEX_TYPE)
    note = attach(layout, attached, b"about it", PREDICATE)
    layout.tag(TAG, package)

    done = run(layout, there)
    run(there, ArchiveStore(tmp_path / "a.tar"))

    assert (done.manifests, done.referrers) == (4, 2)
    for store in (layout, there, ArchiveStore(tmp_path / "a.tar")):
        (found,) = store.referrers(package)
        assert found == attached
        assert (found.artifact_type, found.annotations) == ("application/x", {"a": "b"})
        assert [each.digest for each in store.referrers(found)] == [note.digest]
        assert store.repair(package) == (found,)
    LayoutStore(tmp_path / "layout").delete(attached.digest)
    assert layout.referrers(package) == ()


def of_docker(data: bytes, media_type: str) -> bytes:
    """A manifest or an index, as docker calls it."""
    return json.dumps({**json.loads(data), "mediaType": media_type}).encode()


def test_nothing_is_sent_twice(registry: EvilRegistry, source: LayoutStore) -> None:
    run(source, store_at(registry.host, repository="acme/tip"))
    before = len(registry.seen)

    assert run(source, store_at(registry.host, repository="acme/tip")).sent == 0
    assert {seen.method for seen in registry.seen[before:]} <= {"GET", "HEAD"}


def test_another_repository_takes_blobs_over(registry: EvilRegistry, source: LayoutStore) -> None:
    first, second = (
        store_at(registry.host, repository="acme/tip"),
        store_at(registry.host, repository="mirror/tip"),
    )
    run(source, first)
    looked: set[str] = set()

    def lacks_it_at_first(asked: Asked) -> None:
        if asked.path in looked:
            asked.honest()
        else:
            looked.add(asked.path)
            asked.reply(404)

    registry.lie("HEAD", "/mirror/tip/blobs/", lacks_it_at_first)
    before = len(registry.seen)

    done = run(first, second)
    asked = registry.seen[before:]
    assert done.sent == 0
    assert len([seen for seen in asked if "mount=sha256" in seen.path]) == done.blobs
    assert not [seen for seen in asked if seen.method == "GET" and "/blobs/" in seen.path]
    assert everything(second) == everything(source)


def test_from_one_registry_to_another(registry: EvilRegistry, source: LayoutStore) -> None:
    run(source, store_at(registry.host, repository="acme/tip"))
    with EvilRegistry(referrers=False) as other:
        run(
            store_at(registry.host, repository="acme/tip"),
            store_at(other.host, repository="mirror/tip"),
        )

        assert everything(store_at(other.host, repository="mirror/tip")) == everything(source)


def test_wrong_bytes_reach_nobody(
    registry: EvilRegistry, source: LayoutStore, tmp_path: Path
) -> None:
    run(source, store_at(registry.host, repository="acme/tip"))
    wrong = Descriptor.of(b"wasm 1" * 100_000, "application/wasm")
    registry.blobs[wrong.digest] = b"WASM 1" * 100_000
    layout, archive = LayoutStore(tmp_path / "l"), ArchiveStore(tmp_path / "out" / "a.tar")

    for target in (layout, archive):
        with pytest.raises(MinisealError) as error:
            run(store_at(registry.host, repository="acme/tip"), target)
        assert error.value.code == "digest-mismatch"
    assert layout.tags() == {}
    assert not layout.has(wrong)
    assert list((tmp_path / "out").iterdir()) == []


def test_a_registry_that_loses_blobs_gets_no_tag(
    registry: EvilRegistry, source: LayoutStore
) -> None:
    registry.swallow = True

    with pytest.raises(MinisealError) as error:
        run(source, store_at(registry.host, repository="acme/tip"))
    assert error.value.code in {"copy-incomplete", "registry-refused", "registry-malformed"}
    assert TAG not in registry.manifests


def test_a_copy_that_failed_goes_on(registry: EvilRegistry, source: LayoutStore) -> None:
    registry.lie("PUT", "/manifests/", lambda asked: asked.reply(403, b"{}"), times=1)
    with pytest.raises(MinisealError):
        run(source, store_at(registry.host, repository="acme/tip"))
    assert uploads(registry, "acme/tip")
    before = len(registry.seen)

    done = run(source, store_at(registry.host, repository="acme/tip"))
    assert done.sent == 0
    assert not any(seen.method == "POST" for seen in registry.seen[before:])
    assert everything(store_at(registry.host, repository="acme/tip")) == everything(source)


class TestCommands:
    def test_push_discover_and_pull(
        self, registry: EvilRegistry, source: LayoutStore, tmp_path: Path
    ) -> None:
        there = f"{registry.host}/acme/tip"
        here = f"oci:{tmp_path / 'source'}:{TAG}"

        pushed = call_miniseal("push", here, there, "--tag", "stable").ok()
        assert sorted(pushed["tags"]) == [TAG, "stable"]
        assert call_miniseal("discover", f"{there}:stable").ok()["subject"]["digest"] == (
            source.resolve(TAG).digest
        )
        pulled = call_miniseal(
            "pull", f"{there}:stable", f"oci-archive:{tmp_path / 'a.tar'}:{TAG}"
        ).ok()
        assert pulled["manifests"] == pushed["manifests"] == 9
        assert everything(ArchiveStore(tmp_path / "a.tar")) == everything(source)

    @pytest.mark.parametrize("registry", [True], indirect=True)
    def test_a_terminal_shows_how_far_it_is(
        self, registry: EvilRegistry, source: LayoutStore, tmp_path: Path
    ) -> None:
        there = store_at(registry.host)
        run(source, there)
        whole = walk(there, [there.resolve(TAG)]).size
        seen = threading.Event()

        def slowly(asked: Asked) -> None:
            """As long as nobody has seen a bar."""
            data = registry.blobs[asked.path.rpartition("/")[2]]
            asked.begin(200, {"Content-Length": str(len(data))})
            for start in range(0, len(data), 20_000):
                asked.send(data[start : start + 20_000])
                seen.wait(0.1)

        def look(_: int, screen: Screen) -> None:
            if re.search(rf"blobs .* \d+% +[^ ]+ KiB of {re.escape(size(whole))}", screen.text):
                seen.set()

        registry.lie("GET", "/blobs/", slowly)
        words = ("pull", f"{registry.host}/acme/tip:{TAG}", f"oci:{tmp_path / 'pulled'}")

        code, screen = run_in_terminal(
            [sys.executable, "-m", "miniseal.cli", *words], columns=100, act=look
        )

        assert code == 0
        assert seen.is_set()
        assert [line.split()[:2] for line in screen.text.splitlines()[:5]] == [
            ["✓", name] for name in ("find", "blobs", "manifests", "check", "tag")
        ]
        assert everything(LayoutStore(tmp_path / "pulled")) == everything(source)

    def test_all_tags_are_mirrored(
        self, registry: EvilRegistry, source: LayoutStore, tmp_path: Path
    ) -> None:
        there = f"{registry.host}/acme/tip"
        source.tag("stable", source.resolve(TAG))
        call_miniseal("push", f"oci:{tmp_path / 'source'}", there, "--all").ok()

        done = call_miniseal("copy", there, f"oci:{tmp_path / 'mirror'}", "--all").ok()
        assert sorted(done["tags"]) == [TAG, "stable"]
        assert everything(LayoutStore(tmp_path / "mirror")) == everything(source)

    def test_a_tag_of_other_content_is_refused(
        self, registry: EvilRegistry, source: LayoutStore, tmp_path: Path
    ) -> None:
        there = f"{registry.host}/acme/tip:{TAG}"
        call_miniseal("push", f"oci:{tmp_path / 'source'}:{TAG}", there).ok()
        part = Index.from_bytes(source.read(source.resolve(TAG), limit=MANIFEST_LIMIT)).manifests[0]
        words = ("push", f"oci:{tmp_path / 'source'}@{part.digest}", there)

        call_miniseal(*words).refused("tag-exists", 2)
        call_miniseal(*words, "--force").ok()
        assert store_at(registry.host, repository="acme/tip").resolve(TAG).digest == part.digest

    def test_lists_are_repaired(
        self, registry: EvilRegistry, source: LayoutStore, tmp_path: Path
    ) -> None:
        there = f"{registry.host}/acme/tip"
        call_miniseal("push", f"oci:{tmp_path / 'source'}:{TAG}", there).ok()
        part = Index.from_bytes(source.read(source.resolve(TAG), limit=MANIFEST_LIMIT)).manifests[0]

        done = call_miniseal("repair", f"{there}@{part.digest}").ok()
        (subject,) = [each for each in done["subjects"] if each["digest"] == part.digest]
        assert (subject["before"], subject["after"]) == (2, 2)
