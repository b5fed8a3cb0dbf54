"""Trust material in a host's state: taken in whole, never an older one, kept with everything."""

import json
from pathlib import Path

import pytest

from kit.hosts import installed
from kit.packages import APP, NOW, POLICY, Scene
from kit.tufs import DAY, ROOT_FILE, TRUSTED_ROOT, Repository, trusting
from miniseal.formats.digest import sha256
from miniseal.formats.errors import MinisealError
from miniseal.verifier.host.reader import StateReader
from miniseal.verifier.host.trust import needed_material
from miniseal.verifier.policy.policy import Policy
from miniseal.verifier.signatures.trust import of_policy

OTHER = b'{"other":1}'


@pytest.fixture
def repository() -> Repository:
    return Repository(NOW)


@pytest.fixture
def scene(tmp_path: Path, repository: Repository) -> Scene:
    scene = Scene(tmp_path, trusting(POLICY))
    (scene.path.parent / ROOT_FILE).write_bytes(repository.pinned)
    return scene


def accept(scene: Scene, repository: Repository) -> None:
    scene.verifier().accept_trust(repository.material(scene.now).to_bytes())


def refusal(scene: Scene, material: bytes) -> str:
    with pytest.raises(MinisealError) as error:
        scene.verifier().accept_trust(material)
    return error.value.code


def current(scene: Scene) -> bytes:
    """The trusted root that an admission would go by."""
    policy = Policy.load(scene.path)
    material = needed_material(StateReader(str(scene.state)), policy)
    root = of_policy(policy, material, scene.now)
    assert root is not None
    return root.data


def missing(scene: Scene) -> str:
    with pytest.raises(MinisealError) as error:
        current(scene)
    return error.value.code


def test_what_was_accepted_is_what_admissions_go_by(scene: Scene, repository: Repository) -> None:
    assert scene.verifier().trust_material() is None
    assert missing(scene) == "trust-missing"

    accept(scene, repository)

    assert current(scene) == TRUSTED_ROOT
    assert scene.verifier().trust_material() == repository.material().to_bytes()


def test_a_state_begins_with_its_trust(scene: Scene, repository: Repository) -> None:
    accept(scene, repository)

    made = installed(scene)

    assert scene.verifier().load(APP).package == made.digest
    assert current(scene) == TRUSTED_ROOT


def test_installed_programs_keep_their_admissions(scene: Scene, repository: Repository) -> None:
    accept(scene, repository)
    made = installed(scene)
    repository.rotate("root")
    repository.publish(OTHER)

    accept(scene, repository)

    assert scene.verifier().load(APP).package == made.digest
    assert current(scene) == OTHER


def test_old_material_is_swept_and_the_current_one_is_not(
    scene: Scene, repository: Repository
) -> None:
    accept(scene, repository)
    old = sha256(repository.material().to_bytes()).removeprefix("sha256:")
    repository.publish(OTHER)
    accept(scene, repository)
    installed(scene, 1)
    installed(scene, 2)
    scene.verifier().remove(APP)

    new = sha256(repository.material().to_bytes()).removeprefix("sha256:")
    blobs = {path.name for path in (scene.state / "blobs" / "sha256").iterdir()}
    assert old not in blobs
    assert blobs == {new}


def test_material_never_gets_older(scene: Scene, repository: Repository) -> None:
    old = repository.material().to_bytes()
    repository.publish(OTHER)
    accept(scene, repository)

    assert refusal(scene, old) == "trust-rollback"
    assert current(scene) == OTHER


def test_material_never_gets_older_when_the_current_one_is_gone(
    scene: Scene, repository: Repository
) -> None:
    old = repository.material().to_bytes()
    repository.publish(OTHER)
    accept(scene, repository)
    for blob in (scene.state / "blobs" / "sha256").iterdir():
        blob.unlink()

    assert missing(scene) == "state-damaged"
    assert refusal(scene, old) == "trust-rollback"
    accept(scene, repository)
    assert current(scene) == OTHER


def test_material_that_was_changed_in_the_state_is_noticed(
    scene: Scene, repository: Repository
) -> None:
    accept(scene, repository)
    (blob,) = (scene.state / "blobs" / "sha256").iterdir()
    later = repository.material(NOW + DAY).to_bytes()
    assert len(later) == blob.stat().st_size

    blob.write_bytes(later)

    assert missing(scene) == "digest-mismatch"


def test_an_older_head_brings_no_older_material_back(scene: Scene, repository: Repository) -> None:
    accept(scene, repository)
    old = (scene.state / "head.json").read_bytes()
    repository.publish(OTHER)
    accept(scene, repository)

    (scene.state / "head.json").write_bytes(old)

    assert missing(scene) == "state-damaged"


@pytest.mark.parametrize("days", [8, 31])
def test_material_gets_too_old_in_the_state(
    scene: Scene, repository: Repository, days: int
) -> None:
    accept(scene, repository)

    scene.now += days * DAY

    assert missing(scene) == "trust-stale"


@pytest.mark.parametrize("kind", ["junk", "stranger", "stale", "future"])
def test_what_is_refused_changes_nothing_but_the_log(
    scene: Scene, repository: Repository, kind: str
) -> None:
    accept(scene, repository)
    before = scene.verifier().trust_material()
    bad = {
        "junk": (b"{", "trust-invalid"),
        "stranger": (Repository(NOW).material().to_bytes(), "trust-invalid"),
        "stale": (repository.material(NOW - 31 * DAY).to_bytes(), "trust-stale"),
        "future": (repository.material(NOW + DAY).to_bytes(), "trust-invalid"),
    }
    data, code = bad[kind]

    assert refusal(scene, data) == code
    assert scene.verifier().trust_material() == before
    line = scene.verifier().audit(last=1).entries[0]
    assert (line["event"], line["outcome"], line["error"]) == ("refresh", "refused", code)


def test_the_log_says_what_was_accepted(scene: Scene, repository: Repository) -> None:
    accept(scene, repository)

    (line,) = scene.verifier().audit().entries

    assert (line["event"], line["outcome"]) == ("refresh", "accepted")
    assert line["trust"] == sha256(TRUSTED_ROOT)
    assert line["material"] == sha256(repository.material().to_bytes())
    assert "app_id" not in line


def test_an_older_policy_accepts_nothing(scene: Scene, repository: Repository) -> None:
    scene.policy(trusting(POLICY).replace("serial = 1", "serial = 2"))
    accept(scene, repository)
    repository.publish(OTHER)
    material = repository.material().to_bytes()

    scene.policy(trusting(POLICY))
    older = refusal(scene, material)
    scene.policy(trusting(POLICY).replace("serial = 1", "serial = 2") + "\n")

    assert older == "policy-rollback"
    assert refusal(scene, material) == "policy-serial-reused"


def test_a_newer_policy_does_not_become_the_hosts_by_a_refresh(
    scene: Scene, repository: Repository
) -> None:
    installed(scene)
    scene.policy(trusting(POLICY).replace("serial = 1", "serial = 2"))

    accept(scene, repository)

    scene.policy(trusting(POLICY))
    assert scene.verifier().load(APP).version_code == 1


def test_a_clock_behind_accepts_nothing(scene: Scene, repository: Repository) -> None:
    installed(scene)
    scene.now -= DAY

    assert refusal(scene, repository.material(scene.now).to_bytes()) == "clock-rollback"


def test_the_clock_does_not_go_back_behind_a_refresh(scene: Scene, repository: Repository) -> None:
    scene.now += 2 * DAY
    accept(scene, repository)
    scene.now -= 2 * DAY
    scene.release()

    with pytest.raises(MinisealError) as error:
        scene.verifier().install(APP, scene.repository, "1.0.0")

    assert error.value.code == "clock-rollback"


def test_a_policy_without_tuf_accepts_nothing(tmp_path: Path, repository: Repository) -> None:
    scene = Scene(tmp_path)

    assert refusal(scene, repository.material().to_bytes()) == "trust-missing"
    assert needed_material(StateReader(str(scene.state)), Policy.load(scene.path)) is None


def test_damaged_material_stops_no_policy_that_needs_none(
    scene: Scene, repository: Repository
) -> None:
    accept(scene, repository)
    for blob in (scene.state / "blobs" / "sha256").iterdir():
        blob.unlink()
    scene.policy(POLICY.replace("serial = 1", "serial = 2"))

    installed(scene)

    assert scene.verifier().load(APP).version_code == 1


def test_a_head_that_an_earlier_version_wrote_has_no_trust(scene: Scene) -> None:
    installed(scene)
    reader = StateReader(str(scene.state))
    members = json.loads(reader.head().to_payload())
    del members["trust"]

    head = type(reader.head()).from_payload(json.dumps(members).encode())

    assert head.trust is None
