"""200 pushes into one layout are killed in the middle, and the layout stays whole."""

import hashlib
import os
import subprocess
import sys
from pathlib import Path

from kit.registry_contents import attach_note, publish
from miniseal.registry import LayoutStore
from miniseal.registry.files import TEMPORARY

KILLS = 200
AT_ONCE = 3
SEED = 20261121

# Pushes are forked from one process, which kills each after a while and looks at the layout then.
PUSHES = """
import json, os, random, signal, sys, time
from pathlib import Path
from kit.registry_contents import attach_note
from miniseal.formats.oci import EMPTY_CONFIG, EMPTY_CONFIG_TYPE, Manifest
from miniseal.registry import LayoutStore
from miniseal.registry.copy import Root, copy

path, source, kills, at_once, seed = Path(sys.argv[1]), *sys.argv[2:]
chance = random.Random(int(seed))

def push(number):
    # each with a package and a note of its own, the same blobs at times, and the subject of all
    own = LayoutStore(f"{source}-{number % 20}")
    store = LayoutStore(path)
    shared = store.resolve("shared")
    acknowledged = os.open(path.parent / f"done-{number}", os.O_WRONLY | os.O_CREAT, 0o600)
    turn = 0
    while True:
        turn += 1
        package = own.resolve("1.0.0")
        tag = f"{number}-{turn}"
        copy(own, store, [Root(descriptor=package, tags=(tag,))])
        os.write(acknowledged, f"tag {tag} {package.digest}\\n".encode())
        note = attach_note(store, shared, tag)
        os.write(acknowledged, f"note {tag} {note.digest}\\n".encode())

def start(number):
    child = os.fork()
    if child == 0:
        try:
            push(number)
        finally:
            os._exit(1)
    return child

LayoutStore(path).resolve("shared")
running, failed = [], []
for number in range(int(kills) + int(at_once)):
    running.append(start(number))
    if len(running) > int(at_once):
        time.sleep(chance.random() * 0.06)
        victim = running.pop(0)
        os.kill(victim, signal.SIGKILL)
        _, status = os.waitpid(victim, 0)
        failed += [status] if status != signal.SIGKILL else []
        json.loads((path / "index.json").read_bytes())
for victim in running:
    os.kill(victim, signal.SIGKILL)
    os.waitpid(victim, 0)
print(len(failed))
"""


def test_what_was_acknowledged_is_there_and_nothing_is_damaged(tmp_path: Path) -> None:
    path, source = tmp_path / "layout", tmp_path / "source"
    store = LayoutStore(path)
    shared = publish(store, "shared", "shared")
    for number in range(20):
        own = LayoutStore(f"{source}-{number}")
        package = publish(own, f"package {number} " * 40_000, "1.0.0")
        attach_note(own, package, f"note {number}")

    done = subprocess.run(
        [sys.executable, "-c", PUSHES, path, source, str(KILLS), str(AT_ONCE), str(SEED)],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        capture_output=True,
        text=True,
        check=False,
    )

    assert (done.returncode, done.stdout) == (0, "0\n"), done.stderr
    lines = [line for file in tmp_path.glob("done-*") for line in whole_lines(file)]
    tags = {tag: digest for kind, tag, digest in lines if kind == "tag"}
    notes = {digest for kind, _, digest in lines if kind == "note"}
    assert len(tags) > KILLS / 4  # the moments hit all that a push does
    assert corrupt(path) == []
    found = LayoutStore(path).tags()
    assert tags.items() <= {tag: each.digest for tag, each in found.items()}.items()
    assert notes <= {each.digest for each in store.referrers(shared)}
    for each in {found[tag].digest: found[tag] for tag in tags}.values():
        (note,) = store.referrers(each)
        assert store.has(note)
        assert store.has(each)


def whole_lines(file: Path) -> list[list[str]]:
    """What was acknowledged; a line that was cut off is none."""
    return [line.split() for line in file.read_text().split("\n")[:-1]]


def corrupt(path: Path) -> list[str]:
    return [
        file.name
        for file in (path / "blobs" / "sha256").iterdir()
        if not file.name.startswith(TEMPORARY)
        and hashlib.sha256(file.read_bytes()).hexdigest() != file.name
    ]
