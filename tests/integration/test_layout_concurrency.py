"""Many processes write to one layout at once, and nothing is lost."""

import json
import multiprocessing
from collections.abc import Callable
from pathlib import Path

from miniseal.formats.oci import EMPTY_CONFIG, EMPTY_CONFIG_TYPE, Descriptor, Manifest
from miniseal.registry import LayoutStore, attach

WRITERS = 16
SLSA = "https://slsa.dev/provenance/v1"
# A forked child would share the parent's state; a spawned one starts as a user's process does.
CONTEXT = multiprocessing.get_context("spawn")


def package(content: bytes) -> bytes:
    return Manifest(
        config=Descriptor.of(EMPTY_CONFIG, EMPTY_CONFIG_TYPE),
        layers=(Descriptor.of(content, "application/wasm"),),
    ).to_bytes()


def attach_one(path: str, subject: Descriptor, number: int) -> None:
    attach(LayoutStore(path), subject, b"bundle %d" % number, SLSA)


def publish_one(path: str, _: Descriptor, number: int) -> None:
    store = LayoutStore(path)
    store.put(b"wasm %d" % number, "application/wasm")
    manifest = store.put_manifest(package(b"wasm %d" % number))
    attach(store, manifest, b"bundle %d" % number, SLSA)
    store.tag(f"1.0.{number}", manifest)


def take_tag(path: str, _: Descriptor, number: int) -> None:
    store = LayoutStore(path)
    store.tag("1.0.0", store.put_manifest(package(b"wasm %d" % number)))


def all_at_once(
    work: Callable[[str, Descriptor, int], None], path: Path, subject: Descriptor
) -> list[int | None]:
    """The exit codes of one process for each writer."""
    processes = [
        CONTEXT.Process(target=started, args=(work, str(path), subject, number))
        for number in range(WRITERS)
    ]
    for process in processes:
        process.start()
    (path.parent / "ready").touch()
    for process in processes:
        process.join()
    return [process.exitcode for process in processes]


def started(
    work: Callable[[str, Descriptor, int], None], path: str, subject: Descriptor, number: int
) -> None:
    while not (Path(path).parent / "ready").exists():
        pass
    try:
        work(path, subject, number)
    except Exception:  # noqa: BLE001 - the exit code says it
        raise SystemExit(1) from None


def test_every_attachment_to_one_subject_is_kept(tmp_path: Path) -> None:
    store = LayoutStore(tmp_path / "layout")
    subject = store.put_manifest(package(b"wasm"))

    codes = all_at_once(attach_one, tmp_path / "layout", subject)

    assert codes == [0] * WRITERS
    assert len(store.referrers(subject)) == WRITERS
    listed = list((tmp_path / "layout" / "blobs" / "sha256").iterdir())
    # the subject, the empty config, bundles, their manifests, one list
    assert len(listed) == 2 + 2 * WRITERS + 1


def test_every_release_into_a_layout_that_is_not_there_yet_is_kept(tmp_path: Path) -> None:
    nothing = Descriptor.of(b"", "text/plain")

    codes = all_at_once(publish_one, tmp_path / "layout", nothing)

    store = LayoutStore(tmp_path / "layout")
    tags = store.tags()
    assert codes == [0] * WRITERS
    assert sorted(tags) == sorted(f"1.0.{number}" for number in range(WRITERS))
    assert [len(store.referrers(descriptor)) for descriptor in tags.values()] == [1] * WRITERS


def test_one_of_many_gets_a_tag(tmp_path: Path) -> None:
    nothing = Descriptor.of(b"", "text/plain")

    codes = all_at_once(take_tag, tmp_path / "layout", nothing)

    entries = json.loads((tmp_path / "layout" / "index.json").read_bytes())["manifests"]
    assert sorted(codes, key=str) == [0] + [1] * (WRITERS - 1)
    assert len(entries) == WRITERS
    assert len(LayoutStore(tmp_path / "layout").tags()) == 1
