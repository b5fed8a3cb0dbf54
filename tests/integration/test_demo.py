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


def test_the_demo_runs_a_program_and_refuses_six_attempts_where_an_earlier_one_broke_off(
    examples: Path, tmp_path: Path, without_scanner: Path
) -> None:
    error = demo(examples, tmp_path / "demo", without_scanner).refused("demo-broken", exit_code=2)

    assert error["message"] == "miniseal release failed"
    assert "scanner-missing" in error["found"]

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


@pytest.fixture
def stage(examples: Path, tmp_path: Path) -> Stage:
    return Stage(examples=examples, folder=tmp_path, say=lambda _: None)


def test_a_refusal_that_does_not_come_or_is_another_is_reported(stage: Stage) -> None:
    words = ("keys", "generate", str(stage.folder / "own.key"))
    with pytest.raises(MinisealError) as none:
        stage.refused("denied", *words)
    with pytest.raises(MinisealError) as another:
        stage.refused("denied", *words)

    assert (none.value.code, none.value.expected) == ("demo-broken", "denied")
    assert none.value.message == "miniseal keys was not refused"
    assert (another.value.code, another.value.expected) == ("demo-broken", "denied")
    assert (another.value.found or "").startswith("key-exists: ")


def test_a_command_that_prints_no_json_is_reported(stage: Stage) -> None:
    with pytest.raises(MinisealError) as error:
        stage.run("--help", "keys")

    assert error.value.code == "demo-broken"
    assert error.value.found == "exit code 0"
