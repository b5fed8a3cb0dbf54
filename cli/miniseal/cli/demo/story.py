"""The story: one program makes its way from source to a host's memory, six attempts do not.

Nothing is mocked. The vulnerability database is a small one, written on the spot from two
advisories, and the story says so.
"""

import json
import shutil
import time
from collections.abc import Callable
from pathlib import Path

from miniseal.cli.demo.advisories import ADVISORIES
from miniseal.cli.demo.stage import Stage
from miniseal.cli.files import write_file
from miniseal.formats.bundle import BUNDLE_LIMIT, PREDICATE_ANNOTATION
from miniseal.formats.errors import Code, UsageError
from miniseal.formats.oci import MANIFEST_LIMIT, Descriptor, Manifest
from miniseal.pipeline.trivy.database import build as build_database
from miniseal.registry import LayoutStore, Store, attach, open_store

__all__ = ["DEMO_FOLDER_TAKEN", "tell"]

DEMO_FOLDER_TAKEN = Code(
    "demo-folder-taken",
    UsageError,
    meaning="the demo's folder holds something that is not the demo's",
    cause="--into names a folder of somebody's",
    remedy="name a folder that does not exist",
)
_MARK = ".miniseal-demo"
_APP = "com.example.tip"
_FETCH = """
@external("host:net/http@1.0.0", "fetch")
declare function fetch(address: i32): i32;

export function phone(address: i32): i32 {
  return fetch(address);
}
"""


def tell(examples: Path, folder: Path, *, say: Callable[[str], None]) -> list[str]:
    """Play the story in `folder`; the codes of what was refused.

    Raises:
        UsageError: `demo-folder-taken`.
        EnvironmentalError: `demo-broken`.
    """
    _prepare(folder)
    stage = Stage(examples=examples, folder=folder, say=say)
    _released(stage)
    _installed(stage)
    return [
        scene(stage) for scene in (_tampered, _stranger, _wrapped, _undeclared, _older, _denied)
    ]


def _prepare(folder: Path) -> None:
    if folder.exists():
        if not folder.is_dir() or (any(folder.iterdir()) and not (folder / _MARK).is_file()):
            raise DEMO_FOLDER_TAKEN(f"{folder} is not empty and not the demo's")
        shutil.rmtree(folder)
    folder.mkdir(parents=True)
    (folder / _MARK).touch()


def _released(stage: Stage) -> None:
    stage.title("a publisher releases the tip calculator")
    advisories = stage.folder / "advisories"
    for name, advisory in ADVISORIES.items():
        write_file(advisories / f"{name}.json", json.dumps(advisory).encode("utf-8"))
    build_database(advisories, stage.folder / "vulnerability-db", updated=int(time.time()))
    stage.say(
        f"  (the scanner's database is a small one made here from {len(ADVISORIES)} advisories;"
        " the tutorial uses trivy's own)"
    )
    stage.run("keys", "generate", str(stage.folder / "publisher.key"))
    _release(stage, stage.examples / "tip", "registry")


def _release(stage: Stage, project: Path, registry: str, *, key: str = "publisher") -> None:
    stage.run("release", str(project), *_release_words(stage, registry, key))


def _release_words(stage: Stage, registry: str, key: str = "publisher") -> tuple[str, ...]:
    return (
        *("--to", f"oci:{stage.folder / registry}"),
        *("--key", str(stage.folder / f"{key}.key")),
        *("--vulnerability-db", str(stage.folder / "vulnerability-db")),
    )


def _installed(stage: Stage) -> None:
    stage.title("a platform writes its policy, and its host admits and runs the program")
    policy = stage.folder / "platform" / "policy.toml"
    stage.run(
        *("policy", "init", str(stage.examples / "tip"), "-o", str(policy)),
        *("--key", str(stage.folder / "publisher.key.pub")),
    )
    verdict = stage.run(
        "verify", _package(stage, "registry"), "--app", _APP, "--policy", str(policy)
    )
    stage.say(f"  package {verdict.child('package').string('digest')}")
    for item in verdict.children("evidence"):
        stage.say(f"  |-- {item.string('predicateType')}  by {', '.join(item.strings('signers'))}")
    stage.run("install", _APP, _package(stage, "registry"), *_hosting(stage))
    stage.host(*_hosting(stage), _APP, "tip", "12000", "15")


def _tampered(stage: Stage) -> str:
    stage.title("refused: somebody changed one byte of the wasm in the store")
    folder = stage.folder / "tampered"
    shutil.copytree(stage.folder / "registry", folder)
    store = LayoutStore(folder)
    manifest = Manifest.from_bytes(store.read(store.resolve("1.2.0"), limit=MANIFEST_LIMIT))
    blob = folder / "blobs" / "sha256" / manifest.layers[0].digest.removeprefix("sha256:")
    data = bytearray(blob.read_bytes())
    data[-1] ^= 1
    blob.write_bytes(data)
    return _refused(stage, "digest-mismatch", "tampered")


def _stranger(stage: Stage) -> str:
    stage.title("refused: the same program, signed by somebody the platform does not know")
    stage.run("keys", "generate", str(stage.folder / "stranger.key"))
    _release(stage, stage.examples / "tip", "stranger", key="stranger")
    return _refused(stage, "identity-mismatch", "stranger")


def _wrapped(stage: Stage) -> str:
    stage.title("refused: another package around the same wasm, with the first one's evidence")
    project = _copy(stage, "wrapped")
    _edit(project / "manifest.json", '"Tip"', '"Tip (official)"')
    built = stage.run("build", str(project), "-o", f"oci:{stage.folder / 'wrapped-registry'}")
    source, target = (
        open_store(f"oci:{stage.folder / name}") for name in ("registry", "wrapped-registry")
    )
    forged = target.resolve(built.string("package"))
    for referrer in source.referrers(source.resolve("1.2.0")):
        _carry_over(source, referrer, target, forged)
    target.tag("1.2.0", forged)
    return _refused(stage, "subject-mismatch", "wrapped-registry")


def _undeclared(stage: Stage) -> str:
    stage.title("refused: the program imports something that it does not ask for")
    project = _copy(stage, "undeclared")
    entry = project / "src" / "index.ts"
    entry.write_text(entry.read_text(encoding="utf-8") + _FETCH, encoding="utf-8")
    words = _release_words(stage, "undeclared-registry")
    return stage.refused("import-undeclared", "release", str(project), *words)


def _older(stage: Stage) -> str:
    stage.title("refused: an older version, after a newer one was installed")
    project = _copy(stage, "newer")
    _edit(project / "manifest.json", '"code": 3, "name": "1.2.0"', '"code": 4, "name": "1.3.0"')
    _release(stage, project, "registry")
    newer = f"oci:{stage.folder / 'registry'}:1.3.0"
    stage.run("install", _APP, newer, *_hosting(stage))
    return _refused(stage, "rollback", "registry")


def _denied(stage: Stage) -> str:
    stage.title("refused: a program that the platform denied after it was installed")
    policy = stage.folder / "platform" / "policy.toml"
    _edit(policy, "serial = 1", "serial = 2")
    with policy.open("a", encoding="utf-8") as file:
        file.write(f'\n[[deny]]\napp = "{_APP}"\nreason = "it tips too little"\n')
    stage.say(f"  (the platform adds a [[deny]] entry to {policy.name} and raises its serial)")
    stage.refused("policy-changed", "load", _APP, *_hosting(stage))
    return stage.refused("denied", "readmit", _APP, *_hosting(stage))


def _refused(stage: Stage, code: str, registry: str) -> str:
    words = ("install", _APP, _package(stage, registry), *_hosting(stage))
    return stage.refused(code, *words)


def _package(stage: Stage, registry: str) -> str:
    return f"oci:{stage.folder / registry}:1.2.0"


def _hosting(stage: Stage) -> tuple[str, ...]:
    policy = stage.folder / "platform" / "policy.toml"
    return ("--policy", str(policy), "--state", str(stage.folder / "host"))


def _copy(stage: Stage, name: str) -> Path:
    return Path(shutil.copytree(stage.examples / "tip", stage.folder / name))


def _edit(path: Path, old: str, new: str) -> None:
    text = path.read_text(encoding="utf-8")
    path.write_text(text.replace(old, new), encoding="utf-8")


def _carry_over(source: Store, referrer: Descriptor, target: Store, subject: Descriptor) -> None:
    manifest = Manifest.from_bytes(source.read(referrer, limit=MANIFEST_LIMIT))
    bundle = source.read(manifest.layers[0], limit=BUNDLE_LIMIT)
    attach(target, subject, bundle, manifest.annotations[PREDICATE_ANNOTATION])
