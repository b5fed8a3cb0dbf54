from pathlib import Path

import pytest
from click.testing import CliRunner

from miniseal.cli.commands.init import command
from miniseal.packager import Project


@pytest.mark.parametrize("toolchain", ["assemblyscript", "c", "wat"])
def test_a_template_is_a_project(toolchain: str, tmp_path: Path) -> None:
    folder = tmp_path / "new"

    CliRunner().invoke(
        command, [str(folder), "--toolchain", toolchain, "--app", "com.acme.counter"]
    )

    project = Project.load(folder)
    assert project.manifest.app_id == "com.acme.counter"
    assert project.manifest.name == "Counter"
    assert project.settings.build.toolchain == toolchain
    assert project.settings.test


def test_a_folder_with_something_in_it_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "mine").write_bytes(b"x")

    result = CliRunner().invoke(command, [str(tmp_path), "--toolchain", "wat", "--json"])

    assert '"file-unusable"' in result.output
    assert [path.name for path in tmp_path.iterdir()] == ["mine"]


def test_a_malformed_app_id_writes_nothing(tmp_path: Path) -> None:
    result = CliRunner().invoke(
        command, [str(tmp_path / "new"), "--toolchain", "wat", "--app", "Acme", "--json"]
    )

    assert '"manifest-invalid"' in result.output
    assert not (tmp_path / "new").exists()
