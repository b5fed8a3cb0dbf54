import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from miniseal.cli.commands.advisories import command
from miniseal.cli.demo.advisories import ADVISORIES
from miniseal.pipeline.trivy.database import Database
from miniseal.pipeline.trivy.source import parse

TIME = "2026-11-21T00:00:00Z"


@pytest.fixture
def advisories(tmp_path: Path) -> Path:
    folder = tmp_path / "advisories"
    folder.mkdir()
    for name, advisory in ADVISORIES.items():
        (folder / f"{name}.json").write_text(json.dumps(advisory), encoding="utf-8")
    return folder


def test_a_database_is_made_and_named_by_its_digest(advisories: Path, tmp_path: Path) -> None:
    words = ["build", str(advisories), "-o", str(tmp_path / "db"), "--updated", TIME, "--json"]

    result = json.loads(CliRunner().invoke(command, words).stdout)["result"]

    made = Database.open(tmp_path / "db")
    assert (result["digest"], result["updated"]) == (made.digest, TIME)


def test_the_same_advisories_make_the_same_database(advisories: Path, tmp_path: Path) -> None:
    for name in ("one", "two"):
        words = ["build", str(advisories), "-o", str(tmp_path / name), "--updated", TIME]
        CliRunner().invoke(command, words)

    one, two = (Database.open(tmp_path / name) for name in ("one", "two"))
    assert one.digest == two.digest


def test_a_folder_without_advisories_makes_nothing(tmp_path: Path) -> None:
    words = ["build", str(tmp_path), "-o", str(tmp_path / "db"), "--json"]

    result = CliRunner().invoke(command, words)

    assert json.loads(result.stdout)["error"]["code"] == "database-missing"
    assert not (tmp_path / "db").exists()


def test_a_database_is_published_as_an_artifact(advisories: Path, tmp_path: Path) -> None:
    to = f"oci:{tmp_path / 'layout'}"
    words = ["build", str(advisories), "--to", to, "--updated", TIME, "--json"]

    result = json.loads(CliRunner().invoke(command, words).stdout)["result"]

    made = parse(result["reference"], cache=tmp_path / "cache").open()
    assert (result["digest"], result["database"]) == (made.digest, None)
    assert result["reference"].startswith(f"{to}@sha256:")


def test_a_database_has_to_go_somewhere(advisories: Path) -> None:
    result = CliRunner().invoke(command, ["build", str(advisories)])

    assert result.exit_code == 2
