import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from miniseal.cli.commands.lock import command
from miniseal.packager import Lock

DIGEST = f"sha256:{'ab' * 32}"
IMAGE = f"registry.example/base@{DIGEST}"


@pytest.fixture
def folder(tmp_path: Path, examples: Path) -> Path:
    return Path(shutil.copytree(examples / "tip", tmp_path / "tip"))


def lock(folder: Path, *words: str) -> dict[str, Any]:
    done = CliRunner().invoke(command, [str(folder), "--json", *words])
    result: dict[str, Any] = json.loads(done.output)
    return result


def test_a_lock_is_written_again_without_an_image(folder: Path) -> None:
    before = (folder / "miniseal.lock").read_bytes()

    assert lock(folder)["result"]["images"] == []
    assert (folder / "miniseal.lock").read_bytes() == before


def test_an_image_is_pinned_and_stays(folder: Path) -> None:
    result = lock(folder, "--base-image", IMAGE)["result"]

    lock(folder)

    (image,) = Lock.from_toml((folder / "miniseal.lock").read_bytes()).images
    assert result["images"] == [
        {"name": "registry.example/base", "digest": DIGEST, "platform": image.platform}
    ]
    assert image.digest == DIGEST


def test_an_image_takes_the_place_of_its_platforms(folder: Path) -> None:
    lock(folder, "--base-image", IMAGE)
    path = folder / "miniseal.lock"
    other = f'[[image]]\nname = "oci-archive"\ndigest = "{DIGEST}"\nplatform = "linux/s390x"\n'
    path.write_text(f"{path.read_text()}\n{other}")

    lock(folder, "--base-image", f"registry.example/new@{DIGEST}")

    names = {image.name for image in Lock.from_toml(path.read_bytes()).images}
    assert names == {"registry.example/new", "oci-archive"}


def test_a_lock_that_cannot_be_read_is_replaced_aloud(folder: Path) -> None:
    (folder / "miniseal.lock").write_text("<<<<<<< ours")

    done = CliRunner().invoke(command, [str(folder)])

    assert "its base images are gone" in done.output
    assert Lock.from_toml((folder / "miniseal.lock").read_bytes()).images == ()


@pytest.mark.parametrize(
    ("image", "code"),
    [
        ("registry.example/base:1", "reference-malformed"),
        ("oci-archive:nothing.tar", "file-unusable"),
        ("oci-archive:tip/miniseal.toml", "base-image-malformed"),
    ],
)
def test_another_image_is_refused_and_nothing_is_written(
    folder: Path, monkeypatch: pytest.MonkeyPatch, image: str, code: str
) -> None:
    monkeypatch.chdir(folder.parent)
    before = (folder / "miniseal.lock").read_bytes()

    assert lock(folder, "--base-image", image)["error"]["code"] == code
    assert (folder / "miniseal.lock").read_bytes() == before
