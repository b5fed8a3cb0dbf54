import json
import multiprocessing
import os
import shutil
import signal
import sys
from pathlib import Path
from typing import Any

import pytest
from filelock import FileLock

from kit.hosts import install_code, installed, load_code, record_file
from kit.packages import APP, POLICY, Scene, key, package, wasm_module
from miniseal.formats.errors import MinisealError
from miniseal.verifier.examine import Examined, examine
from miniseal.verifier.host.head import Head
from miniseal.verifier.host.load import Loader
from miniseal.verifier.host.mac import derive, seal
from miniseal.verifier.host.reader import StateReader
from miniseal.verifier.host.state import State


@pytest.fixture
def scene(tmp_path: Path) -> Scene:
    return Scene(tmp_path)


def blobs(scene: Scene) -> set[str]:
    return {path.name for path in (scene.state / "blobs" / "sha256").iterdir()}


def test_nobody_else_can_read_the_key(scene: Scene) -> None:
    installed(scene)

    assert (scene.state / "mac.key").stat().st_mode & 0o777 == 0o600
    assert len((scene.state / "mac.key").read_bytes()) == 32
    assert scene.state.stat().st_mode & 0o077 == 0


def test_randomness_is_the_callers(scene: Scene) -> None:
    scene.release()
    verifier = scene.verifier()
    verifier._random = bytes

    verifier.install(APP, scene.repository, "1.0.0")

    assert (scene.state / "mac.key").read_bytes() == bytes(32)
    assert json.loads((scene.state / "host.json").read_bytes())["id"] == "00" * 16


def test_nothing_installed_is_said_so(scene: Scene) -> None:
    assert load_code(scene) == "not-installed"
    assert scene.verifier().installed() == ()
    assert not scene.state.exists()


def test_what_is_not_installed_can_be_neither_removed_nor_readmitted(scene: Scene) -> None:
    installed(scene)
    for act in (scene.verifier().remove, scene.verifier().readmit):
        with pytest.raises(MinisealError) as error:
            act("com.acme.other")
        assert error.value.code == "not-installed"


def test_the_installed_programs_are_listed(scene: Scene) -> None:
    for app_id in ("com.acme.zoo", "com.acme.ant"):
        scene.release(app_id)
        scene.verifier().install(app_id, scene.repository, "1.0.0")

    listed = scene.verifier().installed()

    assert [each.app_id for each in listed] == ["com.acme.ant", "com.acme.zoo"]


def test_an_upgrade_sweeps_what_the_old_version_needed(scene: Scene) -> None:
    scene.release(made=package(code=1, wasm=wasm_module(mark=b"1")))
    scene.verifier().install(APP, scene.repository, "1.0.0")
    old = blobs(scene)
    scene.release(made=package(code=2, version="2.0.0", wasm=wasm_module(mark=b"2")))
    scene.verifier().install(APP, scene.repository, "2.0.0")

    assert blobs(scene) & old == set()
    assert len(list((scene.state / "records").iterdir())) == 1


def test_a_blob_that_another_program_needs_is_not_swept(scene: Scene) -> None:
    scene.release("com.acme.other")
    scene.verifier().install("com.acme.other", scene.repository, "1.0.0")
    installed(scene)
    scene.verifier().remove(APP)

    assert scene.verifier().load("com.acme.other").wasm


def test_removal_leaves_no_content(scene: Scene) -> None:
    installed(scene)
    scene.verifier().remove(APP)

    assert blobs(scene) == set()
    assert list((scene.state / "records").iterdir()) == []


def test_readmission_needs_no_store(scene: Scene) -> None:
    made = installed(scene)
    scene.now += 86_400
    scene.policy(POLICY.replace("serial = 1", "serial = 2"))

    admission = scene.verifier().readmit(APP)

    assert admission.package == made.digest
    assert scene.verifier().load(APP).wasm == made.wasm


def test_a_program_removed_meanwhile_is_not_readmitted(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    installed(scene)

    def slow(*arguments: Any) -> Examined:
        result = examine(*arguments)
        scene.verifier().remove(APP)
        return result

    monkeypatch.setattr("miniseal.verifier.host.admit.examine", slow)
    with pytest.raises(MinisealError) as error:
        scene.verifier().readmit(APP)

    assert error.value.code == "not-installed"
    assert load_code(scene) == "not-installed"


def test_readmission_by_a_policy_without_the_key_is_refused(scene: Scene) -> None:
    installed(scene)
    (scene.path.parent / "acme.pub").write_bytes(key("stranger").public_pem)
    scene.policy(POLICY.replace("serial = 1", "serial = 2"))

    with pytest.raises(MinisealError) as error:
        scene.verifier().readmit(APP)

    assert error.value.code == "identity-mismatch"


def test_a_policy_by_another_program_makes_the_rest_wait_for_readmission(scene: Scene) -> None:
    installed(scene)
    scene.policy(POLICY.replace("serial = 1", "serial = 2"))
    scene.release("com.acme.other")
    scene.verifier().install("com.acme.other", scene.repository, "1.0.0")

    assert load_code(scene) == "policy-changed"
    scene.verifier().readmit(APP)
    assert scene.verifier().load(APP).app_id == APP


def test_the_audit_log_of_a_life_is_whole(scene: Scene) -> None:
    installed(scene)
    install_code(scene, "9.9.9")
    load_code(scene, "com.acme.other")
    scene.verifier().readmit(APP)
    scene.verifier().remove(APP)

    entries = scene.verifier().audit().entries

    assert [(each["event"], each["outcome"]) for each in entries] == [
        ("install", "admitted"),
        ("install", "refused"),
        ("load", "refused"),
        ("readmit", "admitted"),
        ("remove", "removed"),
    ]


def test_a_refused_load_is_refused_even_where_nothing_can_be_logged(scene: Scene) -> None:
    installed(scene)
    (scene.state / "audit.jsonl").unlink()
    (scene.state / "audit.jsonl").mkdir()

    assert load_code(scene, "com.acme.other") == "not-installed"


def test_a_load_writes_nothing(scene: Scene) -> None:
    installed(scene)
    before = {path: path.stat().st_mtime_ns for path in scene.state.rglob("*")}

    scene.verifier().load(APP)

    assert {path: path.stat().st_mtime_ns for path in scene.state.rglob("*")} == before


def test_a_held_lock_is_said_so(scene: Scene) -> None:
    installed(scene)
    state = State(str(scene.state), StateReader(str(scene.state)), os.urandom)

    with (
        FileLock(scene.state / "lock"),
        pytest.raises(MinisealError) as error,
        state.locked(seconds=0.01),
    ):
        pass

    assert error.value.code == "state-busy"


def test_a_state_in_a_files_place_is_said_so(scene: Scene) -> None:
    scene.release()
    scene.state.write_bytes(b"")

    assert install_code(scene) == "state-unreadable"


def test_a_link_in_a_blobs_place_is_not_followed(scene: Scene, tmp_path: Path) -> None:
    made = installed(scene)
    path = scene.state / "blobs" / "sha256" / made.config.wasm.digest.removeprefix("sha256:")
    shutil.move(path, tmp_path / "elsewhere")
    path.symlink_to(tmp_path / "elsewhere")

    assert load_code(scene) == "state-unreadable"


@pytest.mark.parametrize("payload", [b"{}", b"junk", b'{"format":2}'])
def test_a_head_of_another_version_is_said_so(scene: Scene, payload: bytes) -> None:
    installed(scene)
    secret = (scene.state / "mac.key").read_bytes()
    sealed = seal(payload, derive(secret, "head"), "head")
    (scene.state / "head.json").write_bytes(sealed)

    assert load_code(scene) == "state-malformed"


@pytest.mark.parametrize("payload", [b"{}", b"junk", b'{"format":2}'])
def test_a_record_of_another_version_is_said_so(scene: Scene, payload: bytes) -> None:
    installed(scene)
    secret = (scene.state / "mac.key").read_bytes()
    record_file(scene).write_bytes(seal(payload, derive(secret, "record"), "record"))

    assert load_code(scene) == "state-malformed"


def test_a_policy_may_be_a_link_as_mounted_configuration_is(scene: Scene, tmp_path: Path) -> None:
    shutil.move(scene.path, tmp_path / "real.toml")
    scene.path.symlink_to(tmp_path / "real.toml")

    made = installed(scene)

    assert scene.verifier().load(APP).package == made.digest


def test_a_load_that_meets_an_upgrade_takes_the_new_version(scene: Scene) -> None:
    scene.release(code=1)
    scene.release(code=2)
    scene.verifier().install(APP, scene.repository, "1.0.0")

    class Late(StateReader):
        """Has read the head just before somebody else upgraded the program."""

        stale = StateReader(str(scene.state)).head()

        def head(self) -> Head:
            found, self.stale = self.stale, super().head()
            return found

    scene.verifier().install(APP, scene.repository, "2.0.0")
    loader = Loader(str(scene.path), Late(str(scene.state)))

    assert loader.load(APP, now=scene.now).version_code == 2


def test_an_admission_ends_at_its_end(scene: Scene) -> None:
    installed(scene)
    (admission,) = scene.verifier().installed()
    scene.now = admission.record.expires - 1
    assert scene.verifier().load(APP).app_id == APP

    scene.now += 1

    assert load_code(scene) == "admission-expired"


def test_what_a_host_does_to_a_program_does_not_reach_the_next(scene: Scene) -> None:
    installed(scene)
    verifier = scene.verifier()
    program = verifier.load(APP)
    program.grants.limits["fuel"] = 10**9
    program.grants.permissions = ("camera",)
    program.evidence[0]["signers"] = ["mallory"]
    program.evidence.clear()

    again = verifier.load(APP)

    assert again.grants.limits["fuel"] == 1_000_000
    assert again.grants.permissions == ("storage",)
    assert [each["signers"] for each in again.evidence] == [*[["acme"]] * 5, []]


def test_the_longest_app_id_has_a_record(scene: Scene) -> None:
    app_id = "com.acme." + "a" * 246
    scene.release(app_id)
    scene.verifier().install(app_id, scene.repository, "1.0.0")
    scene.release(app_id, code=2)
    scene.verifier().install(app_id, scene.repository, "2.0.0")

    assert len(app_id) == 255
    assert scene.verifier().load(app_id).version_code == 2


def test_assets_and_manifest_come_from_the_verified_bytes(scene: Scene) -> None:
    scene.release(made=package(assets={"a.json": b"{}"}))
    scene.verifier().install(APP, scene.repository, "1.0.0")

    program = scene.verifier().load(APP)

    assert dict(program.assets) == {"a.json": b"{}"}
    assert program.manifest["app_id"] == APP
    assert program.config == package(assets={"a.json": b"{}"}).config.to_bytes()


# Crashes and company


def killed_at(scene: Scene, step: int, reference: str) -> bool:
    """Install in a child that is killed at its n-th change of the file system; did it get there."""
    child = os.fork()
    if child == 0:
        left = step

        def watch(event: str, arguments: tuple[object, ...]) -> None:
            nonlocal left
            del arguments
            if event in {"os.rename", "os.mkdir", "os.remove", "os.truncate"}:
                left -= 1
                if left < 0:
                    os.kill(os.getpid(), signal.SIGKILL)

        sys.addaudithook(watch)
        try:
            scene.verifier().install(APP, scene.repository, reference)
        finally:
            os._exit(0)
    _, status = os.waitpid(child, 0)
    return os.WIFSIGNALED(status)


def loads_as(scene: Scene) -> str:
    """The version that loads, or the code of the refusal."""
    try:
        return scene.verifier().load(APP).version_name
    except MinisealError as error:
        return error.code


def test_a_kill_at_any_moment_of_the_first_installation_leaves_none_or_one(scene: Scene) -> None:
    scene.release()
    step = 0
    while killed_at(scene, step, "1.0.0"):
        assert loads_as(scene) in {"not-installed", "1.0.0"}
        scene.verifier().install(APP, scene.repository, "1.0.0")
        assert scene.verifier().load(APP).version_code == 1
        shutil.rmtree(scene.state)
        step += 1

    assert step > 10


def test_a_kill_at_any_moment_of_an_upgrade_leaves_the_old_or_the_new(
    scene: Scene, tmp_path: Path
) -> None:
    scene.release(made=package(code=1, wasm=wasm_module(mark=b"1")))
    scene.release(made=package(code=2, version="2.0.0", wasm=wasm_module(mark=b"2")))
    scene.verifier().install(APP, scene.repository, "1.0.0")
    shutil.copytree(scene.state, tmp_path / "before")
    step, seen = 0, set[int]()
    while killed_at(scene, step, "2.0.0"):
        seen.add(scene.verifier().load(APP).version_code)
        scene.verifier().install(APP, scene.repository, "2.0.0")
        assert scene.verifier().load(APP).version_code == 2
        shutil.rmtree(scene.state)
        shutil.copytree(tmp_path / "before", scene.state)
        step += 1

    assert seen == {1, 2}


def test_several_processes_admit_into_one_state(scene: Scene) -> None:
    for number in range(8):
        scene.release(f"com.acme.a{number}")
        made = scene.repository.tags.pop("1.0.0")
        scene.repository.tags[f"a{number}"] = made
    installed(scene)
    context = multiprocessing.get_context("fork")
    processes = [
        context.Process(target=_install_by_digest, args=(scene, first)) for first in (0, 4)
    ]
    for process in processes:
        process.start()
    for process in processes:
        process.join()

    assert [process.exitcode for process in processes] == [0, 0]
    assert len(scene.verifier().installed()) == 9
    assert scene.verifier().audit().count == 9


def _install_by_digest(scene: Scene, first: int) -> None:
    for number in range(first, first + 4):
        digest = scene.repository.tags[f"a{number}"].digest
        scene.verifier().install(f"com.acme.a{number}", scene.repository, digest)


def test_loads_go_on_while_another_process_upgrades(scene: Scene) -> None:
    for code in range(1, 8):
        made = package(code=code, version=f"{code}.0.0", wasm=wasm_module(mark=b"%d" % code))
        scene.release(made=made)
    scene.verifier().install(APP, scene.repository, "1.0.0")
    context = multiprocessing.get_context("fork")
    process = context.Process(target=_upgrade, args=(scene,))
    process.start()
    verifier, seen = scene.verifier(), set[int]()
    while process.is_alive():
        seen.add(verifier.load(APP).version_code)
    process.join()

    assert process.exitcode == 0
    assert verifier.load(APP).version_code == 7
    assert len(seen) > 1


def _upgrade(scene: Scene) -> None:
    for code in range(2, 8):
        scene.verifier().install(APP, scene.repository, f"{code}.0.0")
