"""Many processes write to one layout at once, and nothing is lost."""

import json
import subprocess
import sys
from pathlib import Path

from miniseal.formats.oci import EMPTY_CONFIG, EMPTY_CONFIG_TYPE, Descriptor, Manifest
from miniseal.registry import LayoutStore

WRITERS = 16

# Each process starts its work at the sign that all are there.
START = """
import sys, time
from pathlib import Path
from miniseal.formats.oci import EMPTY_CONFIG, EMPTY_CONFIG_TYPE, Descriptor, Manifest
from miniseal.registry import LayoutStore, attach

path, number = Path(sys.argv[1]), sys.argv[2]
store = LayoutStore(path)

def publish():
    wasm = store.put(f"wasm {number}".encode(), "application/wasm")
    config = store.put(EMPTY_CONFIG, EMPTY_CONFIG_TYPE)
    return store.put_manifest(Manifest(config=config, layers=(wasm,)).to_bytes())

def bundle(subject):
    attach(store, subject, f"bundle {number}".encode(), "https://slsa.dev/provenance/v1")

print("ready", flush=True)
while not (path.parent / "go").exists():
    time.sleep(0.001)
"""


def all_at_once(path: Path, work: str) -> list[int]:
    """The exit codes of `WRITERS` processes that do `work` on the layout `path`."""
    writers = [
        subprocess.Popen(
            [sys.executable, "-c", START + work, path, str(number)],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        for number in range(WRITERS)
    ]
    for writer in writers:
        assert writer.stdout is not None
        assert writer.stdout.readline() == b"ready\n"
    (path.parent / "go").touch()
    for writer in writers:
        writer.communicate()
    return [writer.returncode for writer in writers]


def subject_in(store: LayoutStore) -> Descriptor:
    config = store.put(EMPTY_CONFIG, EMPTY_CONFIG_TYPE)
    subject = store.put_manifest(Manifest(config=config, layers=()).to_bytes())
    store.tag("subject", subject)
    return subject


def test_every_attachment_to_one_subject_is_kept(tmp_path: Path) -> None:
    path = tmp_path / "layout"
    subject = subject_in(LayoutStore(path))

    codes = all_at_once(path, "bundle(store.resolve('subject'))")

    assert codes == [0] * WRITERS
    assert len(LayoutStore(path).referrers(subject)) == WRITERS
    # the subject, the empty config, bundles and their manifests, one list, and nothing stray
    assert len(list((path / "blobs" / "sha256").iterdir())) == 2 + 2 * WRITERS + 1


def test_readers_never_see_less_while_others_attach(tmp_path: Path) -> None:
    path = tmp_path / "layout"
    subject_in(LayoutStore(path))

    codes = all_at_once(
        path,
        """
subject = store.resolve("subject")
seen = 0
for _ in range(3):
    bundle(subject)
    number += "x"
    for _ in range(10):
        found = len(store.referrers(subject))
        assert found >= max(seen, 1), (found, seen)
        seen = found
""",
    )

    assert codes == [0] * WRITERS


def test_every_release_into_a_layout_that_is_not_there_yet_is_kept(tmp_path: Path) -> None:
    path = tmp_path / "layout"

    codes = all_at_once(
        path, "package = publish(); bundle(package); store.tag(f'1.0.{number}', package)"
    )

    store = LayoutStore(path)
    tags = store.tags()
    assert codes == [0] * WRITERS
    assert sorted(tags) == sorted(f"1.0.{number}" for number in range(WRITERS))
    assert [len(store.referrers(descriptor)) for descriptor in tags.values()] == [1] * WRITERS


def test_one_of_many_gets_a_tag(tmp_path: Path) -> None:
    path = tmp_path / "layout"

    codes = all_at_once(path, "store.tag('1.0.0', publish())")

    entries = json.loads((path / "index.json").read_bytes())["manifests"]
    assert sorted(codes) == [0] + [1] * (WRITERS - 1)
    assert len(entries) == WRITERS
    assert len(LayoutStore(path).tags()) == 1
