"""`miniseal demo`: the whole story, and what it does where it cannot be told."""

import shutil
from pathlib import Path

import pytest

from kit.commands import Run, run_miniseal
from kit.killing import nothing_survives
from kit.layouts import snapshot
from miniseal.cli.demo.stage import Stage
from miniseal.formats.errors import MinisealError

REFUSED = [
    *("digest-mismatch", "identity-mismatch", "subject-mismatch"),
    *("import-undeclared", "rollback", "denied"),
]


def demo(examples: Path, into: Path, path: Path | None = None) -> Run:
    with nothing_survives():
        env = {"PATH": str(path)} if path else None
        return run_miniseal("demo", examples, "--into", into, env=env)


@pytest.fixture
def without_scanner(tmp_path: Path) -> Path:
    """A PATH that has everything but trivy."""
    folder = tmp_path / "bin"
    folder.mkdir()
    for name in ("git", "unshare", "bwrap"):
        found = shutil.which(name)
        if found:
            (folder / name).symlink_to(Path(found).resolve())
    return folder


def test_the_demo_runs_a_program_and_refuses_six_attempts_twice_in_one_folder(
    examples: Path, tmp_path: Path
) -> None:
    for _ in range(2):
        run = demo(examples, tmp_path / "demo")

        assert run.ok() == {"refused": REFUSED}
        assert "the program says  1800" in run.stderr
        for code in REFUSED:
            assert f"  refused   {code}: " in run.stderr


def test_a_folder_of_somebody_s_is_left_alone(examples: Path, tmp_path: Path) -> None:
    folder = tmp_path / "photos"
    (folder / "2026").mkdir(parents=True)
    (folder / "2026" / "cat.jpg").write_bytes(b"meow")

    demo(examples, folder).refused("demo-folder-taken", exit_code=2)

    assert snapshot(folder) == {"2026/cat.jpg": b"meow"}


def test_a_file_in_the_folder_s_place_is_left_alone(examples: Path, tmp_path: Path) -> None:
    (tmp_path / "diary").write_text("dear diary")

    demo(examples, tmp_path / "diary").refused("demo-folder-taken", exit_code=2)

    assert (tmp_path / "diary").read_text() == "dear diary"


def test_a_scene_that_does_not_play_is_reported(
    examples: Path, tmp_path: Path, without_scanner: Path
) -> None:
    error = demo(examples, tmp_path / "demo", without_scanner).refused("demo-broken", exit_code=2)

    assert error["message"] == "miniseal release failed"
    assert "scanner-missing" in error["found"]


def test_a_refusal_that_does_not_come_is_reported(examples: Path, tmp_path: Path) -> None:
    known = Path(shutil.copytree(examples, tmp_path / "examples"))
    settings = known / "tip" / "miniseal.toml"
    allowed = '[permissions]\nnet = ["host:net/http@1.0.0"]\n\n[limits]'
    settings.write_text(settings.read_text(encoding="utf-8").replace("[limits]", allowed))
    manifest = known / "tip" / "manifest.json"
    text = manifest.read_text(encoding="utf-8")
    asked = '"req_permissions": [{"name": "net", "reason": "calls home"}]'
    manifest.write_text(text.replace('"req_permissions": []', asked), encoding="utf-8")

    error = demo(known, tmp_path / "demo").refused("demo-broken", exit_code=2)

    assert error["message"] == "miniseal release was not refused"
    assert error["expected"] == "import-undeclared"


def test_a_command_that_prints_no_json_is_reported(examples: Path, tmp_path: Path) -> None:
    stage = Stage(examples=examples, folder=tmp_path, say=lambda _: None)

    with pytest.raises(MinisealError) as error:
        stage.run("--help", "keys")

    assert error.value.code == "demo-broken"
    assert error.value.found == "exit code 0"
