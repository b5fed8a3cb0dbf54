"""Trust material in a file, for who has no host's state."""

from pathlib import Path

import pytest

from kit.packages import NOW, POLICY, Scene
from kit.tufs import ROOT_FILE, Repository, trusting
from miniseal.formats.errors import MinisealError
from miniseal.pipeline.trustfile import TrustFile, read_trust
from miniseal.verifier import Policy
from miniseal.verifier.signatures.material import MATERIAL_LIMIT


@pytest.fixture
def repository() -> Repository:
    return Repository(NOW)


@pytest.fixture
def scene(tmp_path: Path, repository: Repository) -> Scene:
    scene = Scene(tmp_path, trusting(POLICY))
    (scene.path.parent / ROOT_FILE).write_bytes(repository.pinned)
    return scene


@pytest.fixture
def file(scene: Scene, tmp_path: Path) -> TrustFile:
    return TrustFile(tmp_path / "trust.json", Policy.load(scene.path), lambda: scene.now)


def refused_file(file: TrustFile, data: bytes) -> str:
    with pytest.raises(MinisealError) as error:
        file.accept_trust(data)
    return error.value.code


def test_a_file_keeps_material_as_a_state_does(file: TrustFile, repository: Repository) -> None:
    assert file.trust_material() is None
    old = repository.material().to_bytes()
    repository.publish(b'{"other":1}')
    new = repository.material().to_bytes()

    file.accept_trust(new)

    assert file.trust_material() == new
    assert refused_file(file, old) == "trust-rollback"
    assert refused_file(file, b"{}") == "trust-invalid"
    assert file.trust_material() == new


def test_a_file_with_junk_is_replaced(
    file: TrustFile, repository: Repository, tmp_path: Path
) -> None:
    (tmp_path / "trust.json").write_bytes(b"junk")

    file.accept_trust(repository.material().to_bytes())

    assert file.trust_material() == repository.material().to_bytes()


def test_a_file_that_cannot_be_had_is_said_so(tmp_path: Path, scene: Scene) -> None:
    folder = TrustFile(tmp_path, Policy.load(scene.path), lambda: NOW)

    with pytest.raises(MinisealError) as error:
        folder.trust_material()

    assert error.value.code == "trust-unreadable"


def test_a_file_in_no_folder_cannot_be_written(
    tmp_path: Path, scene: Scene, repository: Repository
) -> None:
    (tmp_path / "file").touch()
    nowhere = TrustFile(tmp_path / "file" / "t.json", Policy.load(scene.path), lambda: NOW)

    assert refused_file(nowhere, repository.material().to_bytes()) == "trust-unreadable"


def test_a_file_has_a_largest_size(tmp_path: Path) -> None:
    path = tmp_path / "large"
    with path.open("wb") as file:
        file.truncate(MATERIAL_LIMIT + 1)

    with pytest.raises(MinisealError) as error:
        read_trust(path)

    assert error.value.code == "trust-invalid"
