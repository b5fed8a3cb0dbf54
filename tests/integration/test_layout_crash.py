"""Writers are killed at random moments, and the layout stays whole."""

import hashlib
import json
import os
import random
import subprocess
import sys
import time
from pathlib import Path

from miniseal.formats.oci import EMPTY_CONFIG, EMPTY_CONFIG_TYPE, Descriptor, Manifest
from miniseal.registry import LayoutStore
from miniseal.registry.files import TEMPORARY

KILLS = 40
AT_ONCE = 3
SEED = 20261121

# Writes releases without end, and says so when each step is done.
WRITER = """
import sys
from miniseal.formats.oci import EMPTY_CONFIG, EMPTY_CONFIG_TYPE, Descriptor, Manifest
from miniseal.registry import LayoutStore, attach

path, subject_digest, subject_size, name = sys.argv[1:]
store = LayoutStore(path)
subject = store.resolve(subject_digest)
number = 0
while True:
    number += 1
    wasm = store.put(f"{name} {number} ".encode() * 2000, "application/wasm")
    config = store.put(EMPTY_CONFIG, EMPTY_CONFIG_TYPE)
    package = store.put_manifest(Manifest(config=config, layers=(wasm,)).to_bytes())
    print("manifest", package.digest, flush=True)
    store.tag(f"{name}-{number}", package)
    print("tag", f"{name}-{number}", flush=True)
    bundle = attach(store, subject, f"{name} {number}".encode(), "https://slsa.dev/provenance/v1")
    print("referrer", bundle.digest, flush=True)
"""


def start(path: Path, subject: Descriptor, name: str, output: Path) -> subprocess.Popen[bytes]:
    with output.open("wb") as file:
        return subprocess.Popen(
            [sys.executable, "-c", WRITER, path, subject.digest, str(subject.size), name],
            stdout=file,
        )


def wait_for_a_referrer(writer: subprocess.Popen[bytes], output: Path) -> None:
    while "referrer" not in output.read_text():
        assert writer.poll() is None, "a writer ended by itself"
        time.sleep(0.002)


def acknowledged(outputs: list[Path]) -> dict[str, set[str]]:
    found: dict[str, set[str]] = {"manifest": set(), "tag": set(), "referrer": set()}
    for output in outputs:
        # a line that was cut off is no acknowledgement
        for line in output.read_text().split("\n")[:-1]:
            kind, value = line.split()
            found[kind].add(value)
    return found


def corrupt(path: Path) -> list[str]:
    return [
        file.name
        for file in (path / "blobs" / "sha256").iterdir()
        if not file.name.startswith(TEMPORARY)
        and hashlib.sha256(file.read_bytes()).hexdigest() != file.name
    ]


def test_writers_that_are_killed_lose_nothing_they_acknowledged(tmp_path: Path) -> None:
    path, chance = tmp_path / "layout", random.Random(SEED)  # noqa: S311 - moments, not secrets
    store = LayoutStore(path)
    config = store.put(EMPTY_CONFIG, EMPTY_CONFIG_TYPE)
    subject = store.put_manifest(Manifest(config=config, layers=()).to_bytes())
    outputs = [tmp_path / f"output-{number}" for number in range(KILLS)]
    writers: list[subprocess.Popen[bytes]] = []

    try:
        for number, output in enumerate(outputs):
            writers.append(start(path, subject, f"w{number}", output))
            if number >= AT_ONCE:
                victim = number - AT_ONCE
                wait_for_a_referrer(writers[victim], outputs[victim])
                time.sleep(chance.random() * 0.05)
                writers[victim].kill()
                json.loads((path / "index.json").read_bytes())
    finally:
        for writer in writers:
            writer.kill()
            writer.wait()

    done = acknowledged(outputs)
    tags = store.tags()
    assert corrupt(path) == []
    assert done["tag"] <= tags.keys()
    assert done["referrer"] <= {descriptor.digest for descriptor in store.referrers(subject)}
    assert all(store.resolve(digest) for digest in done["manifest"])
    assert all(store.has(descriptor) for descriptor in tags.values())
    assert len(done["referrer"]) >= KILLS - AT_ONCE


def test_layout_works_on_after_kills_and_strays_are_swept(tmp_path: Path) -> None:
    path = tmp_path / "layout"
    store = LayoutStore(path)
    subject = store.put_manifest(
        Manifest(config=store.put(EMPTY_CONFIG, EMPTY_CONFIG_TYPE), layers=()).to_bytes()
    )
    process = start(path, subject, "w", tmp_path / "output")
    wait_for_a_referrer(process, tmp_path / "output")
    process.kill()
    process.wait()
    stray = path / "blobs" / "sha256" / f"{TEMPORARY}stray"
    stray.write_bytes(b"half")
    os.utime(stray, (0, 0))

    fresh = LayoutStore(path, lock_seconds=5)
    fresh.tag("after", subject)

    assert fresh.resolve("after").digest == subject.digest
    assert not stray.exists()
