"""Somebody who can write to the host's state, but cannot read `mac.key`."""

import base64
import json
import shutil
from pathlib import Path

import pytest

from kit.hosts import install_code, installed, load_code, record_file
from kit.packages import APP, Scene, package, wasm_module
from miniseal.formats.errors import MinisealError


@pytest.fixture
def scene(tmp_path: Path) -> Scene:
    return Scene(tmp_path)


def test_a_blob_swapped_after_admission_is_noticed(scene: Scene) -> None:
    made = installed(scene)
    path = scene.state / "blobs" / "sha256" / made.config.wasm.digest.removeprefix("sha256:")
    path.write_bytes(made.wasm[:-1] + b"\xff")

    assert load_code(scene) == "digest-mismatch"


def test_a_blob_that_grew_is_noticed(scene: Scene) -> None:
    made = installed(scene)
    path = scene.state / "blobs" / "sha256" / made.config.wasm.digest.removeprefix("sha256:")
    path.write_bytes(made.wasm + b"more")

    assert load_code(scene) == "state-damaged"


def test_installing_again_repairs_a_swapped_blob(scene: Scene) -> None:
    made = installed(scene)
    path = scene.state / "blobs" / "sha256" / made.config.wasm.digest.removeprefix("sha256:")
    path.write_bytes(made.wasm[:-1] + b"\xff")

    scene.verifier().install(APP, scene.repository, "1.0.0")

    assert scene.verifier().load(APP).wasm == made.wasm


def test_the_record_of_another_program_is_noticed(scene: Scene) -> None:
    installed(scene)
    scene.release("com.acme.other")
    scene.verifier().install("com.acme.other", scene.repository, "1.0.0")
    shutil.copy(record_file(scene), record_file(scene, "com.acme.other"))

    assert load_code(scene, "com.acme.other") == "record-mismatch"


def test_an_older_record_is_noticed(scene: Scene) -> None:
    installed(scene, 1)
    old = record_file(scene).read_bytes()
    installed(scene, 2)
    record_file(scene).write_bytes(old)

    assert load_code(scene) == "record-stale"


def test_an_older_record_is_noticed_by_a_verifier_that_has_seen_it(scene: Scene) -> None:
    verifier = scene.verifier()
    scene.release(code=1)
    scene.release(code=2)
    verifier.install(APP, scene.repository, "1.0.0")
    old = record_file(scene).read_bytes()
    verifier.load(APP)
    verifier.install(APP, scene.repository, "2.0.0")
    record_file(scene).write_bytes(old)

    with pytest.raises(MinisealError) as error:
        verifier.load(APP)

    assert error.value.code == "record-stale"


def test_an_older_state_is_noticed_by_the_hosts_counter(scene: Scene, tmp_path: Path) -> None:
    installed(scene, 1)
    shutil.copytree(scene.state, tmp_path / "backup")
    installed(scene, 2)
    floor = scene.verifier().load(APP).generation
    shutil.rmtree(scene.state)
    shutil.copytree(tmp_path / "backup", scene.state)

    assert load_code(scene, floor=floor) == "state-rollback"


def test_an_older_head_alone_leads_nowhere(scene: Scene) -> None:
    installed(scene, 1)
    old = (scene.state / "head.json").read_bytes()
    installed(scene, 2)
    (scene.state / "head.json").write_bytes(old)

    assert load_code(scene) == "state-damaged"


@pytest.mark.parametrize("name", ["head", "record"])
def test_an_edited_file_is_noticed(scene: Scene, name: str) -> None:
    installed(scene)
    path = scene.state / "head.json" if name == "head" else record_file(scene)
    sealed = json.loads(path.read_bytes())
    payload = base64.b64decode(sealed["payload"]).replace(b'"generation":1', b'"generation":9')
    path.write_text(json.dumps({**sealed, "payload": base64.b64encode(payload).decode()}))

    assert load_code(scene) == "mac-invalid"


def test_a_head_is_not_a_record(scene: Scene) -> None:
    installed(scene)
    shutil.copy(scene.state / "head.json", record_file(scene))

    assert load_code(scene) == "mac-invalid"


def test_the_key_of_another_host_is_noticed(scene: Scene, tmp_path: Path) -> None:
    installed(scene)
    other = Scene(tmp_path / "other")
    installed(other)
    shutil.copy(other.state / "mac.key", scene.state / "mac.key")

    assert load_code(scene) == "mac-invalid"


def test_a_record_of_another_host_with_the_same_key_is_noticed(
    scene: Scene, tmp_path: Path
) -> None:
    """Two hosts that were cloned with their key, and then told apart by their ids."""
    installed(scene)
    twin = Scene(tmp_path / "twin")
    secret = (scene.state / "mac.key").read_bytes()
    made = twin.release()
    verifier = twin.verifier()
    verifier._random = lambda size: secret if size == len(secret) else bytes(size)
    verifier.install(APP, twin.repository, "1.0.0")
    assert made.digest == scene.verifier().load(APP).package
    shutil.copy(record_file(twin), record_file(scene))

    assert load_code(scene) == "record-mismatch"


def test_a_key_that_somebody_else_put_there_is_refused(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    installed(scene)
    owner = (scene.state / "mac.key").stat().st_uid
    monkeypatch.setattr("os.geteuid", lambda: owner + 1)

    assert load_code(scene) == "mac-key-exposed"


@pytest.mark.parametrize("folder", ["records", "blobs", "blobs/sha256"])
def test_a_link_in_a_folders_place_leads_nowhere(scene: Scene, tmp_path: Path, folder: str) -> None:
    installed(scene)
    place, elsewhere = scene.state / folder, tmp_path / "elsewhere"
    place.rename(elsewhere)
    place.symlink_to(elsewhere)
    (elsewhere / "precious").write_text("not the host's")
    before = sorted(path.name for path in elsewhere.iterdir())
    scene.release(made=package(code=2, version="2.0.0", wasm=wasm_module()))

    assert install_code(scene, "2.0.0") == "state-unreadable"
    assert sorted(path.name for path in elsewhere.iterdir()) == before


def test_a_key_that_others_can_read_is_refused(scene: Scene) -> None:
    installed(scene)
    (scene.state / "mac.key").chmod(0o640)

    assert load_code(scene) == "mac-key-exposed"


def test_a_head_taken_away_is_not_a_new_state(scene: Scene) -> None:
    installed(scene)
    (scene.state / "head.json").unlink()

    assert load_code(scene) == "state-damaged"
    assert install_code(scene) == "state-damaged"


def test_an_app_id_that_is_a_path_leads_nowhere(scene: Scene) -> None:
    installed(scene)

    assert load_code(scene, "../../etc/passwd") == "not-installed"


def test_refused_loads_and_installations_are_logged(scene: Scene) -> None:
    installed(scene)
    scene.now -= 301
    load_code(scene)
    install_code(scene)

    lines = (scene.state / "audit.jsonl").read_text(encoding="utf-8").splitlines()

    assert [(each["event"], each["outcome"]) for each in map(json.loads, lines)] == [
        ("install", "admitted"),
        ("load", "refused"),
        ("install", "refused"),
    ]
