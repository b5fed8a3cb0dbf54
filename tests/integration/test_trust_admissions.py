"""Keyless admissions by a trusted root that comes by TUF: what they rest on, and until when."""

import json
from pathlib import Path

import pytest

from kit.fakesigstore import FakeSigstore
from kit.hosts import install_code, load_code
from kit.keyless import KEYLESS, FakeSigner
from kit.packages import APP, NOW, Scene
from kit.tufs import DAY, ROOT_FILE, Repository
from miniseal.formats.digest import sha256
from miniseal.formats.errors import MinisealError

POLICY = KEYLESS.replace(
    '[trust]\ntrusted_root = "trusted_root.json"\n',
    f'[trust]\nmax_age = "30d"\n[trust.tuf]\nurl = "https://tuf.example"\nroot = "{ROOT_FILE}"\n',
)
SIGSTORE = json.dumps(FakeSigstore().trusted_root()).encode()
OTHER = json.dumps(FakeSigstore("another").trusted_root()).encode()


@pytest.fixture
def repository() -> Repository:
    return Repository(NOW, content=SIGSTORE)


@pytest.fixture
def scene(tmp_path: Path, repository: Repository) -> Scene:
    """A package that a workflow has signed, and a host that knows no trusted root yet."""
    scene = Scene(tmp_path, POLICY)
    (scene.path.parent / ROOT_FILE).write_bytes(repository.pinned)
    scene.release(signer=FakeSigner.of())
    return scene


def refresh(scene: Scene, repository: Repository) -> None:
    scene.verifier().accept_trust(repository.material(scene.now).to_bytes())


def readmit_code(scene: Scene) -> str:
    with pytest.raises(MinisealError) as error:
        scene.verifier().readmit(APP)
    return error.value.code


def test_nothing_is_admitted_before_a_refresh(scene: Scene, repository: Repository) -> None:
    assert install_code(scene) == "trust-missing"
    refresh(scene, repository)

    admission = scene.verifier().install(APP, scene.repository, "1.0.0")

    assert admission.record.trust == sha256(SIGSTORE)
    assert scene.verifier().load(APP).version_code == 1


def test_an_admission_ends_with_its_trust_material(scene: Scene, repository: Repository) -> None:
    refresh(scene, repository)

    admission = scene.verifier().install(APP, scene.repository, "1.0.0")

    assert admission.record.expires == NOW + 7 * DAY
    scene.now = NOW + 7 * DAY
    assert load_code(scene) == "admission-expired"
    assert readmit_code(scene) == "trust-stale"


def test_a_refresh_and_a_readmission_go_on(scene: Scene, repository: Repository) -> None:
    refresh(scene, repository)
    scene.verifier().install(APP, scene.repository, "1.0.0")
    scene.now = repository.now = NOW + 6 * DAY
    repository.publish_timestamp()
    refresh(scene, repository)

    again = scene.verifier().readmit(APP)

    assert again.record.expires == NOW + 13 * DAY
    scene.now = NOW + 12 * DAY
    assert scene.verifier().load(APP).version_code == 1


def test_a_new_root_counts_for_what_is_decided_after_it(
    scene: Scene, repository: Repository
) -> None:
    refresh(scene, repository)
    scene.verifier().install(APP, scene.repository, "1.0.0")
    repository.publish(OTHER)
    refresh(scene, repository)

    assert scene.verifier().load(APP).version_code == 1
    assert readmit_code(scene) == "log-entry-invalid"
    assert install_code(scene) == "log-entry-invalid"
    assert scene.verifier().load(APP).version_code == 1
