"""Archives under many processes, killed ones, and content larger than the memory allowed."""

import random
import subprocess
import sys
import time
from pathlib import Path

import pytest

from miniseal.formats.oci import EMPTY_CONFIG, EMPTY_CONFIG_TYPE, Descriptor, Manifest
from miniseal.registry import LayoutStore
from miniseal.registry.archive import ArchiveStore
from miniseal.registry.files import TEMPORARY

WRITERS = 16
KILLS = 25
SEED = 20261121
MEBIBYTE = 1024 * 1024

ATTACH = """
import sys, time
from pathlib import Path
from miniseal.registry import attach
from miniseal.registry.archive import ArchiveStore

path, number = Path(sys.argv[1]), sys.argv[2]
store = ArchiveStore(path)
print("ready", flush=True)
while not (path.parent / "go").exists():
    time.sleep(0.001)
attach(store, store.resolve("subject"), f"bundle {number}".encode(), "https://x.example/v1")
"""

# Attaches without end, and says so when each is done.
ATTACH_ON = """
import sys
from miniseal.registry import attach
from miniseal.registry.archive import ArchiveStore

store = ArchiveStore(sys.argv[1])
number = 0
while True:
    number += 1
    content = f"{sys.argv[2]} {number}".encode() * 1000
    done = attach(store, store.resolve("subject"), content, "https://x.example/v1")
    print(done.digest, flush=True)
"""

COPY = """
import sys
from miniseal.registry import open_store
from miniseal.registry.copy import Root, copy

source, target = map(open_store, sys.argv[1:])
copy(source, target, [Root(descriptor=source.resolve("big"), tags=("big",))])
lines = open("/proc/self/status").read().splitlines()
print(next(line.split()[1] for line in lines if line.startswith("VmHWM")))
"""


def subject_in(store: LayoutStore) -> Descriptor:
    config = store.put(EMPTY_CONFIG, EMPTY_CONFIG_TYPE)
    subject = store.put_manifest(Manifest(config=config, layers=()).to_bytes())
    store.tag("subject", subject)
    return subject


def test_every_attachment_to_one_subject_is_kept(tmp_path: Path) -> None:
    path = tmp_path / "a.tar"
    subject = subject_in(ArchiveStore(path))
    writers = [
        subprocess.Popen([sys.executable, "-c", ATTACH, path, str(number)], stdout=subprocess.PIPE)
        for number in range(WRITERS)
    ]
    for writer in writers:
        assert writer.stdout is not None
        assert writer.stdout.readline() == b"ready\n"
    (tmp_path / "go").touch()
    for writer in writers:
        writer.communicate()

    assert [writer.returncode for writer in writers] == [0] * WRITERS
    assert len(ArchiveStore(path).referrers(subject)) == WRITERS
    assert sorted(each.name for each in tmp_path.iterdir()) == ["a.tar", "go"]


def test_a_writer_that_is_killed_leaves_a_whole_archive(tmp_path: Path) -> None:
    path, output = tmp_path / "a.tar", tmp_path / "output"
    subject = subject_in(ArchiveStore(path))
    chance = random.Random(SEED)  # noqa: S311 - moments, not keys
    acknowledged: set[str] = set()
    for number in range(KILLS):
        with output.open("wb") as file:
            writer = subprocess.Popen(
                [sys.executable, "-c", ATTACH_ON, path, str(number)], stdout=file
            )
        while not output.read_bytes():
            assert writer.poll() is None, "a writer ended by itself"
            time.sleep(0.002)
        time.sleep(chance.random() * 0.05)
        writer.kill()
        writer.wait()
        # a line that was cut off is no acknowledgement
        acknowledged |= set(output.read_text().split("\n")[:-1])
        store = ArchiveStore(path)
        found = {each.digest for each in store.referrers(subject)}
        assert acknowledged <= found
        assert store.resolve("subject").digest == subject.digest

    assert len(acknowledged) >= KILLS
    strays = {each.name for each in tmp_path.iterdir()} - {"a.tar", "output"}
    assert all(name.startswith(TEMPORARY) for name in strays)


@pytest.mark.parametrize("there", ["layout", "archive"])
@pytest.mark.parametrize("here", ["layout", "archive"])
def test_memory_does_not_grow_with_content(tmp_path: Path, here: str, there: str) -> None:
    places = {"layout": "oci:{}/{}-layout", "archive": "oci-archive:{}/{}.tar"}
    source, target = (
        places[kind].format(tmp_path, name) for kind, name in ((here, "from"), (there, "to"))
    )
    path = source.partition(":")[2]
    store = LayoutStore(path) if here == "layout" else ArchiveStore(path)
    config = store.put(EMPTY_CONFIG, EMPTY_CONFIG_TYPE)
    layers = tuple(
        store.put(bytes([number]) * 60 * MEBIBYTE, "application/wasm") for number in range(3)
    )
    store.tag("big", store.put_manifest(Manifest(config=config, layers=layers).to_bytes()))

    done = subprocess.run(
        [sys.executable, "-c", COPY, source, target], capture_output=True, text=True, check=True
    )
    assert int(done.stdout) < 64 * 1024
