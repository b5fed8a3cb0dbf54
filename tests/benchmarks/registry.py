"""What moving content costs beside oras and regctl, and what a large layout costs.

A package of one blob of 500 MB, and one of 1000 blobs of 4 kB, go from a layout on disk into a
registry, and from there into a new layout. The registry is distribution v3 on loopback, with its
files on the same disk. Each client runs as a process of its own, into a repository or a folder that
is not there yet. Ours writes files that survive a power cut (fsync), and checks what it has pushed
before a tag names it; the others do neither.

The large layout has 10,000 versions with their evidence. One more is published, and one is
resolved, by whole processes and in a process that runs; beside them the same in a layout of ten.
"""

import json
import random
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from time import perf_counter, process_time

from benchmarks.measure import (
    Action,
    Sample,
    Series,
    interleave,
    peak_memory,
    process,
    show,
    show_fact,
    show_ratio,
)
from benchmarks.stage import Stage
from kit.registry_hosts import HOSTS, Registries
from miniseal.formats.digest import sha256
from miniseal.formats.oci import (
    EMPTY_CONFIG,
    EMPTY_CONFIG_TYPE,
    INDEX_TYPE,
    MANIFEST_TYPE,
    REF_NAME,
    Descriptor,
    Index,
    Manifest,
)
from miniseal.registry import LayoutStore
from miniseal.registry.referrers import fallback_tag
from services import programs, unpacked

__all__ = ["measure"]

_LARGE, _SMALL, _MANY = 500_000_000, 4_000, 1_000
_VERSIONS = 10_000
_TIMES, _MEMORY = 1.2, 64
_HOST = HOSTS["distribution"].address
_CHUNK = 1_000_000
_CLIENTS = ("miniseal", "oras", "regctl")
_PUBLISH = """
import sys
from miniseal.formats.oci import EMPTY_CONFIG, EMPTY_CONFIG_TYPE, Manifest
from miniseal.registry import LayoutStore
path, number = sys.argv[1:]
store = LayoutStore(path)
layer = store.put(f"version {number}".encode(), "text/plain")
config = store.put(EMPTY_CONFIG, EMPTY_CONFIG_TYPE)
manifest = Manifest(artifact_type="a/b", config=config, layers=(layer,))
store.tag(f"1.0.{number}", store.put_manifest(manifest.to_bytes()))
"""
_RESOLVE = """
import sys
from miniseal.registry import LayoutStore
LayoutStore(sys.argv[1]).resolve("1.0.5")
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Bench:
    """Three clients, and a registry.

    Attributes:
        stage: has the installed wheel.
        registries: one of which is used.
        folder: for layouts.
    """

    stage: Stage
    registries: Registries
    folder: Path

    def push(self, client: str, layout: Path, there: str) -> tuple[str | Path, ...]:
        """A command line."""
        match client:
            case "oras":
                return (
                    *(self.registries.programs / "oras", "cp", "--from-oci-layout"),
                    *(f"{layout}:1", there),
                )
            case "regctl":
                words = ("image", "copy", f"ocidir://{layout}:1", there)
                return (self.registries.programs / "regctl", *words)
            case _:
                return (self._miniseal, "push", f"oci:{layout}:1", there, "--progress", "none")

    def pull(self, client: str, there: str, layout: Path) -> tuple[str | Path, ...]:
        """A command line."""
        match client:
            case "oras":
                return (
                    *(self.registries.programs / "oras", "cp", "--to-oci-layout"),
                    *(there, f"{layout}:1"),
                )
            case "regctl":
                words = ("image", "copy", there, f"ocidir://{layout}:1")
                return (self.registries.programs / "regctl", *words)
            case _:
                return (self._miniseal, "pull", there, f"oci:{layout}:1", "--progress", "none")

    @property
    def _miniseal(self) -> Path:
        return self.stage.environment.folder / "bin" / "miniseal"

    @property
    def environ(self) -> dict[str, str]:
        """With which every client runs."""
        return self.registries.environ | {"REGCTL_CONFIG": str(self.folder / "regctl.json")}


def measure(stage: Stage, *, rounds: int = 5) -> None:
    """Print the tables; times are reported and not judged."""
    built, debian = programs.REGISTRIES.entry(), unpacked.entry()
    if not (built.is_dir() and debian.is_dir()):
        raise SystemExit("registries are not there: run `make services`")
    folder = stage.folder / "registry"
    folder.mkdir()
    with Registries(built, debian) as registries, registries.inside():
        bench = _Bench(stage=stage, registries=registries, folder=folder)
        plain = {"hosts": {_HOST: {"tls": "disabled"}}}
        (folder / "regctl.json").write_text(json.dumps(plain), encoding="utf-8")
        _move(bench, "a blob of 500 MB", [_LARGE], rounds)
        _move(bench, "1000 blobs of 4 kB", [_SMALL] * _MANY, rounds)
    _versions(stage, folder, rounds)


def _move(bench: _Bench, what: str, sizes: list[int], rounds: int) -> None:
    layout = bench.folder / "source"
    _write(layout, sizes)
    repositories = (f"bench/{number}-{len(sizes)}" for number in count())
    pushes = {client: _pushing(bench, client, layout, repositories) for client in _CLIENTS}
    _show(f"push of {what} from a layout", interleave(pushes, rounds=rounds))
    for client in _CLIENTS:
        words = bench.push(client, layout, f"{_HOST}/{next(repositories)}:1")
        _show_memory(f"peak memory of {client}", peak_memory(*words, environ=bench.environ))
    there = f"{_HOST}/bench/pulled-{len(sizes)}:1"
    process(*bench.push("regctl", layout, there), environ=bench.environ)
    pulls = {client: _pulling(bench, client, there) for client in _CLIENTS}
    _show(f"pull of {what} into a layout", interleave(pulls, rounds=rounds))
    for client in _CLIENTS:
        words = bench.pull(client, there, bench.folder / "memory")
        _show_memory(f"peak memory of {client}", peak_memory(*words, environ=bench.environ))
        shutil.rmtree(bench.folder / "memory")
    shutil.rmtree(layout)


def _pushing(bench: _Bench, client: str, layout: Path, repositories: Iterator[str]) -> Action:
    def push() -> Sample:
        words = bench.push(client, layout, f"{_HOST}/{next(repositories)}:1")
        return process(*words, environ=bench.environ, talk=bench.folder / "talk.txt")

    return push


def _pulling(bench: _Bench, client: str, there: str) -> Action:
    layout = bench.folder / "target"

    def pull() -> Sample:
        words = bench.pull(client, there, layout)
        sample = process(*words, environ=bench.environ, talk=bench.folder / "talk.txt")
        shutil.rmtree(layout)
        return sample

    return pull


def _show(title: str, measured: dict[str, Series]) -> None:
    show(title, measured)
    ours, oras, regctl = (measured[client] for client in _CLIENTS)
    show_ratio("miniseal / oras", ours, oras)
    show_ratio("miniseal / regctl", ours, regctl)
    ratio = min(ours.wall) / min(*oras.wall, *regctl.wall)
    verdict = "met" if ratio <= _TIMES else "missed"
    show_fact("wall clock, miniseal / the faster one", f"{ratio:.2f}x aim {_TIMES}x: {verdict}")


def _show_memory(name: str, found: str) -> None:
    ours = name.endswith("miniseal")
    met = int(found.partition(" ")[0]) <= _MEMORY
    aim = f" aim {_MEMORY} MiB: {'met' if met else 'missed'}" if ours else ""
    show_fact(name, f"{found}{aim}")


def _write(layout: Path, sizes: list[int]) -> None:
    """A layout with one package of random blobs of these sizes, tagged `1`."""
    chance = random.Random(len(sizes))  # noqa: S311 - content, not a secret
    store = LayoutStore(layout)
    layers: list[Descriptor] = []
    for size in sizes:
        data = b"".join(
            chance.randbytes(min(_CHUNK, size - start)) for start in range(0, size, _CHUNK)
        )
        layers.append(store.put(data, "application/octet-stream"))
    config = store.put(EMPTY_CONFIG, EMPTY_CONFIG_TYPE)
    manifest = Manifest(artifact_type="a/b", config=config, layers=tuple(layers))
    store.tag("1", store.put_manifest(manifest.to_bytes()))


def _versions(stage: Stage, folder: Path, rounds: int) -> None:
    few, many = folder / "few", folder / "many"
    for layout, number in ((few, 10), (many, _VERSIONS)):
        _publish_many(layout, number)
    fresh = count(_VERSIONS)
    cold = interleave(
        {
            f"{name}, {what}": action
            for name, layout in (("10 versions", few), ("10,000 versions", many))
            for what, action in _whole(stage, layout, fresh).items()
        },
        rounds=2 * rounds,
    )
    hot = interleave(
        {
            "10,000 versions, publish one more, hot": _hot(lambda: _publish(many, next(fresh))),
            "10,000 versions, resolve one, hot": _hot(lambda: LayoutStore(many).resolve("1.0.5")),
        },
        rounds=2 * rounds,
    )
    show("a layout of many versions", {**cold, **hot})
    size = (many / "index.json").stat().st_size / 1_000_000
    show_fact("its index.json", f"{size:.1f} MB")


def _whole(stage: Stage, layout: Path, fresh: Iterator[int]) -> dict[str, Action]:
    """Whole processes."""
    python = stage.environment.folder / "bin" / "python"

    def publish() -> Sample:
        return process(python, "-I", "-c", _PUBLISH, layout, str(next(fresh)))

    def resolve() -> Sample:
        return process(python, "-I", "-c", _RESOLVE, layout)

    return {"publish one more": publish, "resolve one": resolve}


def _hot(do: Callable[[], object]) -> Action:
    def measured() -> Sample:
        cpu, wall = process_time(), perf_counter()
        do()
        return Sample(cpu=process_time() - cpu, wall=perf_counter() - wall)

    return measured


def _publish(layout: Path, number: int) -> None:
    store = LayoutStore(layout)
    layer = store.put(f"version {number}".encode(), "text/plain")
    store.tag(f"1.0.{number}", store.put_manifest(_manifest(layer)))


def _publish_many(layout: Path, versions: int) -> None:
    """As if each had been released, without writing the index once for each.

    A release leaves six entries: three tags, and three lists of referrers, which are one here.
    """
    store = LayoutStore(layout)
    store.put(EMPTY_CONFIG, EMPTY_CONFIG_TYPE)
    nothing = store.put(Index(manifests=()).to_bytes(), INDEX_TYPE)
    blobs = layout / "blobs" / "sha256"
    entries: list[dict[str, object]] = []
    for number in range(versions):
        data = f"version {number}".encode()
        manifest = _manifest(Descriptor.of(data, "text/plain"))
        described = Descriptor.of(manifest, MANIFEST_TYPE)
        for content in (data, manifest):
            (blobs / sha256(content).removeprefix("sha256:")).write_bytes(content)
        for form in ("", "-image", "-wasm"):
            entries.append(_named(described, f"1.0.{number}{form}"))
            name = fallback_tag(sha256(f"{number}{form}".encode()))
            entries.append(_named(nothing, name))
    index = {"schemaVersion": 2, "mediaType": INDEX_TYPE, "manifests": entries}
    (layout / "index.json").write_text(json.dumps(index), encoding="utf-8")
    assert len(store.tags()) == 3 * versions


def _named(descriptor: Descriptor, name: str) -> dict[str, object]:
    return {
        "mediaType": descriptor.media_type,
        "digest": descriptor.digest,
        "size": descriptor.size,
        "artifactType": "application/vnd.wasm.config.v0+json",
        "annotations": {REF_NAME: name},
    }


def _manifest(layer: Descriptor) -> bytes:
    config = Descriptor.of(EMPTY_CONFIG, EMPTY_CONFIG_TYPE)
    return Manifest(artifact_type="a/b", config=config, layers=(layer,)).to_bytes()
